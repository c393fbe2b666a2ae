"""One file on its way into a directory: partly there, whole, checked, published by one rename."""

import logging
import re
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from swapdae.base.errors import UserError
from swapdae.base.files import publish, written_aside

CHUNK = 1 << 16  # bytes; a connection that is cut loses what it brought of one chunk
log = logging.getLogger(__name__)


class Damaged(Exception):
    """What arrived is not what was sent: worth one more download."""


@dataclass(frozen=True)
class Download:
    """One file of `size` bytes, sent as it is or packed into an archive.

    What has arrived lies in a hidden file, which outlives the process; a marker beside it holds the ETag, so
    that only parts of the same version are put together.
    """

    directory: Path
    name: str
    size: int

    @property
    def target(self) -> Path:
        return self.directory / self.name

    @property
    def arrived(self) -> Path:
        return self.directory / f".{self.name}.arrived"

    @property
    def marker(self) -> Path:
        return self.directory / f".{self.name}.etag"

    # >>> Receive

    def rest(self, whole: requests.Response) -> dict[str, str] | None:
        """Headers that ask for what is still missing of what `whole` would bring; None: that is all of it."""
        etag = _version(whole)
        if not etag or not self.arrived.is_file() or not self.marker.is_file() or self.marker.read_text() != etag:
            return None
        # At least one byte, for a range cannot be empty.
        start = min(self.arrived.stat().st_size, int(whole.headers.get("Content-Length", 0)) - 1)
        return {"Range": f"bytes={start}-", "If-Range": etag} if start > 0 else None

    def write(self, response: requests.Response) -> None:
        """Append a partial answer to what is there; let a full one take its place."""
        start = 0
        if response.status_code == 206:
            range_ = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if range_ is None or (start := int(range_[1])) > self.arrived.stat().st_size:
                raise ValueError("a range that does not fit")
        else:
            # First, for the marker must never vouch for another version's bytes.
            self.arrived.unlink(missing_ok=True)
            self.marker.write_text(_version(response))
        with self.arrived.open("r+b" if start else "wb") as file, _progress() as progress:
            task = progress.add_task(self.name, total=self.size, completed=start)
            file.seek(start)
            file.truncate()
            for chunk in response.iter_content(CHUNK):
                progress.advance(task, file.write(chunk))

    # >>> Publish

    def obtain(self, transfer: Callable[[], None]) -> None:
        """Let `transfer` receive the file and publish it; if it is damaged, once more. Raises UserError."""
        transfer()
        try:
            return self._publish()
        except Damaged as damage:
            log.warning("'%s' arrived damaged (%s); fetching it once more", self.name, damage)
        transfer()
        try:
            self._publish()
        except Damaged as damage:
            raise UserError(f"{self.target}: arrived damaged twice ({damage}): try again later") from None

    def _publish(self) -> None:
        """Check what arrived and give it its name. Raises Damaged or UserError, and then keeps nothing."""
        size = self.arrived.stat().st_size
        itself = self.name.lower().endswith(".zip") and size == self.size  # an archive is what was asked for
        try:
            if _is_zip(self.arrived) and not itself:
                with written_aside(self.target) as aside:
                    self._unpack(aside)
            elif size != self.size:
                raise Damaged(f"{size} bytes instead of {self.size}")
            else:
                publish(self.arrived, self.target)
        except (Damaged, UserError):
            self._forget()
            raise
        self._forget()

    def _forget(self) -> None:
        self.arrived.unlink(missing_ok=True)
        self.marker.unlink(missing_ok=True)

    def _unpack(self, unpacked: Path) -> None:
        """Extract the one expected member, whatever else there is."""
        try:
            with zipfile.ZipFile(self.arrived) as archive:
                self._check_names(archive.namelist())
                with archive.open(self.name) as source, unpacked.open("wb") as sink:
                    size, said = self._copy(source, sink), archive.getinfo(self.name).file_size
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise Damaged(f"bad archive: {error}") from None
        if not size == said == self.size:
            raise Damaged(f"{size} bytes unpacked, where the archive says {said} and Kaggle {self.size}")

    def _check_names(self, members: list[str]) -> None:
        """Raises UserError unless one member is the file and none would land outside the directory."""
        for member in map(PureWindowsPath, members):  # knows both kinds of separator
            if member.anchor or ".." in member.parts:
                raise UserError(
                    f"the archive of '{self.name}' holds '{member.as_posix()}', which would land "
                    f"outside {self.directory}: refused; tell the competition's organizers"
                )
        if self.name not in members:
            raise UserError(f"the archive of '{self.name}' does not hold it, only {', '.join(members)}")
        if members.count(self.name) > 1:
            raise UserError(f"the archive of '{self.name}' holds it twice: refused; tell the competition's organizers")

    def _copy(self, source: IO[bytes], sink: IO[bytes]) -> int:
        """Copy to the end, which checks the CRC, and count the bytes; no more than were announced reach the disk."""
        size = 0
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > self.size:
                raise UserError(
                    f"the archive of '{self.name}' unpacks to more than the {self.size} bytes that were announced: "
                    "refused; tell the competition's organizers"
                )
            sink.write(chunk)
        return size


def _version(response: requests.Response) -> str:
    """What tells this version of the file from others; empty if the server does not say."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""


def _is_zip(file: Path) -> bool:
    """By its first bytes: zipfile.is_zipfile looks at the end, which a cut archive lacks."""
    with file.open("rb") as stream:
        return stream.read(4) == b"PK\3\4"


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
