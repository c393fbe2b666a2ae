"""What each stage depends on, and what it does not: a key moves with the first, and stays with the second."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from swapdae.experiment.config import HeadConfig
from swapdae.heads import HEADS, ridge
from swapdae.pipeline import stage_inputs
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import key_of

STAGES: dict[str, Callable[[Run], Any]] = {
    "download": stage_inputs.download,
    "dae": stage_inputs.dae,
    "tune": lambda run: stage_inputs.tune(run, "ridge_dae"),
    "heads/dae": lambda run: stage_inputs.heads(run, "ridge_dae"),
    "heads/raw": lambda run: stage_inputs.heads(run, "ridge_raw"),
    "select": stage_inputs.select,
    "heads/selected": lambda run: stage_inputs.heads(selecting(run), "selected"),
    "blend": stage_inputs.blend,
    "score": stage_inputs.score,
}
EVERYTHING = set(STAGES)
SELECTED = {"select", "heads/selected"}


def selecting(run: Run) -> Run:
    """The same with a head on selected features."""
    selected = HeadConfig(kind="ridge", features="dae_selected")
    return experiment(run, heads={**run.experiment.heads, "selected": selected})


def moved(before: Run, after: Run) -> set[str]:
    """Stages whose key differs."""
    return {name for name, inputs in STAGES.items() if key_of(inputs(before)) != key_of(inputs(after))}


def experiment(run: Run, **changes: object) -> Run:
    return replace(run, experiment=run.experiment.model_copy(update=changes))


def competition(run: Run, **changes: object) -> Run:
    return replace(run, competition=run.competition.model_copy(update=changes))


def test_nothing_changed_nothing_moves(run: Run) -> None:
    assert not moved(run, run.again())
    assert not moved(run, replace(run, device="auto", force=True))


@pytest.mark.parametrize("changes", [{"rows": 50}, {"seed": 5}])
def test_rows_and_seed_move_everything(run: Run, changes: dict[str, object]) -> None:
    assert moved(run, experiment(run, **changes)) == EVERYTHING


def test_csv_moves_everything(run: Run) -> None:
    before = {name: key_of(inputs(run)) for name, inputs in STAGES.items()}
    (run.input / "test.csv").write_text("other")
    again = run.again()
    assert {name for name, inputs in STAGES.items() if key_of(inputs(again)) != before[name]} == EVERYTHING


def test_autoencoder_moves_what_reads_it(run: Run) -> None:
    dae = run.experiment.dae.model_copy(update={"numerical": "rank_gauss"})
    assert moved(run, experiment(run, dae=dae)) == {"dae", "tune", "heads/dae", "blend", "score"} | SELECTED


def test_folds_move_heads_but_not_one_autoencoder_for_all(run: Run) -> None:
    folds = run.competition.folds.model_copy(update={"seed": 9})
    assert moved(run, competition(run, folds=folds)) == EVERYTHING - {"download", "dae"}
    dae = run.experiment.dae.model_copy(update={"scope": "per_fold"})
    per_fold = experiment(run, dae=dae)
    assert moved(per_fold, competition(per_fold, folds=folds)) == EVERYTHING - {"download"}


def test_trials_move_the_head_that_is_tuned(run: Run) -> None:
    heads = dict(run.experiment.heads)
    heads["ridge_dae"] = heads["ridge_dae"].model_copy(update={"trials": 9})
    assert moved(run, experiment(run, heads=heads)) == {"tune", "heads/dae", "blend", "score"}


def test_fine_tuning_and_its_rate_move_their_head(run: Run) -> None:
    mlp = HeadConfig(kind="mlp", features="dae")
    heads = {**run.experiment.heads, "ridge_dae": mlp}
    runs = [experiment(run, heads=heads)]
    for params in ({"fine_tune": True}, {"fine_tune": True, "body_rate": 0.5}):
        changed = {**heads, "ridge_dae": mlp.model_copy(update={"params": params})}
        runs.append(experiment(run, heads=changed))
    for before, after in itertools.pairwise(runs):
        assert moved(before, after) == {"tune", "heads/dae", "blend", "score"}
    dae = run.experiment.dae.model_copy(update={"numerical": "rank_gauss"})
    assert "heads/dae" in moved(runs[-1], experiment(runs[-1], dae=dae))


def test_metric_moves_heads(run: Run) -> None:
    assert moved(run, competition(run, metric="mae")) == EVERYTHING - {"download", "dae", "select"}


def test_selection_moves_what_reads_it(run: Run) -> None:
    select = run.experiment.select
    assert moved(run, experiment(run, select=select.model_copy(update={"k": 7}))) == SELECTED


def test_folds_move_a_selection_only_where_it_reads_labels(run: Run) -> None:
    free = experiment(run, select=run.experiment.select.model_copy(update={"task": "unsupervised"}))
    folds = run.competition.folds.model_copy(update={"seed": 9})
    assert "select" in moved(run, competition(run, folds=folds))
    assert "select" not in moved(free, competition(free, folds=folds))


def test_columns_are_selected_anew_for_other_heads_of_the_kinds_refitted(run: Run) -> None:
    def key(head: str, params: dict[str, Any]) -> str:
        changed = run.experiment.heads[head].model_copy(update={"params": params})
        heads = {**run.experiment.heads, head: changed}
        return key_of(stage_inputs.select_features(experiment(run, heads=heads), {}))[0]

    now = key_of(stage_inputs.select_features(run, {}))[0]
    assert key("lightgbm", {"num_leaves": 7}) != now
    assert key("ridge_raw", {"alpha": 7}) == now


def test_a_default_written_out_moves_nothing_and_a_changed_default_does(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = dict(run.experiment.heads)
    heads["ridge_raw"] = heads["ridge_raw"].model_copy(update={"params": {"alpha": ridge.Params().alpha}})
    assert not moved(run, experiment(run, heads=heads))
    before = key_of(stage_inputs.heads(run, "ridge_raw"))

    class Changed(ridge.Params):
        alpha: float = 7.0

    monkeypatch.setitem(HEADS, "ridge", replace(HEADS["ridge"], params=Changed))
    assert key_of(stage_inputs.heads(run, "ridge_raw")) != before
