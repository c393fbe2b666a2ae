"""A competition's files as one Table, validated once. Later stages rely on it and check nothing again."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from swapdae.base.errors import UserError
from swapdae.competition.config import Columns, Competition, Task
from swapdae.competition.csv_file import cell_error, ids_of
from swapdae.competition.fold_columns import fold_by, no_features
from swapdae.competition.kinds import is_free_text, kinds_of, missing_numbers, numbers_of
from swapdae.competition.made_columns import MadeColumns
from swapdae.competition.metric_checks import check_sample, check_target
from swapdae.competition.row_reader import RowReader, finite, same_columns
from swapdae.competition.table_file import read_cells
from swapdae.competition.weights import weights_of

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Table:
    """Train and test rows of one competition.

    train, test: features, `categorical` (str) then `numerical` (float64); NaN where missing, never inf.
    y (n_train,): float64 in regression, else int64 numbers into `classes`, the labels in sorted order.
    sample: the sample submission, whose ids are those of test in any order; its first column is the id.
    fold_by: what folds are drawn by, (n_train,) by name, see fold_by in fold_columns.
    weights: (n_train,) >= 0, where the competition weighs its rows.
    kinds: of the columns as the files have them; of dates and texts, `numerical` holds what is made of them. reader: of
    other rows of the same columns.
    """

    train: pd.DataFrame
    test: pd.DataFrame
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]
    train_ids: Array
    test_ids: Array
    y: Array
    classes: tuple[str, ...]
    sample: pd.DataFrame
    fold_by: Mapping[str, Array] = field(default_factory=dict)
    weights: Array | None = None
    kinds: Columns = field(default_factory=Columns)
    reader: RowReader | None = None

    @property
    def n_train(self) -> int:
        return len(self.train)

    @property
    def n_test(self) -> int:
        return len(self.test)

    @cached_property
    def missing(self) -> dict[str, tuple[int, int]]:
        """Missing cells in train and in test, for every column."""
        train, test = self.train.isna().sum(), self.test.isna().sum()
        return {column: (int(train[column]), int(test[column])) for column in self.train.columns}

    @cached_property
    def unseen(self) -> dict[str, int]:
        """Test rows with a level that train lacks, for every categorical column."""
        new = {name: ~self.test[name].dropna().isin(self.train[name].unique()) for name in self.categorical}
        return {name: int(cells.sum()) for name, cells in new.items()}

    @cached_property
    def constant(self) -> tuple[str, ...]:
        """Columns with one value in all of train, missing counting as a value."""
        return tuple(column for column in self.train.columns if self.train[column].nunique(dropna=False) <= 1)

    def subset(self, rows: Array) -> "Table":
        """The same table with only these train rows, (n,) row numbers; test and classes stay."""
        train = self.train.iloc[rows].reset_index(drop=True)
        fold_by = {name: values[rows] for name, values in self.fold_by.items()}
        weights = None if self.weights is None else self.weights[rows]
        y, ids = self.y[rows], self.train_ids[rows]
        return replace(self, train=train, train_ids=ids, y=y, fold_by=fold_by, weights=weights)

    def summary(self) -> dict[str, Any]:
        """What a report says of the table; only columns with something to say are named."""
        return {
            "n_train": self.n_train,
            "n_test": self.n_test,
            "categorical": list(self.categorical),
            "numerical": list(self.numerical),
            "dates": list(self.kinds.dates),
            "text": list(self.kinds.text),
            "missing": {column: list(counts) for column, counts in self.missing.items() if any(counts)},
            "unseen": {column: count for column, count in self.unseen.items() if count},
            "constant": list(self.constant),
            "classes": list(self.classes),
        }


def read_table(competition: Competition, directory: Path) -> Table:
    """The table of the CSVs in `directory`. Raises UserError naming file, and line and column if any."""
    id_, target, named = competition.id, competition.target, competition.columns
    train_file, test_file, sample_file = files = [directory / name for name in competition.files.all]
    expected = [id_, *(name for name, kind in named.kinds.items() if kind != "drop")]
    train = read_cells(train_file, [*expected, target], "download")
    test = read_cells(test_file, expected, "download")
    sample = read_cells(sample_file, [id_, target], "download")
    _check_named(train, test, named, train_file)
    _check_targets(dict(zip(files, (train, test, sample), strict=True)), competition)
    by, dropped = fold_by(train, competition, train_file), no_features(train, test, competition.folds, id_)
    weights = None if named.weight is None else weights_of(train, named.weight, train_file)
    left_out = [*named.drop, *competition.others, *dropped, *([] if named.weight is None else [named.weight])]
    train, test = (cells.drop(columns=left_out, errors="ignore") for cells in (train, test))
    header = tuple(map(str, sample.columns))
    sample = sample.drop(columns=list(competition.others))
    frames = dict(zip(files, (train, test, sample), strict=True))
    _check_header(frames, competition)
    _check_ids(frames, id_)

    y, classes = _target(train[target], competition.task, train_file)
    kinds = kinds_of(train.drop(columns=[id_, target]), test.drop(columns=id_), competition, train_file)
    reader = RowReader(
        id=id_,
        targets=(target, *competition.others),
        ignored=tuple(left_out),
        sample=header,
        kinds=kinds,
        made=MadeColumns.fit(train, test, kinds, (train_file, test_file)),
    )
    sample[id_] = ids_of(sample[id_])
    _check_sample(sample, competition.task, classes, sample_file)
    check_target(competition.metric_of, train[target], y, classes, train_file)
    check_sample(competition.metric_of, sample, sample_file)
    table = Table(
        train=reader.features(train, train_file),
        test=reader.features(test, test_file),
        categorical=kinds.categorical,
        numerical=(*kinds.numerical, *reader.made.names),
        train_ids=ids_of(train[id_]),
        test_ids=ids_of(test[id_]),
        y=y,
        classes=classes,
        sample=sample,
        fold_by=by,
        weights=weights,
        kinds=kinds,
        reader=reader,
    )
    if len(table.constant) == len(table.train.columns):
        raise UserError(f"{train_file}: every feature is constant, nothing to learn from; fetch the file again")
    return table


# >>> Checks over columns and files


def _check_header(frames: dict[Path, pd.DataFrame], competition: Competition) -> None:
    id_, target = competition.id, competition.target
    (train_file, train), (test_file, test), _ = frames.items()
    for cells, file, needed in ((train, train_file, (id_, target)), (test, test_file, (id_,))):
        if lacking := [column for column in needed if column not in cells]:
            raise UserError(f"{file}: no column '{lacking[0]}'; name the right one in competition.toml")
    if target in test:
        raise UserError(f"{test_file}: holds the target '{target}'; take that column out")
    features = set(train.columns) - {id_, target}
    same_columns(features, set(test.columns) - {id_}, test_file, f"compared with {train_file.name}")
    if not features:
        raise UserError(f"{train_file}: no columns besides id and target, so nothing to learn from")


def _check_targets(frames: dict[Path, pd.DataFrame], competition: Competition) -> None:
    """Of a competition of several targets: one is chosen; all are in train and in the sample, none in test."""
    if not competition.target:
        known = ", ".join(competition.targets)
        raise UserError(f"competition '{competition.name}' has targets {known}: choose one, as <experiment>/<target>")
    (train_file, train), (test_file, test), (sample_file, sample) = frames.items()
    for name in competition.targets:
        for cells, file in ((train, train_file), (sample, sample_file)):
            if name not in cells:
                raise UserError(f"{file}: no column '{name}', which is a target in competition.toml; mend that")
        if name in test:
            raise UserError(f"{test_file}: holds the target '{name}'; take that column out")


def _check_named(train: pd.DataFrame, test: pd.DataFrame, named: Columns, file: Path) -> None:
    for name, kind in named.kinds.items():
        if name not in train and (kind != "drop" or name not in test):
            raise UserError(f"{file}: no column '{name}'; mend its name in {kind} under [columns] of competition.toml")


def _check_ids(frames: dict[Path, pd.DataFrame], id_: str) -> None:
    """Unique ids in train, test and sample; none shared by train and test; the sample's are those of test."""
    train_file, test_file, sample_file = frames
    if (first := frames[sample_file].columns[0]) != id_:
        raise UserError(f"{sample_file}: the first column is '{first}' and not the id '{id_}'")
    ids = {file: cells[id_].astype(object) for file, cells in frames.items()}  # isin is slow on str dtype
    train, test, sample = ids.values()
    checks = [(file, cells == "", "is empty") for file, cells in ids.items()]
    checks += [(file, cells.duplicated(), "occurs again") for file, cells in ids.items()]
    checks += [
        (test_file, test.isin(train), f"is also an id of {train_file.name}"),
        (sample_file, ~sample.isin(test), f"is no id of {test_file.name}"),
        (test_file, ~test.isin(sample), f"is no id of {sample_file.name}"),
    ]
    for file, bad, what in checks:
        if bad.any():
            raise cell_error(file, ids[file], bad, f"{what}; fetch the files again or mend them")


