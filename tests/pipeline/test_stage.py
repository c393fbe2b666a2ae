"""Run once, resume, publish whole, and notice every kind of change."""

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from swapdae.base.errors import UserError
from swapdae.pipeline.stage import Inputs, Stage, experiment_lock, key_of, read_report, run_stage, state_of


def write_one(scratch: Path) -> dict[str, Any]:
    (scratch / "a.txt").write_text("one")
    return {"n": 1}


class Calls:
    """A body that counts its runs."""

    def __init__(self, body: Callable[[Path], dict[str, Any]] = write_one) -> None:
        self.n, self._body = 0, body

    def __call__(self, scratch: Path) -> dict[str, Any]:
        self.n += 1
        return self._body(scratch)


def stage(directory: Path, body: Callable[[Path], dict[str, Any]], inputs: Inputs | None = None) -> Stage:
    return Stage("s", directory / "s", "e", inputs or {"seed": 0}, {}, body)


def silent(line: str) -> None:
    pass


def test_runs_once_and_reports(tmp_path: Path) -> None:
    body = Calls()
    first = run_stage(stage(tmp_path, body), force=False, say=silent)
    assert run_stage(stage(tmp_path, body), force=False, say=silent) == first == read_report(tmp_path / "s")
    assert body.n == 1 and first.metrics == {"n": 1} and list(first.files) == ["a.txt"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["s"]
    assert sorted(f.name for f in (tmp_path / "s").iterdir()) == ["a.txt", "report.json"]


def test_force_runs_again(tmp_path: Path) -> None:
    body = Calls()
    for _ in range(2):
        run_stage(stage(tmp_path, body), force=True, say=silent)
    assert body.n == 2


def test_another_input_makes_it_stale_by_name(tmp_path: Path) -> None:
    body = Calls()
    run_stage(stage(tmp_path, body, {"seed": 0, "rows": 5}), force=False, say=silent)
    state = state_of(tmp_path / "s", {"seed": 1, "rows": 5}, verify=True)
    assert (state.state, state.why) == ("stale", "changed: seed")
    said: list[str] = []
    run_stage(stage(tmp_path, body, {"seed": 1, "rows": 5}), force=False, say=said.append)
    assert body.n == 2 and "changed: seed" in said[0]


@pytest.mark.parametrize("damage", [lambda f: f.write_text("0ne"), lambda f: f.unlink()])
def test_damaged_or_lost_file_is_made_again(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    body = Calls()
    run_stage(stage(tmp_path, body), force=False, say=silent)
    damage(tmp_path / "s" / "a.txt")
    said: list[str] = []
    run_stage(stage(tmp_path, body), force=False, say=said.append)
    assert body.n == 2 and "a.txt" in said[0] and (tmp_path / "s" / "a.txt").read_text() == "one"


def test_unreadable_report_counts_as_missing(tmp_path: Path) -> None:
    run_stage(stage(tmp_path, write_one), force=False, say=silent)
    (tmp_path / "s" / "report.json").write_text("{")
    assert state_of(tmp_path / "s", {"seed": 0}, verify=False).state == "missing"


def test_failed_body_publishes_nothing_and_its_scratch_is_found_again(tmp_path: Path) -> None:
    def fail_then_resume(scratch: Path) -> dict[str, Any]:
        if (scratch / "half.txt").exists():
            return {"resumed": True}
        (scratch / "half.txt").write_text("half")
        (scratch / "cut.part").write_text("cut")
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        run_stage(stage(tmp_path, fail_then_resume), force=False, say=silent)
    assert not (tmp_path / "s").exists()
    report = run_stage(stage(tmp_path, fail_then_resume), force=False, say=silent)
    assert report.metrics == {"resumed": True} and list(report.files) == ["half.txt"]


def test_scratch_of_another_key_is_swept(tmp_path: Path) -> None:
    def leave(scratch: Path) -> dict[str, Any]:
        assert not (scratch / "left.txt").exists()
        (scratch / "left.txt").write_text("")
        raise RuntimeError

    for seed in (0, 1):
        with pytest.raises(RuntimeError):
            run_stage(stage(tmp_path, leave, {"seed": seed}), force=False, say=silent)


def test_full_disk_is_one_line(tmp_path: Path) -> None:
    def full(scratch: Path) -> dict[str, Any]:
        raise OSError(28, "No space left on device", "features.npy")

    with pytest.raises(UserError, match=r"s: No space left on device: features\.npy"):
        run_stage(stage(tmp_path, full), force=False, say=silent)


def test_key_depends_on_values_not_on_order() -> None:
    assert key_of({"a": 1, "b": [2]}) == key_of({"b": [2], "a": 1})
    assert key_of({"a": 1})[0] != key_of({"a": 2})[0] != key_of({"b": 2})[0]


def _hold(directory: Path) -> None:
    with experiment_lock(directory):
        (directory / "held").touch()
        time.sleep(60)


def test_second_run_is_told_who_is_at_work_and_a_dead_ones_lock_is_taken(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.02)
    with pytest.raises(UserError, match=f"pid {holder.pid} on "), experiment_lock(tmp_path):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with experiment_lock(tmp_path):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".lock.json").exists()


def test_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"), experiment_lock(tmp_path / "file" / "e"):
        pass
