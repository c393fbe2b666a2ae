"""Weights of rows and classes from the TOML files to the reports."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from conftest import COMPETITION
from pipeline_case import make, with_experiment
from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.competition.config import read_competition
from swapdae.experiment.config import Experiment, HeadConfig
from swapdae.pipeline.compare import compare
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import plan_of


def of_classes(run: Run, **head: object) -> Run:
    """The synthetic competition with three classes as its target, and one ridge."""
    for file in (run.input / "train.csv",):
        train = pd.read_csv(file)
        edges = train["target"].quantile([0.6, 0.9]).to_numpy()
        train["target"] = np.array(["low", "mid", "top"])[np.digitize(train["target"], edges)]
        train.to_csv(file, index=False)
    text = COMPETITION.replace('"regression"', '"multiclass"').replace('"rmse"', '"logloss"')
    run.paths.competition_file("synthetic").write_text(text)
    heads = {"r": HeadConfig.model_validate({"kind": "ridge", **head})}
    return with_experiment(replace(run, competition=read_competition(run.paths, "synthetic")), heads=heads)


def test_weights_reach_scores_blend_and_comparison(run: Run) -> None:
    weights = np.random.default_rng(0).uniform(0.1, 3, 300)
    file = run.input / "train.csv"
    pd.read_csv(file).assign(w=weights).to_csv(file, index=False)
    run.paths.competition_file("synthetic").write_text(COMPETITION + '[columns]\nweight = "w"\n')
    heads = {name: HeadConfig(kind=name) for name in ("ridge", "lightgbm")}
    heads["lightgbm"] = HeadConfig(kind="lightgbm", params={"n_estimators": 20, "min_child_samples": 5})
    weighted = with_experiment(replace(run, competition=read_competition(run.paths, "synthetic")), heads=heads)
    make(weighted, "blend")
    y = weighted.data.table.y

    def rmse(oof: "np.ndarray[tuple[int, ...], np.dtype[np.float64]]") -> float:
        return float(np.sqrt(np.average((y - oof) ** 2, weights=weights)))

    for name in heads:
        oof = weighted.array(f"heads/{name}", "oof.npy")
        assert weighted.report(f"heads/{name}").metrics["rmse"] == pytest.approx(rmse(oof))
    blended = rmse(weighted.array("blend", "oof_cross_fitted.npy"))
    assert weighted.report("blend").metrics["cross_fitted"] == pytest.approx(blended)
    shutil.copytree(weighted.paths.oof("tiny"), weighted.paths.oof("twin"))
    compared = compare([weighted, with_experiment(weighted, name="twin")])
    assert compared["experiments"]["tiny"]["blend"] == pytest.approx(blended)


def test_a_class_weighs_as_its_label_says_and_its_weight_is_part_of_the_key(run: Run) -> None:
    heavy = of_classes(run, class_weight={"top": 10})
    make(heavy, "heads")
    heads = {"r": HeadConfig(kind="ridge")}
    plain = with_experiment(heavy, heads=heads)
    assert "class_weight" in str(plan_of(plain).states()["heads/r"])
    of_heavy = heavy.array("heads/r", "oof.npy").mean(axis=0)
    make(plain, "heads")
    of_plain = plain.array("heads/r", "oof.npy").mean(axis=0)
    assert of_heavy[2] > of_plain[2] + 0.2


def test_what_weighs_no_class_is_refused(run: Run) -> None:
    heads = {"r": HeadConfig(kind="ridge", class_weight="balanced")}
    with pytest.raises(UserError, match="head 'r': class_weight is of classes; task 'regression' has none"):
        plan_of(with_experiment(run, heads=heads))
    with pytest.raises(UserError, match="class_weight: the target has no class 'best'; it has low, mid, top"):
        make(of_classes(run, class_weight={"best": 2}), "heads")
    told = {"name": "e", "competition": "c", "heads": {"r": {"kind": "ridge", "class_weight": {"a": 0}}}}
    with pytest.raises(UserError, match=r"heads\.r\.class_weight"):
        parse(Experiment, told, "here")
