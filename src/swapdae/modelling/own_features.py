"""Columns that a user makes in a file of their own: input/<competition>/features.py or experiments/<experiment>.py.

    def make(frame): ...        # a DataFrame of new columns; sees train and test rows stacked, never the target
    def transformers(): ...     # a list of scikit-learn transformers, fitted inside each fold's training part, with y

Either may be left out. The file is the user's own code and runs as such.
"""

import ast
import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from swapdae.base.errors import UserError
from swapdae.base.files import read_json, write_bytes, write_json, written_aside
from swapdae.base.random import numpy_seeded
from swapdae.competition.table import Table
from swapdae.modelling.fitted_objects import Arrays, made_of, told
from swapdae.modelling.fitted_view import FILE, Fit

Result = TypeVar("Result")
OWN = "features.py"  # what the file is called where it is kept


@dataclass(frozen=True)
class OwnFeatures:
    """file: where they are made. sha256: of its source. make_sha256: of what it says besides transformers(), so that a
    change there leaves the table as it is. module: the name that it runs under. make, transformers: as in the file,
    None where it has none."""

    file: Path
    sha256: str
    make_sha256: str
    module: str
    make: Callable[[pd.DataFrame], Any] | None
    transformers: Callable[[], Any] | None

    def extend(self, table: Table, reserved: Sequence[str]) -> Table:
        """The table with the columns of `make` added, their kinds by dtype. reserved: names that are no features'.

        Raises UserError where make fails, or returns other rows, a name that is taken, dates or infinity.
        """
        if self.make is None:
            return table
        frame = pd.concat([table.train, table.test], ignore_index=True)
        new = self.made(frame, reserved)
        categorical = tuple(str(name) for name in new if not pd.api.types.is_numeric_dtype(new[name]))
        numerical = (*table.numerical, *(str(name) for name in new if name not in categorical))
        categorical = (*table.categorical, *categorical)
        whole = pd.concat([frame, new], axis=1)[[*categorical, *numerical]]
        train, test = whole[: table.n_train], whole[table.n_train :].reset_index(drop=True)
        return replace(table, train=train, test=test, categorical=categorical, numerical=numerical)

    def made(self, frame: pd.DataFrame, reserved: Sequence[str] = ()) -> pd.DataFrame:
        """What `make` adds to these rows; see extend."""
        if self.make is None:
            return pd.DataFrame(index=frame.index)
        with numpy_seeded(0):
            made = self._called("make", self.make, frame.copy())
        return self._new_columns(made, frame, reserved)

    def fit(self, frame: pd.DataFrame, rows: NDArray[np.int64], y: NDArray[Any], seed: int = 0) -> Fit:
        """The transformers, each cloned and fitted on `rows` with their targets y. What these rows get is what its
        fit_transform returns, which may cross-fit, as TargetEncoder's does.

        Raises UserError where one fails, or returns other rows.
        """
        fitted, parts = [], []
        for i, given in enumerate(self._list()):
            transformer = self._called(f"transformers()[{i}]", clone, given)
            step = partial(transformer.fit_transform, y=y)
            with numpy_seeded(seed):
                parts.append(self._transformed(i, step, frame.iloc[rows], given))
            fitted.append(transformer)
        trained = self._plain(pd.concat(parts, axis=1), "transformers()").set_axis(rows, axis=0)
        return Fit(OwnView(self, tuple(fitted), seed), trained)

    def transformed(self, fitted: Sequence[Any], frame: pd.DataFrame) -> pd.DataFrame:
        """What fitted transformers make of any rows. Raises UserError as fit does."""
        parts = [self._transformed(i, transformer.transform, frame) for i, transformer in enumerate(fitted)]
        return self._plain(pd.concat(parts, axis=1), "transformers()")

    def _transformed(
        self, i: int, step: Callable[[pd.DataFrame], Any], frame: pd.DataFrame, given: Any = None
    ) -> pd.DataFrame:
        kind = type(getattr(step, "__self__", given)).__name__
        name = f"transformers()[{i}], {kind},"
        part = _as_frame(self._called(name, step, frame), f"own{i}")
        if len(part) != len(frame):
            raise UserError(f"{self.file}: {name} made {len(part)} rows of {len(frame)}; one for each is needed")
        return part.set_axis(frame.index, axis=0)

    def _list(self) -> list[Any]:
        """Raises UserError where there are none."""
        listed = [] if self.transformers is None else self._called("transformers", self.transformers)
        if not isinstance(listed, list | tuple) or not listed:
            raise UserError(f"{self.file}: view 'own' needs a function transformers() that lists one or more of them")
        return list(listed)

    def _called(self, name: str, function: Callable[..., Result], *given: Any) -> Result:
        try:
            return function(*given)
        except Exception as error:
            raise UserError(f"{self.file}: {name} failed with {_one_line(error)}; --debug shows where") from error

    def _new_columns(self, made: Any, frame: pd.DataFrame, reserved: Sequence[str]) -> pd.DataFrame:
        """Those of `made` that frame lacks. Columns that came along unchanged are left out."""
        if not isinstance(made, pd.DataFrame):
            raise UserError(f"{self.file}: make returned {type(made).__name__}, not a DataFrame")
        if len(made) != len(frame):
            raise UserError(f"{self.file}: make returned {len(made)} rows for {len(frame)}; one for each is needed")
        if not made.index.equals(frame.index):
            raise UserError(f"{self.file}: make returned the rows in another order or under another index; keep them")
        made = made.rename(columns=str)
        if twice := list(made.columns[made.columns.duplicated()]):
            raise UserError(f"{self.file}: make returned two columns '{twice[0]}'; rename one")
        for name in made:
            if name in reserved or (name in frame and not made[name].equals(frame[name])):
                raise UserError(f"{self.file}: make returned a column '{name}', a name that is taken; choose another")
        return self._plain(made[[name for name in made if name not in frame]], "make")

    def _plain(self, made: pd.DataFrame, name: str) -> pd.DataFrame:
        """Numbers and bools as float64, all else as text; NaN where missing."""
        plain: dict[Any, pd.Series] = {}
        for column, cells in made.items():
            if pd.api.types.is_datetime64_any_dtype(cells) or pd.api.types.is_timedelta64_dtype(cells):
                raise UserError(f"{self.file}: {name} made dates of column '{column}'; make numbers of them")
            if pd.api.types.is_numeric_dtype(cells):
                plain[column] = cells.astype(np.float64)
                if np.isinf(plain[column]).any():
                    raise UserError(f"{self.file}: {name} made infinity in column '{column}'; make it NaN or a number")
            else:
                plain[column] = cells.astype(object).where(cells.notna(), None).astype("str")
        return pd.DataFrame(plain, index=made.index)


