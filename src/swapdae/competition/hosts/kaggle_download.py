"""One file on its way into a directory: partly there, whole, checked, published by one rename."""

import hashlib
import logging
import re
import shutil
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import requests
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from swapdae.base.errors import UserError

CHUNK = 1 << 16  # bytes; a connection that is cut loses what it brought of one chunk
log = logging.getLogger(__name__)


class Damaged(Exception):
    """What arrived is not what was sent: worth one more download."""


def git_blob_sha1(file: Path) -> str:
    """What `git hash-object` prints for `file`."""
    header = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: header).hexdigest()


@dataclass(frozen=True)
class Download:
    """One file of `size` bytes, and its git blob hash if that is known.

    What has arrived lies in a hidden .part, which outlives the process; a marker beside it holds the ETag, so
    that only parts of the same version are put together.
    """

    directory: Path
    name: str
    size: int
    known_sha1: str | None = None

    @property
    def target(self) -> Path:
        return self.directory / self.name

    @property
    def part(self) -> Path:
        return self._hidden("part")

    @property
    def marker(self) -> Path:
        return self._hidden("etag")

    def _hidden(self, suffix: str) -> Path:
        return self.target.with_name(f".{self.target.name}.{suffix}")

    def is_in_place(self) -> bool:
        """Whether nothing is to be fetched. Raises UserError for a file of that size but other content."""
        if not self.target.is_file() or self.target.stat().st_size != self.size:
            return False
        self._check_known(self.target)
        return True

    # >>> Receive

    def rest(self, whole: requests.Response) -> dict[str, str] | None:
        """Headers that ask for what is still missing of what `whole` would bring; None: that is all of it."""
        etag = _version(whole)
        if not etag or not self.part.is_file() or not self.marker.is_file() or self.marker.read_text() != etag:
            return None
        # At least one byte, for a range cannot be empty.
        start = min(self.part.stat().st_size, int(whole.headers.get("Content-Length", 0)) - 1)
        return {"Range": f"bytes={start}-", "If-Range": etag} if start > 0 else None

    def write(self, response: requests.Response) -> None:
        """Append a partial answer to what is there; let a full one take its place."""
        start = 0
        if response.status_code == 206:
            range_ = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if range_ is None or (start := int(range_[1])) > self.part.stat().st_size:
                raise ValueError("a range that does not fit")
        else:
            self.target.parent.mkdir(parents=True, exist_ok=True)
            # First, for the marker must never vouch for another version's bytes.
            self.part.unlink(missing_ok=True)
            self.marker.write_text(_version(response))
        with self.part.open("r+b" if start else "wb") as file, _progress() as progress:
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
        unpacked = self._hidden("unpacked")
        try:
            file = self.part
            if _is_zip(self.part):
                self._unpack(unpacked)
                file = unpacked
            elif (size := file.stat().st_size) != self.size:
                raise Damaged(f"{size} bytes instead of {self.size}")
            self._check_known(file)
            file.replace(self.target)
        except (Damaged, UserError):
            self.part.unlink()
            raise
        finally:
            unpacked.unlink(missing_ok=True)
        self.part.unlink(missing_ok=True)
        self.marker.unlink(missing_ok=True)

    def _unpack(self, unpacked: Path) -> None:
        """Extract the one expected member, whatever else there is. Reading it to its end checks its CRC."""
        try:
            with zipfile.ZipFile(self.part) as archive:
                for member in map(PureWindowsPath, archive.namelist()):  # knows both kinds of separator
                    if member.anchor or ".." in member.parts:
                        raise UserError(
                            f"the archive of '{self.name}' holds '{member.as_posix()}', which would land "
                            f"outside {self.directory}: refused; tell the competition's organizers"
                        )
                if self.target.name not in archive.namelist():
                    raise UserError(
                        f"the archive of '{self.name}' does not hold it, only {', '.join(archive.namelist())}"
                    )
                with archive.open(self.target.name) as source, unpacked.open("wb") as sink:
                    shutil.copyfileobj(source, sink, 1 << 20)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise Damaged(f"bad archive: {error}") from None

    def _check_known(self, file: Path) -> None:
        if self.known_sha1 and (sha1 := git_blob_sha1(file)) != self.known_sha1:
            raise UserError(
                f"{self.target}: is not the known file (git blob {sha1} instead of {self.known_sha1}): "
                "delete it and fetch again, or, if it was replaced, mend [git_blob_sha1] in competition.toml"
            )


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
