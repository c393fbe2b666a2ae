"""What columns of a table of one's own look like: ids, numbers, codes, groups, time. Cells are str, "" where empty."""

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from swapdae.competition.dates import are_iso_dates
from swapdae.competition.kinds import is_free_text, missing_numbers

ID_NAME = re.compile(r"^(?i:id|key|index|row_?names?|row_?id|unnamed.*)$|[_ .](?i:id)$|[a-z]I[dD]$")
CODE_WORDS = "code|cd|type|kind|class|region|zone|state|zip|month|weekday|wday|dow|group"
CODE_NAME = re.compile(rf"(?i)(^|[_. ])({CODE_WORDS})($|[_. \d])")
TIME_NAME = re.compile(r"(?i)(^|[_. ])(year|yr|date|time|timestamp|day|week|month|quarter|hour|period|t)($|[_. \d])")
MANY_LEVELS = 60  # a code of more levels is left a number


def is_number(cells: pd.Series) -> bool:
    """Whether every cell that is not missing is a number, and there is one."""
    there = cells[~missing_numbers(cells)]
    return len(there) > 0 and bool(pd.to_numeric(there, errors="coerce").notna().all())


def is_integer(cells: pd.Series) -> bool:
    """Whether every cell that is not missing is an integer, written as "3" or as "3.0"."""
    there = cells[~missing_numbers(cells)]
    return len(there) > 0 and bool(there.str.fullmatch(r"[+-]?\d+(\.0)?").all())


def id_column(train: pd.DataFrame, test: pd.DataFrame) -> str | None:
    """The column that tells every row of both files apart: one named as an id, else the first of all if it is one."""
    both = [str(name) for name in train if name in test]
    found = [name for name in both if _tells_apart(train[name], test[name])]
    named = [name for name in found if ID_NAME.search(name)]
    if named:
        return named[0]
    return found[0] if found and both[0] == found[0] else None


def _tells_apart(train: pd.Series, test: pd.Series) -> bool:
    cells = pd.concat([train, test], ignore_index=True)
    return bool(cells.is_unique and (cells != "").all() and (is_integer(cells) or not is_number(cells)))


def unused(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, str]:
    """Columns that no model can use, and why: constants and identifiers."""
    found = {}
    for name, cells in train.items():
        n_levels = cells.nunique()
        if n_levels == 1:
            found[str(name)] = "constant in train"
        elif n_levels == len(cells) and is_integer(cells) and ID_NAME.search(str(name)):
            found[str(name)] = "an identifier: different in every row"
        elif _is_free_text(cells, test[name]) and not has_words(cells):
            found[str(name)] = "an identifier: mostly different values, each one word"
    return found


def texts(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, str]:
    """Columns of free text, and why: mostly different values, of several words."""
    why = "free text: mostly different values, of several words; drop it if it tells nothing"
    return {str(name): why for name, cells in train.items() if _is_free_text(cells, test[name]) and has_words(cells)}


def has_words(cells: pd.Series) -> bool:
    """Whether its cells hold two words or more, most of them."""
    return float((cells.str.count(r"\S+") > 1).mean()) > 0.5


def _is_free_text(train: pd.Series, test: pd.Series) -> bool:
    return is_free_text(train) and not (is_number(train) and is_number(test)) and not are_iso_dates(train)


def codes(train: pd.DataFrame, test: pd.DataFrame) -> dict[str, str]:
    """Integers that stand for categories, and why: named as a code, or few and large as area codes are."""
    found = {}
    for name, cells in train.items():
        levels = cells[~missing_numbers(cells)].unique()
        if not 3 <= len(levels) <= MANY_LEVELS or not (is_integer(cells) and is_integer(test[name])):
            continue
        if CODE_NAME.search(str(name)):
            found[str(name)] = f"{len(levels)} integers, named as a code"
        elif len(levels) <= 12 and pd.to_numeric(pd.Series(levels)).min() >= 100:
            found[str(name)] = f"{len(levels)} large integers"
    return found


def runs_on(train: pd.DataFrame, test: pd.DataFrame) -> list[str]:
    """Columns that sort the rows in time: dates or numbers of several values, none of test before the last of train."""
    found = []
    for name, cells in train.items():
        if "" in (values := set(cells)) or len(values) < 3 or (test[name] == "").any():
            continue
        if may_group(cells) and not TIME_NAME.search(str(name)):
            continue  # numbers given one after the other, as to persons or orders
        if are_iso_dates(cells) and are_iso_dates(test[name]):
            later = cells.max() <= test[name].min()
        elif is_number(cells) and is_number(test[name]):
            later = pd.to_numeric(cells).max() <= pd.to_numeric(test[name]).min()
        else:
            continue
        if later:
            found.append(str(name))
    return found


def groups(train: pd.DataFrame, test: pd.DataFrame) -> Iterator[tuple[str, str, bool]]:
    """Columns whose rows belong together, why, and whether that is sure: test holds other values than train.

    Not sure: rows of one value agree in half of the other columns, where rows at random do not.
    """
    for name in map(str, train):
        cells = train[name]
        if not may_group(cells) or runs_on(train[[name]], test):
            continue
        if is_unshared(cells, test[name]):
            yield name, f"rows share '{name}', and test holds other values of it: keep them together", True
        elif cells.nunique() >= len(cells) / 50 and (share := _agreement(train, name)) >= 0.5:
            yield name, f"rows of one '{name}' agree in {share:.0%} of the other columns: keep them together", False


def is_unshared(train: pd.Series, test: pd.Series) -> bool:
    """Whether test holds other values of a column than train."""
    return float(test.isin(train.unique()).mean()) <= 0.02


def may_group(cells: pd.Series) -> bool:
    """Whether its values are names or integers, many, and most of them of several rows."""
    several = 20 <= cells.nunique() <= len(cells) / 1.5
    return several and not are_iso_dates(cells) and (is_integer(cells) or not is_number(cells))


def _agreement(train: pd.DataFrame, name: str) -> float:
    """The share of other columns in which the rows of one value mostly agree, and rows at random mostly do not."""
    others = train.drop(columns=name).iloc[:, :60]
    shuffled = train[name].to_numpy()[np.random.default_rng(0).permutation(len(train))]
    within, by_chance = (_same_as_next(others, keys) for keys in (train[name].to_numpy(), shuffled))
    return float(np.mean([a > 0.9 and b < 0.7 for a, b in zip(within, by_chance, strict=True)])) if len(within) else 0.0


def _same_as_next(others: pd.DataFrame, keys: np.ndarray) -> list[float]:
    """By column, how often a row equals the next one of its key."""
    order = np.argsort(keys, kind="stable")
    pairs = keys[order][1:] == keys[order][:-1]
    cells = others.to_numpy(dtype=object)[order]
    same = cells[1:][pairs] == cells[:-1][pairs]
    return [float(share) for share in same.mean(axis=0)] if len(same) else [0.0] * others.shape[1]
