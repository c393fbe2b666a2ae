"""A view as it was fitted, which makes its columns of any rows of the table: those of the run, and new ones."""

from pathlib import Path
from typing import NamedTuple, Protocol, Self

import numpy as np
import pandas as pd

from swapdae.base.files import read_json, write_json
from swapdae.base.models import StrictModel

FILE = "view.json"


class FittedView(Protocol):
    """What is fitted; it is kept in a folder, and read again by the view's `load`."""

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The view's columns of the rows of `frame`, under its index. Numbers, or text, NaN where missing."""

    def save(self, folder: Path) -> None:
        """Writes itself into a folder; nothing is pickled."""


class JsonView(StrictModel):
    """A fitted view whose fields are JSON values."""

    def save(self, folder: Path) -> None:
        write_json(folder / FILE, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls.model_validate(read_json(folder / FILE))


class Fit(NamedTuple):
    """A fitted view. trained: its columns of the rows that it was fitted on, by row number, where these are made in
    another way, as by cross-fitting; None where all rows are made alike."""

    view: FittedView
    trained: pd.DataFrame | None = None

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Of all rows of the run."""
        if self.trained is None:
            return self.view.columns(frame)
        others = np.setdiff1d(np.arange(len(frame)), self.trained.index)
        made = self.view.columns(frame.iloc[others]).set_axis(others, axis=0)
        return pd.concat([made, self.trained]).sort_index()
