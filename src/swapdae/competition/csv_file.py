"""One CSV, read without guessing and written in one step."""

import csv
from collections.abc import Iterable
from io import BytesIO, TextIOWrapper
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.base.files import written_aside
from swapdae.competition.packed import unpacked

TEXT = pd.StringDtype("python", na_value=np.nan)  # pandas' str as it is without pyarrow, so that one table is one table
PARQUET = (".parquet", ".pq")  # how the name of a parquet file ends


def read_csv(file: Path, expected: Iterable[str], stage: str) -> pd.DataFrame:
    """All cells as they stand, in str dtype and "" where empty. The file may be packed, see `unpacked`.

    UserErrors name the `expected` columns and the `stage` that puts the file there.
    """
    hint = hint_of(expected, stage)
    try:
        content = unpacked(file)
        _scan(content, file, hint)
        return pd.read_csv(BytesIO(content), dtype=TEXT, na_filter=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise no_file(file, stage) from None
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UserError(f"{file}, line {line}: not UTF-8; save it as UTF-8") from None
    except (OSError, csv.Error) as error:
        raise UserError(f"{file}: cannot be read: {error}; {hint}") from None


def hint_of(expected: Iterable[str], stage: str) -> str:
    """What a file should hold, and what to do where it does not."""
    advice = f"mend it, or delete it and run the {stage} stage again"
    return f"expected comma-separated columns {', '.join(expected)}, ...; {advice}"


def no_file(file: Path, stage: str) -> UserError:
    return UserError(f"{file}: no such file; run the {stage} stage, which puts it there")


def check_header(header: list[str], file: Path, hint: str) -> None:
    """Raises UserError where names are too few, missing or used twice."""
    if not header:
        raise UserError(f"{file}: the file is empty; {hint}")
    if header[0].lstrip().startswith("<"):
        raise UserError(f"{file}: this is a web page, not a CSV; {hint}")
    if len(header) == 1:
        raise UserError(f"{file}: only one column, '{header[0][:80]}'; {hint}")
    if "" in header:
        raise UserError(f"{file}: column {header.index('') + 1} has no name; {hint}")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise UserError(f"{file}: column '{twice[0]}' occurs more than once; {hint}")


def _scan(content: bytes, file: Path, hint: str) -> None:
    """Refuse what pandas would mend by guessing: it fills up short lines and renames columns named twice."""
    content.decode()  # a stream would count the position of a wrong byte from its own buffer
    with TextIOWrapper(BytesIO(content), encoding="utf-8-sig", newline="") as stream:
        lines = csv.reader(stream, strict=True)
        header = next(lines, [])
        check_header(header, file, hint)
        rows, blank = 0, False
        for cells in lines:
            # Blank lines are harmless at the end; between rows they would put every later line number out.
            if (cells and len(cells) != len(header)) or (cells and blank):
                found = "a blank line before it" if blank else f"{len(cells)} fields and not {len(header)}"
                raise UserError(f"{file}, line {lines.line_num}: the line has {found}, the file may be cut; {hint}")
            rows, blank = rows + bool(cells), not cells
        if not rows:
            raise UserError(f"{file}: a header without rows; {hint}")


def ids_of(cells: pd.Series) -> NDArray[np.int64] | NDArray[np.str_]:
    """Ids as int64 if all are integers that print as they were read, else as numpy strings."""
    texts = cells.to_numpy(dtype=np.str_)
    try:
        numbers = texts.astype(np.int64)
    except (ValueError, OverflowError):
        return texts
    return numbers if (numbers.astype(texts.dtype) == texts).all() else texts


def cell_error(file: Path, cells: pd.Series, bad: "pd.Series[bool]", what: str) -> UserError:
    """The error for the first of the `bad` cells, by line of the file (the header is line 1); by row of a parquet."""
    row = int(np.argmax(bad.to_numpy(dtype=bool)))
    place = f"row {row + 1}" if file.suffix.lower() in PARQUET else f"line {row + 2}"
    more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
    return UserError(f"{file}, {place}, column '{cells.name}': '{str(cells.iloc[row])[:80]}' {what}{more}")


def write_csv(frame: pd.DataFrame, file: Path) -> None:
    """Write without the index, aside and then by one rename: `file` is the old one or the whole new one."""
    with written_aside(file) as aside:
        frame.to_csv(aside, index=False, lineterminator="\n")
