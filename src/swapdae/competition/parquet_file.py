"""One parquet file, as the cells that a CSV of it would hold. Needs pyarrow, an optional extra."""

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from swapdae.base.errors import UserError
from swapdae.competition.csv_file import TEXT, check_header, hint_of, no_file

INDEX = re.compile(r"__index_level_\d+__")  # what pandas writes for an index without a name: no column of anyone


def read_parquet(file: Path, expected: Iterable[str], stage: str) -> pd.DataFrame:
    """All cells as text, "" where null; numbers print back to the same value, dates are ISO dates.

    UserErrors name the `expected` columns and the `stage` that puts the file there.
    """
    hint = hint_of(expected, stage)
    try:
        import pyarrow as arrow
        from pyarrow import parquet
    except ImportError:
        advice = "`pip install 'swapdae[parquet]'` brings it, or save the file as CSV"
        raise UserError(f"{file}: reading parquet needs pyarrow; {advice}") from None
    try:
        with file.open("rb") as stream:
            table = parquet.ParquetFile(stream).read()
    except FileNotFoundError:
        raise no_file(file, stage) from None
    except (OSError, arrow.ArrowException) as error:
        raise UserError(f"{file}: is no whole parquet file ({_line(error)}); {hint}") from None
    check_header(table.column_names, file, hint)
    if not table.num_rows:
        raise UserError(f"{file}: columns without rows; {hint}")
    columns = {}
    for name, cells in zip(table.column_names, table.columns, strict=True):
        if not INDEX.fullmatch(name):
            try:
                texts = cells.cast(arrow.string()).fill_null("")
            except arrow.ArrowException as error:
                raise UserError(f"{file}, column '{name}': cannot be read as text ({_line(error)})") from None
            columns[name] = pd.Series(texts.to_pylist(), dtype=TEXT)
    return pd.DataFrame(columns)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
