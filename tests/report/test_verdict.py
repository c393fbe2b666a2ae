"""The verdict says what is: a help, a harm, or nothing."""

from dataclasses import replace

import numpy as np
import pytest

from swapdae.experiment.config import Experiment
from swapdae.report.stage_results import StageResults
from swapdae.report.verdict import verdict


def judged(regression: StageResults, dae_noise: float, features: tuple[str, str] = ("raw", "dae")) -> str:
    """Of two heads, whose errors are drawn apart: 1 for the first, dae_noise for the second."""
    assert regression.table is not None
    y, rng = regression.table.y, np.random.default_rng(0)
    heads = {name: {"kind": "ridge", "features": view} for name, view in zip(("a", "b"), features, strict=True)}
    experiment = Experiment.model_validate({"name": "made_up", "competition": "c", "heads": heads})
    oofs = {"a": y + rng.normal(size=len(y)), "b": y + dae_noise * rng.normal(size=len(y))}
    return verdict(replace(regression, experiment=experiment, oofs=oofs))


def test_features_that_help_are_said_to_help(regression: StageResults) -> None:
    said = judged(regression, 0.5)
    assert said.startswith("The autoencoder's features help: -0.") and "rmse in the blend" in said, "a lower error"


def test_features_that_add_nothing_are_said_to_add_nothing(regression: StageResults) -> None:
    assert "add nothing that can be told from noise" in judged(regression, 50.0)


def test_rows_that_no_fold_predicts_are_left_out(regression: StageResults) -> None:
    assert regression.table is not None and regression.folds is not None
    some = np.arange(len(regression.folds)) < 40
    folds = np.where(some, -1, regression.folds)
    part = replace(regression, folds=folds)
    y = regression.table.y
    blank = np.where(some, np.nan, y)
    assert "nan" not in judged(replace(part, table=replace(regression.table, y=blank)), 0.5)


@pytest.mark.parametrize(
    ("features", "said"), [(("raw", "raw"), "No head reads"), (("dae", "dae"), "Every head reads")]
)
def test_what_cannot_be_compared_is_said(regression: StageResults, features: tuple[str, str], said: str) -> None:
    assert judged(regression, 1.0, features).startswith(said)


def test_nothing_is_said_before_heads_have_run(regression: StageResults) -> None:
    assert verdict(replace(regression, oofs={})) == ""
