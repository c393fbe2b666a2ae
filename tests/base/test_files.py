"""Whole files, and locks."""

import json
import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swapdae.base.errors import UserError
from swapdae.base.files import locked, sha256_of, write_bytes, write_text, written_aside


def test_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "a.txt"
    write_text(file, "old")
    with written_aside(file) as aside:
        aside.write_text("half")
        assert file.read_text() == "old"
        aside.write_text("new")
    assert file.read_text() == "new" and [f.name for f in file.parent.iterdir()] == ["a.txt"]


def test_failed_writing_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_bytes(file, b"old")
    with pytest.raises(RuntimeError), written_aside(file) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert file.read_bytes() == b"old" and [f.name for f in tmp_path.iterdir()] == ["a.txt"]


def test_sha256(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"abc")
    assert sha256_of(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def _hold(directory: Path) -> None:
    with locked(directory):
        (directory / "held").touch()
        time.sleep(60)


def test_second_run_is_told_who_is_at_work_and_a_dead_ones_lock_is_taken(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=_hold, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        assert holder.is_alive()
        time.sleep(0.02)
    with pytest.raises(UserError, match=f"pid {holder.pid} on "), locked(tmp_path):
        pass
    assert holder.pid is not None
    os.kill(holder.pid, signal.SIGKILL)
    holder.join()
    with locked(tmp_path):
        assert json.loads((tmp_path / ".lock.json").read_text())["pid"] == os.getpid()
    assert not (tmp_path / ".lock.json").exists()


def test_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"), locked(tmp_path / "file" / "e"):
        pass


def lock_in_a_thread(directory: Path, wait: float) -> None:
    """As another process would. Raises what `locked` raises."""

    def lock() -> None:
        with locked(directory, wait, lambda line: None):
            pass

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lock).result()


def test_lock_that_is_held_is_refused_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match=r"another run is at work here \(pid \d+ on .*wait for it"):
        lock_in_a_thread(tmp_path, 0)


def test_waiting_for_a_lock_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path):
            held.set()
            assert let_go.wait(20)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(20)

    def say(line: str) -> None:
        said.append(line)
        let_go.set()

    with locked(tmp_path, wait=20, say=say):
        holder.join()
    assert len(said) == 1 and "another run is at work here (pid" in said[0] and "waiting for it" in said[0]


def test_waiting_ends(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(UserError, match="wait for it or end it"):
        lock_in_a_thread(tmp_path, 0.2)
