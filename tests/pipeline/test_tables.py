"""Tables as competitions have them, from packed and parquet files to the submission."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pipeline_case import make
from swapdae.competition.config import Competition
from swapdae.pipeline.run import Run


def test_packed_files_with_dates_and_text_reach_the_submission(run: Run) -> None:
    rng = np.random.default_rng(0)
    for name, to, end in (("train", "to_parquet", "parquet"), ("test", "to_csv", "csv.gz")):
        cells = pd.read_csv(run.input / f"{name}.csv")
        days = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 400, len(cells)), unit="D")
        words = rng.choice(["red", "dry", "old", "sweet", ""], (len(cells), 3))
        note = [" ".join(row) for row in words]
        whole = cells.assign(day=days.strftime("%Y-%m-%d"), note=note, leak=1.0)
        getattr(whole, to)(run.input / f"{name}.{end}", index=False)
    names = ("train.parquet", "test.csv.gz", "sample_submission.csv")
    values = run.competition.model_dump() | {
        "files": dict(zip(("train", "test", "sample"), names, strict=True)),
        "columns": {"drop": ["leak"], "text": ["note"], "categorical": ["x4"]},
    }
    one_epoch = run.experiment.model_copy(update={"heads": {"ridge_dae": run.experiment.heads["ridge_dae"]}})
    here = replace(run, competition=Competition.model_validate(values), experiment=one_epoch)
    make(here)
    found = here.report("download").metrics
    assert (found["dates"], found["text"], found["categorical"][0]) == (["day"], ["note"], "x4")
    assert {"day_day", "day_weekday_spline0", "note_words", "note_text0"} <= set(found["numerical"])
    submission = pd.read_csv(run.paths.submission("tiny"))
    assert submission["id"].tolist() == pd.read_csv(run.input / "sample_submission.csv")["id"].tolist()
    assert np.isfinite(submission["target"]).all()
