"""Run once, go on, make what is read first, and notice every kind of change."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from swapdae.base.errors import UserError
from swapdae.experiment.stage_report import read_report, write_report
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.stage import Stage

Body = Callable[[Scratch], dict[str, Any]]


def write_one(scratch: Scratch) -> dict[str, Any]:
    (scratch.out / "a.txt").write_text("one")
    return {"n": 1}


class Calls:
    """A body that counts its runs."""

    def __init__(self, body: Body = write_one) -> None:
        self.n, self._body = 0, body

    def __call__(self, scratch: Scratch) -> dict[str, Any]:
        self.n += 1
        return self._body(scratch)


def plan(folder: Path, body: Body = write_one, config: Mapping[str, Any] | None = None, **more: Any) -> Plan:
    """A plan of the one stage "dae"."""
    return Plan(folder / "e", {"dae": Stage("dae", body, config=config or {"seed": 0}, **more)})


def chain(folder: Path, first: Body, second: Body, **config: Any) -> Plan:
    """A plan of "dae" and of "activations", which reads it."""
    stages = [Stage("dae", first, config={"seed": 0, **config}), Stage("activations", second, reads=("dae",))]
    return Plan(folder / "e", {stage.name: stage for stage in stages})


def silent(line: str) -> None:
    pass


def test_runs_once_and_reports(tmp_path: Path) -> None:
    body = Calls()
    first = plan(tmp_path, body).make(["dae"], say=silent)["dae"]
    assert plan(tmp_path, body).make(["dae"], say=silent) == {"dae": first}
    assert first == read_report(tmp_path / "e" / "dae") and first.experiment == "e"
    assert body.n == 1 and first.metrics == {"n": 1} and list(first.files) == ["a.txt"]
    assert sorted(f.name for f in (tmp_path / "e").iterdir()) == ["dae"]
    assert sorted(f.name for f in (tmp_path / "e" / "dae").iterdir()) == ["a.txt", "report.json"]


def test_force_runs_the_named_stage_again_and_not_what_it_reads(tmp_path: Path) -> None:
    first, second = Calls(), Calls()
    for _ in range(2):
        chain(tmp_path, first, second).make(["activations"], force=True, say=silent)
    assert (first.n, second.n) == (1, 2)


def test_another_input_makes_it_stale_by_name(tmp_path: Path) -> None:
    body = Calls()
    plan(tmp_path, body, {"seed": 0, "rows": 5}).make(["dae"], say=silent)
    changed = plan(tmp_path, body, {"seed": 1, "rows": 5})
    assert str(changed.states()["dae"]) == "stale (changed: seed)"
    said: list[str] = []
    changed.make(["dae"], say=said.append)
    assert body.n == 2 and "changed: seed" in said[0]


@pytest.mark.parametrize("damage", [lambda f: f.write_text("0ne"), lambda f: f.unlink()])
def test_damaged_or_lost_file_is_found_before_it_is_read(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    """Also where only the stage that reads it is asked for."""
    first, second = Calls(), Calls()
    chain(tmp_path, first, second).make(["activations"], say=silent)
    damage(tmp_path / "e" / "dae" / "a.txt")
    said: list[str] = []
    chain(tmp_path, first, second).make(["activations"], say=said.append)
    assert (first.n, second.n) == (2, 1), "the same bytes come back, so what reads them still holds"
    assert "a.txt" in said[0] and (tmp_path / "e" / "dae" / "a.txt").read_text() == "one"


@pytest.mark.parametrize("damage", ["{", '{"key": 1}', "[]"])
def test_report_that_was_edited_or_cut_counts_as_missing(tmp_path: Path, damage: str) -> None:
    made = plan(tmp_path)
    made.make(["dae"], say=silent)
    file = tmp_path / "e" / "dae" / "report.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "metrics": {"n": 2}}))
    assert made.states()["dae"].state == "missing", "an edited figure is no result"
    file.write_text(damage)
    assert made.states()["dae"].state == "missing"


def test_what_is_read_is_made_first_and_named_when_stale(tmp_path: Path) -> None:
    first, second = Calls(), Calls()
    chain(tmp_path, first, second).make(["activations"], say=silent)
    assert (first.n, second.n) == (1, 1)
    changed = chain(tmp_path, first, second, width=24)
    states = {name: str(state) for name, state in changed.states().items()}
    assert states == {"dae": "stale (changed: width)", "activations": "stale (dae is stale)"}
    changed.make(["activations"], say=silent)
    assert (first.n, second.n) == (2, 2)
    assert {state.state for state in changed.states().values()} == {"done"}


def test_key_holds_what_was_read_and_not_what_the_configuration_would_make(tmp_path: Path) -> None:
    """The upstream stage is remade with other bytes under the same configuration: what read the old ones is stale."""
    second = Calls()
    texts = iter(["one", "two"])

    def varies(scratch: Scratch) -> dict[str, Any]:
        (scratch.out / "a.txt").write_text(next(texts))
        return {}

    made = chain(tmp_path, varies, second)
    made.make(["activations"], say=silent)
    made.make(["dae"], force=True, say=silent)
    assert str(made.states()["activations"]) == "stale (changed: dae)"
    made.make(["activations"], say=silent)
    assert second.n == 2


def test_only_what_is_needed_is_made(tmp_path: Path) -> None:
    first, second = Calls(), Calls()
    chain(tmp_path, first, second).make(["dae"], say=silent)
    assert (first.n, second.n) == (1, 0)


def test_failed_body_publishes_nothing_and_its_scratch_is_found_again(tmp_path: Path) -> None:
    def fail_then_resume(scratch: Scratch) -> dict[str, Any]:
        if (scratch.work / "half.txt").exists():
            return {"resumed": True}
        (scratch.work / "half.txt").write_text("half")
        (scratch.out / "kept.txt").write_text("kept")
        (scratch.out / "cut.part").write_text("cut")
        raise RuntimeError("power cut")

    made = plan(tmp_path, fail_then_resume)
    with pytest.raises(RuntimeError):
        made.make(["dae"], say=silent)
    assert not (tmp_path / "e" / "dae").exists()
    report = made.make(["dae"], say=silent)["dae"]
    assert report.metrics == {"resumed": True} and list(report.files) == ["kept.txt"]


def test_scratch_of_another_key_is_swept(tmp_path: Path) -> None:
    def leave(scratch: Scratch) -> dict[str, Any]:
        assert not (scratch.work / "left.txt").exists()
        (scratch.work / "left.txt").write_text("")
        raise RuntimeError

    for seed in (0, 1):
        with pytest.raises(RuntimeError):
            plan(tmp_path, leave, {"seed": seed}).make(["dae"], say=silent)


def test_more_effort_goes_on_from_less_and_other_things_start_anew(tmp_path: Path) -> None:
    def count(scratch: Scratch) -> dict[str, Any]:
        before = len(list(scratch.out.glob("trial_*")))
        (scratch.out / f"trial_{before}").touch()
        return {"found": before}

    def found(trials: int, **more: Any) -> int:
        made = plan(tmp_path, count, {"seed": 0, **more}, effort={"trials": trials})
        n: int = made.make(["dae"], say=silent)["dae"].metrics["found"]
        return n

    assert [found(1), found(2), found(2), found(3)] == [0, 1, 1, 2]
    assert found(3, width=5) == 0
    (tmp_path / "e" / "dae" / "trial_0").write_text("damaged")
    assert found(4, width=5) == 0, "a damaged result is not gone on from"


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    def full(scratch: Scratch) -> dict[str, Any]:
        raise OSError(28, "No space left on device", "features.npy")

    with pytest.raises(UserError, match=r"dae: No space left on device: features\.npy"):
        plan(tmp_path, full).make(["dae"], say=silent)


def test_key_depends_on_values_not_on_order() -> None:
    def inputs(**config: Any) -> dict[str, str]:
        return Stage("dae", write_one, config=config).inputs([])

    assert inputs(a=1, b=[2]) == inputs(b=[2], a=1)
    assert inputs(a=1) != inputs(a=2) != inputs(b=2)


def test_other_code_or_libraries_are_told_and_only_strict_remakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = Calls()
    made = plan(tmp_path, body, code=("modelling.blend",))
    report = made.make(["dae"], say=silent)["dae"]
    assert "numpy" in report.versions and "modelling/blend.py" in report.sources
    old = replace(
        report,
        sources={**report.sources, "modelling/blend.py": "0" * 16},
        versions={**report.versions, "numpy": "1.0"},
    )
    write_report(tmp_path / "e" / "dae", old)
    state = made.states()["dae"]
    assert state.state == "done" and state.drift.startswith("by other code (modelling/blend.py); with numpy 1.0, now ")
    said: list[str] = []
    made.make(["dae"], say=said.append)
    assert body.n == 1 and said[0].startswith("dae: done, by other code (modelling/blend.py)")
    made.make(["dae"], strict=True, say=silent)
    assert body.n == 2 and str(made.states()["dae"]) == "done"


def test_a_raised_revision_makes_it_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from swapdae.pipeline.revisions import REVISIONS, Revision

    plan(tmp_path).make(["dae"], say=silent)
    monkeypatch.setitem(REVISIONS, "dae", (*REVISIONS["dae"], Revision(99, "other numbers")))
    assert str(plan(tmp_path).states()["dae"]) == "stale (changed: revision)"


def test_prepare_comes_first_and_finish_last_also_when_nothing_is_done(tmp_path: Path) -> None:
    order: list[str] = []

    def body(scratch: Scratch) -> dict[str, Any]:
        order.append("body")
        return {}

    made = plan(tmp_path, body, prepare=lambda: order.append("prepare"), finish=lambda: order.append("finish"))
    made.make(["dae"], say=silent)
    made.make(["dae"], say=silent)
    assert order == ["prepare", "body", "finish", "prepare", "finish"]
