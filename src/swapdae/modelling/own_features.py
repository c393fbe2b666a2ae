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
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from swapdae.base.errors import UserError
from swapdae.base.random import numpy_seeded
from swapdae.competition.table import Table

Result = TypeVar("Result")


@dataclass(frozen=True)
class OwnFeatures:
    """file: where they are made. sha256: of its source. make_sha256: of what it says besides transformers(), so that a
    change there leaves the table as it is. make, transformers: as in the file, None where it has none."""

    file: Path
    sha256: str
    make_sha256: str
    make: Callable[[pd.DataFrame], Any] | None
    transformers: Callable[[], Any] | None

    def extend(self, table: Table, reserved: Sequence[str]) -> Table:
        """The table with the columns of `make` added, their kinds by dtype. reserved: names that are no features'.

        Raises UserError where make fails, or returns other rows, a name that is taken, dates or infinity.
        """
        if self.make is None:
            return table
        frame = pd.concat([table.train, table.test], ignore_index=True)
        with numpy_seeded(0):
            made = self._called("make", self.make, frame.copy())
        new = self._new_columns(made, frame, reserved)
        categorical = tuple(str(name) for name in new if not pd.api.types.is_numeric_dtype(new[name]))
        numerical = (*table.numerical, *(str(name) for name in new if name not in categorical))
        categorical = (*table.categorical, *categorical)
        whole = pd.concat([frame, new], axis=1)[[*categorical, *numerical]]
        train, test = whole[: table.n_train], whole[table.n_train :].reset_index(drop=True)
        return replace(table, train=train, test=test, categorical=categorical, numerical=numerical)

    def fitted(
        self, frame: pd.DataFrame, rows: NDArray[np.int64], y: NDArray[Any], others: NDArray[np.int64]
    ) -> pd.DataFrame:
        """What the transformers make of all rows. Each is cloned and fitted on `rows` with their targets y: these rows
        are what its fit_transform returns (which may cross-fit, as TargetEncoder's does), `others` what transform does.

        Raises UserError where one fails, or returns other rows.
        """
        parts = []
        for i, given in enumerate(self._list()):
            transformer = self._called(f"transformers()[{i}]", clone, given)
            steps = ((rows, lambda x, t=transformer: t.fit_transform(x, y)), (others, transformer.transform))
            made = []
            for of, step in steps:
                name = f"transformers()[{i}], {type(given).__name__},"
                part = _as_frame(self._called(name, step, frame.iloc[of]), f"own{i}")
                if len(part) != len(of):
                    raise UserError(f"{self.file}: {name} made {len(part)} rows of {len(of)}; one for each is needed")
                made.append(part.set_axis(of, axis=0))
            parts.append(pd.concat(made).sort_index())
        return self._plain(pd.concat(parts, axis=1), "transformers()")

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
    return OwnFeatures(file, sha256, _without_transformers(source), make, transformers)


def _without_transformers(source: bytes) -> str:
    tree = ast.parse(source)
    tree.body = [node for node in tree.body if getattr(node, "name", "") != "transformers"]
    return hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
