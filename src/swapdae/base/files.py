"""Files that are whole or not there, their hashes, and locks. The one place that writes aside and renames."""

import hashlib
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from swapdae.base.errors import UserError


def sha256_of(file: Path) -> str:
    """The file's sha256, in hexadecimal."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


@contextmanager
def written_aside(file: Path) -> Iterator[Path]:
    """A path to write to; at the block's end it is brought to the disk and takes the place of `file` by one rename.

    So `file` is the old one or the whole new one, also after a kill or a power cut. Where the block raises, the old
    file stays and nothing is left beside it; a killed process leaves one `.<name>.part`.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_name(f".{file.name}.part")
    try:
        yield aside
        publish(aside, file)
    finally:
        aside.unlink(missing_ok=True)


def publish(written: Path, file: Path) -> None:
    """Bring `written` to the disk, then let it take the place of `file`, on the same file system, by one rename."""
    with written.open("rb") as opened:
        os.fsync(opened.fileno())
    written.replace(file)
    sync_directory(file.parent)


def write_text(file: Path, text: str) -> None:
    """Write UTF-8 text in one step, see `written_aside`."""
    with written_aside(file) as aside:
        aside.write_text(text, encoding="utf-8")


def write_json(file: Path, values: Any) -> None:
    """Write JSON values in one step. Numbers print back to the same value; one that is not finite is a ValueError."""
    write_text(file, json.dumps(values, allow_nan=False) + "\n")


def read_json(file: Path) -> Any:
    """The values of a JSON file that we wrote. Raises UserError for one that is gone or is not as it was written."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{file}: cannot be read ({error}); make it again") from None


def write_bytes(file: Path, content: bytes) -> None:
    """Write bytes in one step, see `written_aside`."""
    with written_aside(file) as aside:
        aside.write_bytes(content)


def sync_directory(directory: Path) -> None:
    """Names in `directory`, too, are to outlast a power cut."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


@contextmanager
def locked(directory: Path, wait: float = 0, say: Callable[[str], None] = print) -> Iterator[None]:
    """One process at a time in `directory`. The kernel frees a dead holder's lock, so it is simply taken over.

    wait: seconds to wait for another run to end, which is said once. Raises UserError, naming pid and host of the
    holder, when another run is at work for longer; and where the directory cannot be written.
    """
    holder = directory / ".lock.json"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            if not wait:
                raise
            say(f"{_at_work(directory, holder)}; waiting for it, up to {wait:g} s")
            lock.acquire(timeout=wait)
    except Timeout:
        raise UserError(f"{_at_work(directory, holder)}; wait for it or end it") from None
    except OSError as error:
        raise UserError(f"{directory}: cannot be written: {error.strerror}") from None
    try:
        holder.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}), encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _at_work(directory: Path, holder: Path) -> str:
    """Who holds the lock, in words."""
    try:
        who = json.loads(holder.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        who = {"pid": "unknown", "host": "unknown"}
    return f"{directory}: another run is at work here (pid {who['pid']} on {who['host']})"
