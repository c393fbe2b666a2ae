"""Waiting for a lock."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from swapdae.base.errors import UserError
from swapdae.base.files import locked


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
