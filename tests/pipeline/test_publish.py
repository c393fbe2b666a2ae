"""A kill before any file-system change of publishing loses nothing: the next run finishes it, or goes on."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from swapdae.experiment.stage_report import read_report
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.stage import Stage

CHANGES = (  # what publishing and recovering change the disk with
    (os, "rename"),
    (os, "replace"),
    (os, "unlink"),
    (os, "rmdir"),
    (os, "mkdir"),
)


class Killed(BaseException):
    """Like SIGKILL: nothing of ours catches it."""


@contextmanager
def killed_before_change(number: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """Dies before the change of that number; gives the number seen. Every later one dies too."""
    seen = [0]

    def watched(change: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            seen[0] += 1
            if seen[0] >= number:
                raise Killed
            return change(*arguments, **more)

        return call

    with monkeypatch.context() as patch:
        for module, name in CHANGES:
            patch.setattr(module, name, watched(getattr(module, name)))
        yield lambda: seen[0]


def plan(folder: Path, text: str, n_runs: list[int]) -> Plan:
    def body(scratch: Scratch) -> dict[str, Any]:
        n_runs.append(1)
        (scratch.out / "deep").mkdir(exist_ok=True)
        (scratch.out / "deep" / "a.txt").write_text(text)
        (scratch.work / "checkpoint").write_text("long work")
        return {"text": text}

    return Plan(folder, {"dae": Stage("dae", body, config={"text": text})})


def whole(folder: Path) -> bool:
    """The stage's directory is not there, or complete."""
    report = read_report(folder / "dae")
    return not (folder / "dae").exists() or (report is not None and (folder / "dae" / "deep" / "a.txt").is_file())


@pytest.mark.parametrize("before", [False, True], ids=["first", "over an older result"])
def test_a_kill_before_every_change_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    number, finished = 0, False
    while not finished:
        number += 1
        folder = tmp_path / str(number)
        if before:
            plan(folder, "old", []).make(["dae"], say=lambda line: None)
        runs: list[int] = []
        with killed_before_change(number, monkeypatch) as seen:
            try:
                plan(folder, "new", runs).make(["dae"], say=lambda line: None)
            except Killed:
                assert seen() >= number
            else:
                finished = True
        assert whole(folder), f"change {number}"
        complete = read_report(folder / ".dae.scratch" / "out") is not None
        ran = len(runs)
        report = plan(folder, "new", runs).make(["dae"], say=lambda line: None)["dae"]
        assert report.metrics == {"text": "new"} and (folder / "dae" / "deep" / "a.txt").read_text() == "new"
        if complete:
            assert len(runs) == ran, f"change {number}: the result was complete, its publishing is finished"
        assert sorted(file.name for file in folder.iterdir()) == ["dae"], f"change {number}"
    assert number > 8


def test_a_complete_result_of_another_configuration_is_published_but_not_taken_for_this_one(tmp_path: Path) -> None:
    plan(tmp_path, "old", []).make(["dae"], say=lambda line: None)
    shutil.move(tmp_path / "dae", tmp_path / ".dae.scratch" / "out")  # killed just before it took its place
    runs: list[int] = []
    report = plan(tmp_path, "new", runs).make(["dae"], say=lambda line: None)["dae"]
    assert report.metrics == {"text": "new"} and len(runs) == 1


def test_checkpoint_lives_until_its_stage_is_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("swapdae.pipeline.plan.publish", lambda *arguments: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            plan(tmp_path, "new", []).make(["dae"], say=lambda line: None)
    assert (tmp_path / ".dae.scratch" / "work" / "checkpoint").read_text() == "long work"
    plan(tmp_path, "new", []).make(["dae"], say=lambda line: None)
    assert not (tmp_path / ".dae.scratch").exists() and not list(tmp_path.rglob("checkpoint"))
