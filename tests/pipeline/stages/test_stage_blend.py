import numpy as np
import pandas as pd

from pipeline_case import make
from swapdae.competition.metrics import METRICS
from swapdae.pipeline.run import Run


def test_blend_is_what_its_report_says(run: Run) -> None:
    make(run)
    metrics = run.report("blend").metrics
    weights = metrics["weights"]
    assert sum(weights.values()) == 1 or abs(sum(weights.values()) - 1) < 1e-9
    oof = sum(weight * run.array(f"heads/{name}", "oof.npy") for name, weight in weights.items())
    assert np.allclose(oof, run.array("blend", "oof.npy"))
    assert metrics["rmse"] == METRICS["rmse"].value(run.data.table.y, run.array("blend", "oof.npy"))
    crossed = run.array("blend", "oof_cross_fitted.npy")
    assert metrics["cross_fitted"] == METRICS["rmse"].value(run.data.table.y, crossed) >= metrics["rmse"] - 1e-12


def test_csv_is_in_the_samples_order_and_comes_back_when_deleted(run: Run) -> None:
    make(run)
    csv = run.paths.submission(run.experiment.name)
    written = csv.read_bytes()
    submission, sample = pd.read_csv(csv), pd.read_csv(run.input / "sample_submission.csv")
    assert submission["id"].tolist() == sample["id"].tolist() and list(submission) == list(sample)
    by_id = dict(zip(run.data.table.test_ids, run.array("blend", "test.npy"), strict=True))
    assert np.allclose(submission["target"], [by_id[i] for i in submission["id"]], atol=1e-6)
    csv.unlink()
    make(run, "blend")
    assert csv.read_bytes() == written