def _check_sample(sample: pd.DataFrame, task: Task, classes: tuple[str, ...], file: Path) -> None:
    """The sample's prediction columns fit the task; known now, and not only after hours of training."""
    if task == "multiclass":
        prediction_columns(sample, classes, str(file))
    elif len(sample.columns) != 2:
        raise UserError(f"{file}: {len(sample.columns) - 1} prediction columns; '{task}' has one")


def prediction_columns(sample: pd.DataFrame, classes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """The prediction columns of a multiclass sample: one for the label, or one per class in `classes`' order.

    A class's column bears its label, alone or after a prefix ending in "_". Raises UserError if one has none.
    """
    names = tuple(sample.columns[1:])
    if len(names) == 1:
        return names
    found = []
    for label in classes:
        fits = [n for n in names if n == label] or [n for n in names if n.endswith(f"_{label}")]
        if len(fits) != 1:
            raise UserError(f"{where}: {len(fits)} columns for class '{label}' among {', '.join(names)}")
        found.append(fits[0])
    if extra := set(names) - set(found):
        raise UserError(f"{where}: prediction column '{min(extra)}' belongs to no class of the target")
    return tuple(found)


# >>> Cells to values


def _target(cells: pd.Series, task: Task, file: Path) -> tuple[Array, tuple[str, ...]]:
    """y and the class labels. Raises UserError if the target is missing, constant or unfit for the task."""
    missing = missing_numbers(cells) if task == "regression" else cells == ""
    if missing.any():
        raise cell_error(file, cells, missing, "is missing; every train row needs a target")
    values = finite(cells, file) if task == "regression" else cells
    if values.nunique() == 1:
        raise UserError(f"{file}, column '{cells.name}': the target is '{cells.iloc[0]}' in every row")
    if task == "regression":
        return values.to_numpy(), ()
    labels = sorted(cells.unique())
    if (numbers := numbers_of(pd.Series(labels))[0]).notna().all():  # so that 10 comes after 9
        labels = [labels[i] for i in np.argsort(numbers.to_numpy(), kind="stable")]
    if (task == "binary" and len(labels) != 2) or is_free_text(cells):
        some = f"{len(labels)} labels ({', '.join(labels[:5])}, ...)"
        raise UserError(f"{file}, column '{cells.name}': {some} do not fit task '{task}'")
    return pd.Categorical(cells, categories=labels).codes.astype(np.int64), tuple(labels)
