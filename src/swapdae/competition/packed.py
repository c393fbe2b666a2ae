"""A file's bytes, unpacked where its name says that it is compressed."""

import bz2
import gzip
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from swapdae.base.errors import UserError

MOST_BYTES = 8 * 10**9  # that a packed file may unpack to: one of a few MB can unpack to more than any memory holds
PART = 1 << 20  # bytes at a time
DAMAGES = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError, NotImplementedError)


def unpacked(file: Path) -> bytes:
    """The content. .gz, .bz2, .xz and .zip (with one file inside) are unpacked.

    Raises FileNotFoundError, OSError of a file that is not compressed, and UserError where the packed one is damaged or
    unpacks to more than MOST_BYTES.
    """
    opened = OPENERS.get(file.suffix.lower())
    if opened is None or not file.exists():
        return file.read_bytes()
    content = bytearray()
    try:
        with opened(file) as stream:
            while part := stream.read(PART):
                content += part
                if len(content) > MOST_BYTES:
                    raise UserError(f"{file}: unpacks to over {MOST_BYTES:,} bytes; unpack it by hand if it should")
    except DAMAGES as error:
        reason = str(error) or type(error).__name__
        raise UserError(f"{file}: cannot be unpacked ({reason}); fetch or pack it again") from None
    return bytes(content)


@contextmanager
def _only_member(file: Path) -> Iterator[IO[bytes]]:
    """The one file in an archive; folders, and what macOS adds, do not count."""
    with zipfile.ZipFile(file) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
        if len(names) != 1:
            raise UserError(f"{file}: holds {len(names)} files; pack one file alone, or unpack it by hand")
        with archive.open(names[0]) as stream:
            yield stream


OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": _only_member,
}
