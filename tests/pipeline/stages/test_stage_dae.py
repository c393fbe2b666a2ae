import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline_case import make, with_dae, with_table
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.publish import open_scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import dae


def test_one_autoencoder_writes_features_of_all_rows(run: Run) -> None:
    (report,) = make(run, "dae")
    x = np.load(run.directory("dae") / "features.npy", mmap_mode="r")
    assert x.shape == (420, 48) and x.dtype == np.float16 and np.isfinite(x).all()
    (training,) = report.metrics["trainings"]
    assert training["n_rows"] == 420 and report.device.startswith("CPU, ")
    log = (run.directory("dae") / "training_0" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [1, 2]
    assert not list(run.directory("dae").rglob("checkpoint.safetensors"))


@pytest.mark.parametrize(("test_rows", "n_rows"), [(True, 200 + 120), (False, 200)])
def test_per_fold_autoencoders_do_not_see_their_held_out_rows(run: Run, test_rows: bool, n_rows: int) -> None:
    run = with_dae(run, scope="per_fold", test_rows=test_rows)
    (report,) = make(run, "dae")
    assert [training["n_rows"] for training in report.metrics["trainings"]] == [n_rows] * 3
    for fold, rows in enumerate(FeatureStore(run).rows):
        assert not np.isin(np.flatnonzero(run.data.folds.labels == fold), rows).any()
    first, second = (np.load(file) for file in FeatureStore(run).dae_files[:2])
    assert first.shape == second.shape == (420, 48) and not np.array_equal(first, second)
    features = FeatureStore(run).view("dae")
    assert not features.shared and np.array_equal(features.dense(1)[0], second)


def test_held_out_rows_decide_nothing_of_their_folds_features(run: Run) -> None:
    """Change the held-out rows of fold 0: its autoencoder must come out the same, and so must other rows' features."""
    run = with_dae(run, scope="per_fold")
    make(run, "dae")
    before = np.load(FeatureStore(run).dae_files[0]).copy()
    held_out = np.flatnonzero(run.data.folds.labels == 0)
    changed = run.data.table.train.copy()
    changed.loc[held_out, "x0"] = 50.0
    scratch = open_scratch(run.paths.root / "again", "k")
    dae._body(with_table(run, train=changed), scratch)
    after = np.load(scratch.out / "features_0.npy")
    others = np.setdiff1d(np.arange(len(before)), held_out)
    assert np.array_equal(before[others], after[others])
    assert not np.array_equal(before[held_out], after[held_out])


def test_no_head_reads_features_no_autoencoder_is_trained(run: Run) -> None:
    raw = {name: head for name, head in run.experiment.heads.items() if head.features == ("raw",)}
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": raw}))
    assert not make(run, "dae")


def test_write_npy_refuses_another_number_of_rows(tmp_path: Path) -> None:
    blocks = [np.full((2, 3), 1e9, dtype=np.float32)]
    with pytest.raises(ValueError, match="2 rows came, 5 were announced"):
        dae.write_npy(tmp_path / "x.npy", iter(blocks), (5, 3))
    assert not (tmp_path / "x.npy").exists()
    dae.write_npy(tmp_path / "x.npy", iter(blocks), (2, 3))
    assert np.load(tmp_path / "x.npy").tolist() == [[65504.0] * 3] * 2  # clipped, not infinite
