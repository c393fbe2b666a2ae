"""The tables of benchmarks/worth.py, how each is cut, and which of them choices may be made on.

Development sets were all looked at before in this project (defaults and recipes were found on them); whatever is chosen
is chosen on these. The others are confirmation sets, fixed here before any tuning and looked at only to report. Five of
those (deliveries, check_times, nlswork, health, lending) had been run by own_competitions.py before, whose choices were
made on credit and churn.
Leaks, columns that tell the target or were made from it, are named with the reason beside them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

from rdatasets_tables import SOURCES, Source, load
from swapdae.competition.config import Task
from swapdae.competition.stop_rows import draw

Array = NDArray[Any]
Role = Literal["development", "confirmation", "twin"]
TWIN = "_twin"  # ends the name of a set that a generator drew after another
TEST_SHARE = 0.25
MAX_TRAIN = 10_000
MAX_TEST = 5_000


@dataclass(frozen=True)
class Set:
    """by: the column whose rows belong together; it is no feature. codes: numbers that only name something."""

    role: Role
    task: Task
    target: str
    read: Callable[[], pd.DataFrame]
    by: str = ""
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Table:
    """frame: features of all rows. y: (n,) numbers, or class numbers. groups: (n,) or None."""

    frame: pd.DataFrame
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]
    y: Array
    n_classes: int  # 0 for regression
    groups: Array | None


def flights_by_day() -> pd.DataFrame:
    """The train days of the competition flights, whose test days stay unseen here."""
    from swapdae.competition.hosts import nycflights13 as host

    return host._split(host.BY_DAY).train.drop(columns="id")


def digits() -> pd.DataFrame:
    """Handwritten digits of scikit-learn, 8 x 8 pixels."""
    from sklearn.datasets import load_digits

    frame: pd.DataFrame = load_digits(as_frame=True).frame
    return frame


def _of(role: Role, task: Task, source: Source, codes: tuple[str, ...] = ()) -> Set:
    return Set(role, task, source.target, partial(load, source), source.by, codes)


def _loans(frame: pd.DataFrame) -> pd.DataFrame:
    """The three worst grades as one: G has 12 loans."""
    return frame.assign(grade=frame["grade"].replace({"F": "E", "G": "E"}))


def _ridership(frame: pd.DataFrame) -> pd.DataFrame:
    """Days of one week belong together; the weekday is what a date says of a day to come."""
    date = pd.to_datetime(frame["date"])
    return frame.assign(week=date.dt.to_period("W").astype(str), weekday=date.dt.day_name(), month=date.dt.month_name())


def _stops(frame: pd.DataFrame) -> pd.DataFrame:
    date = pd.to_datetime(frame["date"])
    return frame.assign(hour=date.dt.hour, weekday=date.dt.day_name(), month=date.dt.month_name())


def _rodents(frame: pd.DataFrame) -> pd.DataFrame:
    """The twelve species that were caught 800 times and more."""
    counts = frame["species_id"].value_counts()
    return frame[frame["species_id"].isin(counts[counts >= 800].index)]


SETS: dict[str, Set] = {
    "flights": Set("development", "regression", "target", flights_by_day, by="day",
                   codes=("month", "hour", "engines")),
    "diamonds": _of("development", "regression", Source(
        "ggplot2/diamonds", "log_price", leaks=("price",),  # the target before its logarithm
        prepare=lambda frame: frame.assign(log_price=np.log(frame["price"])),
    )),
    "churn": _of("development", "binary", SOURCES["churn"]),
    "loans": _of("development", "multiclass", replace(
        SOURCES["loans"], prepare=_loans,
        # The rate and what is paid follow from the grade; the employer's name is free text.
        leaks=(*SOURCES["loans"].leaks, "emp_title"),
    )),
    "deliveries": _of("confirmation", "regression", SOURCES["deliveries"]),
    "check_times": _of("confirmation", "regression", replace(
        # status says whether the check failed; the package's name is an id.
        SOURCES["check_times"], leaks=(*SOURCES["check_times"].leaks, "package"),
    )),
    "nlswork": _of("confirmation", "regression", SOURCES["nlswork"], codes=("race", "ind_code", "occ_code")),
    "health": _of("confirmation", "regression", SOURCES["health"], codes=("plan", "site")),  # leaks: all other spending
    "wages": _of("confirmation", "regression", Source(
        "stevedata/gss_wages", "log_income", leaks=("realrinc",),  # the target before its logarithm
        prepare=lambda frame: frame.assign(log_income=np.log(frame["realrinc"])),
    )),
    "colleges": _of("confirmation", "regression", Source(
        "causaldata/scorecard", "log_earnings", by="unitid",
        leaks=("earnings_med", "inst_name"),  # the target before its logarithm; the name is the group
        prepare=lambda frame: frame.assign(log_earnings=np.log(frame["earnings_med"])),
    ), codes=("pred_degree_awarded_ipeds",)),
    "ridership": _of("confirmation", "regression", Source(
        "modeldata/Chicago", "ridership", by="week", leaks=("date",), prepare=_ridership,  # a date is an id
    )),
    "lending": _of("confirmation", "binary", SOURCES["lending"]),
    "taxi": _of("confirmation", "binary", Source("modeldata/taxi", "tip")),
    "crashes": _of("confirmation", "binary", Source(
        # Says that the person died; how many crashes a row stands for, which is fewer the graver they are.
        "DAAG/nassCDS", "dead", by="caseid", leaks=("injSeverity", "weight"),
    )),
    "stops": _of("confirmation", "binary", Source(
        "carData/MplsStops", "problem", prepare=_stops,
        # What came of the stop, and of traffic stops more often; the others are ids.
        leaks=("citationIssued", "personSearch", "vehicleSearch", "idNum", "date"),
    ), codes=("policePrecinct",)),
    "digits": Set("confirmation", "multiclass", "target", digits),
    "jobs": _of("confirmation", "multiclass", Source("modeldata/hpc_data", "class")),
    "rodents": _of("confirmation", "multiclass", Source(
        "ratdat/complete", "species_id", prepare=_rodents,
        leaks=("genus", "species", "taxa", "record_id"),  # name the species; an id
    ), codes=("plot_id", "month")),
}  # fmt: skip


def add_twins(folder: Path) -> None:
    """The CSVs that worth_twins.py wrote, as sets."""

    def read(file: Path, text: tuple[str, ...]) -> pd.DataFrame:
        return pd.read_csv(file, dtype=dict.fromkeys(text, str), keep_default_na=False)

    for file in sorted(folder.glob("*.csv")):
        text = table_of(file.stem).categorical
        SETS[file.stem + TWIN] = Set("twin", SETS[file.stem].task, "target", partial(read, file, text), codes=text)


def table_of(name: str) -> Table:
    """A whole set, its columns by kind, in the frame's order: text, categories, bools and codes are categorical."""
    told = SETS[name]
    frame = told.read().reset_index(drop=True)
    target, groups = frame.pop(told.target), None
    if told.by:
        groups = pd.factorize(frame.pop(told.by))[0]
    named = [not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    names = [str(column) for column, name in zip(frame, named, strict=True) if name or column in told.codes]
    for column in names:
        frame[column] = frame[column].astype(str).where(frame[column].notna(), None).astype(object)
    numbers = [str(column) for column in frame if column not in names]
    frame = frame.astype(dict.fromkeys(numbers, np.float64))
    if told.task == "regression":
        return Table(frame, tuple(names), tuple(numbers), target.to_numpy(dtype=np.float64), 0, groups)
    y, classes = pd.factorize(target, sort=True)
    n_classes = len(classes) if told.task == "multiclass" else 2
    return Table(frame, tuple(names), tuple(numbers), y, n_classes, groups)


def split(table: Table, seed: int) -> tuple[Array, Array]:
    """Row numbers of train and of the rows kept back, in random order: whole groups, else a quarter of every class.

    Each is cut to MAX_TRAIN and MAX_TEST rows, drawn from all its groups."""
    kind = ShuffleSplit if not table.n_classes else StratifiedShuffleSplit
    splitter = (GroupShuffleSplit if table.groups is not None else kind)(1, test_size=TEST_SHARE, random_state=seed)
    train, test = next(splitter.split(table.frame, table.y, table.groups))
    rng = np.random.default_rng(seed)
    return rng.permutation(train)[:MAX_TRAIN], rng.permutation(test)[:MAX_TEST]


def labelled(table: Table, train: Array, n_labels: int | None, seed: int) -> Array:
    """The rows of `train` whose labels are given: all, or so many, spread evenly over the classes."""
    if n_labels is None or n_labels >= len(train):
        return train
    return train[draw(n_labels, table.y[train], table.n_classes > 0, np.random.default_rng(seed))]