@dataclass(frozen=True, eq=False)
class OwnView:
    """The view of a user's own transformers as they were fitted. It keeps the user's file beside what was fitted."""

    own: OwnFeatures
    fitted: tuple[Any, ...]
    seed: int

    def columns(self, frame: pd.DataFrame) -> pd.DataFrame:
        with numpy_seeded(self.seed):
            return self.own.transformed(self.fitted, frame)

    def save(self, folder: Path) -> None:
        """Raises UserError for a transformer that cannot be kept."""
        arrays: Arrays = {}
        values = []
        for i, transformer in enumerate(self.fitted):
            try:
                values.append(told(transformer, arrays, (self.own.module,)))
            except ValueError as error:
                what = f"transformers()[{i}], {type(transformer).__name__}, holds what cannot be kept without pickle"
                raise UserError(f"{self.own.file}: {what}: {error}; give it a name at the top of the file") from error
        write_bytes(folder / OWN, self.own.file.read_bytes())
        write_json(folder / FILE, {"seed": self.seed, "fitted": values})
        with written_aside(folder / "arrays.npz") as aside, aside.open("wb") as out:
            np.savez(out, allow_pickle=False, **arrays)

    @staticmethod
    def load(folder: Path) -> "OwnView":
        """What `save` wrote; runs the user's file."""
        own = read_own_features(folder / OWN)
        assert own is not None
        told_of = read_json(folder / FILE)
        with np.load(folder / "arrays.npz", allow_pickle=False) as arrays:
            fitted = [made_of(value, arrays, (own.module,)) for value in told_of["fitted"]]
        return OwnView(own, tuple(fitted), told_of["seed"])


def _as_frame(made: Any, prefix: str) -> pd.DataFrame:
    made = made.toarray() if hasattr(made, "toarray") else made
    frame = made if isinstance(made, pd.DataFrame) else pd.DataFrame(np.asarray(made))
    return frame.add_prefix(f"{prefix}_")


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def read_own_features(*files: Path) -> OwnFeatures | None:
    """The first of these files that exists; None where none does. Raises UserError where it cannot be run."""
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return None
    source = file.read_bytes()
    sha256 = hashlib.sha256(source).hexdigest()
    module = ModuleType(f"swapdae_own_{sha256[:16]}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module  # where a class of the file looks for its module
    try:
        exec(compile(source, file, "exec"), module.__dict__)
    except Exception as error:
        raise UserError(f"{file}: cannot be run: {_one_line(error)}; --debug shows where") from error
    functions = [getattr(module, name, None) for name in ("make", "transformers")]
    if not any(map(callable, functions)):
        raise UserError(f"{file}: has neither a function make(frame) nor transformers(); add one, or take it away")
    make, transformers = functions
    return OwnFeatures(file, sha256, _without_transformers(source), module.__name__, make, transformers)


def _without_transformers(source: bytes) -> str:
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "transformers"]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
