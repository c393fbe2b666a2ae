"""One file of a competition, a CSV or a parquet file, as cells of text."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from swapdae.competition.csv_file import PARQUET, read_csv
from swapdae.competition.parquet_file import read_parquet


def read_cells(file: Path, expected: Iterable[str], stage: str) -> pd.DataFrame:
    """All cells as text, "" where empty, by the end of the file's name. See read_csv and read_parquet."""
    return (read_parquet if file.suffix.lower() in PARQUET else read_csv)(file, expected, stage)
