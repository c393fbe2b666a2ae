"""Results of a made-up experiment, as the stages would have left them, with names that a careless page trips over."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.competition.config import Competition, Task
from swapdae.competition.table import Table
from swapdae.experiment.config import Experiment
from swapdae.experiment.stage_report import StageReport, State
from swapdae.report.stage_results import StageResults

Array = NDArray[Any]
METRIC = {"regression": "rmse", "binary": "auc", "multiclass": "logloss"}
EVIL = "<script>document.title = 'evil'</script>"
LONG = "a_very_long_column_name_that_nobody_would_like_to_read_on_a_phone"
HEADS = {
    "mlp_dae": {"kind": "mlp", "features": "dae", "trials": 9},
    EVIL: {"kind": "lightgbm"},
    LONG: {"kind": "xgboost"},
}


def report_of(stage: str, metrics: dict[str, Any], *, drift: str = "", **versions: str) -> State:
    """The state of a stage that is done."""
    report = StageReport(
        stage=stage,
        experiment="made_up",
        key="0123456789abcdef",
        inputs={},
        config={},
        sources={},
        versions={"python": "3.12", **versions},
        device="CPU, float32",
        seconds=12.5,
        peak_rss_gb=0.5,
        metrics=metrics,
        files={},
    )
    return State("done", "", report, drift)


def table_of(task: Task, n_train: int, n_test: int) -> Table:
    """Column x0 has drifted, x1 lacks a fifth of its values, c0 has a level that train lacks."""
    rng = np.random.default_rng(0)
    n = n_train + n_test
    frame = pd.DataFrame({EVIL: rng.choice(list("abc"), n), "c0": rng.choice(["u", "v"], n)})
    for name in ("x0", "x1", LONG):
        frame[name] = rng.normal(size=n)
    frame.loc[n_train:, "x0"] += 1
    frame.loc[rng.random(n) < 0.2, "x1"] = np.nan
    frame.loc[n - 1, "c0"] = "w"
    signal = frame["x0"].to_numpy(dtype=float)[:n_train]
    y: Array = signal + 0.5 * rng.normal(size=n_train)
    classes: tuple[str, ...] = ()
    if task != "regression":
        classes = ("no", "yes") if task == "binary" else ("low", EVIL, "high")
        y = np.digitize(y, np.quantile(y, np.arange(1, len(classes)) / len(classes)))
    ids = np.arange(n)
    parts = frame[:n_train].reset_index(drop=True), frame[n_train:].reset_index(drop=True)
    sample = pd.DataFrame({"id": ids[n_train:], "y": 0})
    return Table(*parts, (EVIL, "c0"), ("x0", "x1", LONG), ids[:n_train], ids[n_train:], y, classes, sample)


def prediction(table: Table, task: Task, frame: pd.DataFrame, noise: int) -> Array:
    signal = frame["x0"].to_numpy(dtype=float) + 0.3 * np.random.default_rng(noise).normal(size=len(frame))
    if task == "regression":
        return signal
    if task == "binary":
        return 1 / (1 + np.exp(-signal))
    weights = np.exp(np.outer(signal, np.arange(len(table.classes))))
    shares: Array = weights / weights.sum(axis=1, keepdims=True)
    return shares


def study() -> dict[str, Any]:
    """What the stage activations reports."""
    three = [0.5, 0.4, 0.6]
    noise = [
        {"rate": rate, "iou_clean": [1 - (rate or 0) / 2, 0.4, 1.0], "iou_two": three, "outside": [0.01, 0.0, 0.02]}
        for rate in (0.0, 0.5, 1.0, None)
    ]
    keys = ("can_fire", "iou_between", "iou_of_halves", "iou_within", "agreement_within", "containment_within")
    ablation = {"alpha": 10.0, "n_clusters": 6, "n_dropped": 4, "n_dropped_together": 20, "error": 0.1, "raw": 0.05}
    effects = ("inside", "outside", "together")
    columns = [
        {"column": EVIL, "kind": "category", "corrupted": 0.1, "quality": 0.7, "guess": 0.4, "mask_auc": 0.8},
        {"column": "x1", "kind": "missing", "corrupted": 0.0, "quality": None, "guess": None, "mask_auc": None},
        {"column": "x1", "kind": "number", "corrupted": 0.1, "quality": -3.0, "guess": 0.0, "mask_auc": 0.6},
        {"column": LONG, "kind": "number", "corrupted": 0.1, "quality": 0.6, "guess": 0.0, "mask_auc": 0.6},
    ]
    return {
        "n_rows": 500,
        "n_units": 40,
        "n_sampled": 300,
        "n_probes": 50,
        "share_active": three,
        "never_fires": 0.1,
        "exclusive": 0.2,
        "clusters": {"sizes": [50] * 6, **dict.fromkeys(keys, three)},
        "noise": noise,
        "ablation": {**ablation, **{f"{key}{end}": three for key in effects for end in ("", "_control")}},
        "columns": columns,
    }


def columns() -> dict[str, Any]:
    """What select-features reports."""
    arms = [("all", 5), *((arm, k) for arm in ("selected", "greedy", "gain", "random") for k in (1, 2, 4))]
    quality = [
        {"columns": arm, "k": k, "model": model, "rmse": 0.5 + 0.1 / k, "cost": [0.1 / k, -0.01, 0.2]}
        for model in ("lightgbm", "network")
        for arm, k in arms
        if model == "lightgbm" or k in (2, 5)
    ]
    return {
        "metric": "rmse",
        "n_columns": 5,
        "k": 2,
        "quality": quality,
        "stability": {"all": {"jaccard": 0.4, "index": 0.3}},
        "keep": {EVIL: 1.0, LONG: 0.5},
        "drop": {"c0": 0.5, "x0": 0.0, "x1": 0.0},
        "constant": [],
    }


def worth() -> dict[str, Any]:
    """What the stage worth reports."""
    change = {"mean": -0.02, "low": -0.03, "high": -0.01, "verdict": "helps"}
    unknown = {"mean": None, "low": None, "high": None, "verdict": "unknown"}
    return {
        "sentence": "The autoencoder helps the blend.",
        "blend": {"without": 0.53, "with": 0.51, **change},
        "ridge": {"raw": 0.7, "untrained": 0.6, "trained": 0.62},
        "network": change,
        "training": {"mean": 0.02, "low": -0.01, "high": 0.05, "verdict": "nothing"},
        "both": unknown,
    }


def trials() -> list[dict[str, Any]]:
    scores = [-0.5, None, -0.4, -0.45, None, -0.3, -0.35, -0.41, -0.39]
    return [
        {"number": i, "params": {}, "score": score, "fold_scores": [-0.5, -0.6], "seconds": 1.0}
        for i, score in enumerate(scores)
    ]


def results(task: Task = "regression", n_train: int = 300, n_test: int = 200) -> StageResults:
    """Everything that a page can show."""
    rng = np.random.default_rng(1)
    table = table_of(task, n_train, n_test)
    metric = METRIC[task]
    oofs = {name: prediction(table, task, table.train, i) for i, name in enumerate([*HEADS, "blend"])}
    tests = {name: prediction(table, task, table.test, i) for i, name in enumerate([*HEADS, "blend"])}
    weights = dict(zip(HEADS, (0.5, 0.3, 0.2), strict=True))
    heads = {name: {"features": "raw", "oof": 0.5, "public": None, "private": 0.4, "seconds": 3.0} for name in HEADS}
    blend = {"oof": 0.5, "oof_cross_fitted": 0.51, "public": None, "private": None, "weights": weights}
    drift = "by other code (autoencoder/step.py)"
    training = {"n_rows": 500, "n_inputs": 12, "d_features": 40, "seconds": 3.0}
    told = {"rows_per_s": 12_000.0, "mask_auc": 0.7}
    log = [{"epoch": e, "loss": 1 / e, "learning_rate": 1e-3 / e, **told} for e in range(1, 6)]
    iou = rng.uniform(0.5, 0.9, (6, 6))
    return StageResults(
        experiment=Experiment.model_validate(
            {"name": "made_up", "competition": "c", "heads": {"mlp_dae": HEADS["mlp_dae"]}}
        ),
        competition=Competition.model_validate(
            {"name": "c", "host": "kaggle", "slug": "c", "id": "id", "target": EVIL, "task": task, "metric": metric}
        ),
        states={
            "download": report_of("download", {}),
            "dae": report_of("dae", {"trainings": [training] * 2}, drift=drift, torch="2.13"),
            "activations": report_of("activations", study(), torch="2.14"),
            "select_features": report_of("select_features", columns()),
            "tune/mlp_dae": report_of("tune/mlp_dae", {"trials": trials()}),
            "heads/mlp_dae": State("stale", "changed: dae", report_of("heads/mlp_dae", {}).report),
            "blend": report_of("blend", {"method": "nnls", "cross_fitted": 0.51, "weights": weights}),
            "worth": report_of("worth", worth()),
            "submit": State("missing"),
        },
        scores={"heads": heads, "blend": blend},
        table=table,
        folds=np.arange(n_train) % 3,
        oofs=oofs,
        tests=tests,
        logs=[log, log],
        activations={
            "share_active": rng.uniform(0.1, 0.3, 500).astype(np.float32),
            "cluster_iou": ((iou + iou.T) / 2).astype(np.float32),
            "cluster_rates": rng.uniform(size=(6, 40)).astype(np.float16),
            "one_row": rng.random((20, 40)) < 0.3,
        },
        importances={"mlp_dae": {"alpha": 0.8, LONG: 0.2}},
    )
