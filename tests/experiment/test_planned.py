"""The recorded plan, and what the clock may change of it."""

from pathlib import Path

import pytest

from budget_case import experiment, plan
from swapdae.experiment.planned import asked_of, in_force, read_plan, write_plan


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = plan(3_000, 10)
    write_plan(tmp_path, made)
    assert read_plan(tmp_path) == made
    (tmp_path / "plan.json").write_text("{")
    assert read_plan(tmp_path) is None and read_plan(tmp_path / "none") is None


def test_it_is_in_force_for_the_toml_that_it_was_made_of(tmp_path: Path) -> None:
    whole = experiment(3_000)
    made = plan(3_000, 10).model_copy(update={"asked": {"experiment": asked_of(whole)}})
    write_plan(tmp_path, made)
    assert in_force(tmp_path, whole) == made.experiment
    assert in_force(tmp_path, whole.model_copy(update={"minutes": 3.0})) == made.experiment
    other = whole.model_copy(update={"seed": 1})
    assert in_force(tmp_path, other) == other


@pytest.mark.parametrize(
    ("step", "gone"), [("heads/catboost", {"catboost"}), ("dae", {"ridge_dae", "mlp_dae"})]
)  # fmt: skip
def test_without_a_step_nothing_that_reads_it_is_left(step: str, gone: set[str]) -> None:
    made = plan(3_000, 10)
    less = made.without(step, "why")
    assert set(made.experiment.heads) - set(less.experiment.heads) == gone
    assert not {f"{kind}/{name}" for kind in ("tune", "heads") for name in gone} & set(less.steps)
    assert ("dae" in less.steps) == ("worth" in less.steps) == (step != "dae")
    assert less.changes == ("why",) and set(less.steps) < set(made.steps)


def test_trials_that_are_settled_stay_so_and_none_leave_the_search_out() -> None:
    made = plan(3_000, 10).model_copy(update={"limits": {"tune/lightgbm": 5.0}})
    some, none = made.with_trials("lightgbm", 2), made.with_trials("lightgbm", 0)
    assert some.experiment.heads["lightgbm"].trials == 2 and some.settled == ("tune/lightgbm",) and not some.limits
    assert "tune/lightgbm" in some.steps and "tune/lightgbm" not in none.steps and "heads/lightgbm" in none.steps
