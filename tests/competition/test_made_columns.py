"""What is made of dates and texts, against Python's own calendar and by hand."""

from datetime import UTC, datetime
from math import cos, pi, sin
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Columns
from swapdae.competition.csv_file import TEXT
from swapdae.competition.made_columns import MadeColumns

FILES = (Path("train.csv"), Path("test.csv"))


def made(train: list[str], test: list[str], kinds: Columns) -> tuple[pd.DataFrame, pd.DataFrame]:
    a, b = (pd.DataFrame({"when": cells}, dtype=TEXT) for cells in (train, test))
    found = MadeColumns.fit(a, b, kinds, FILES)
    return found.of(a, FILES[0]), found.of(b, FILES[1])


def spline(distance: float, n: int) -> float:
    """The cubic B-spline of knots a step of 1 apart, so far from where it is highest, on a circle of n."""
    x = abs((distance + n / 2) % n - n / 2)
    return (4 - 6 * x**2 + 3 * x**3) / 6 if x < 1 else max(2 - x, 0) ** 3 / 6


def test_parts_agree_with_pythons_calendar() -> None:
    cells = ["2023-12-31 23:30:00", "2024-02-29 06:00:00", "", "2021-07-05 00:00:00"]
    later = ["2024-03-01 06:00:00", "2022-05-06 07:08:09"]
    train, test = made(cells, later, Columns(dates={"when": "ISO8601"}))
    for frame, texts in ((train, cells), (test, later)):
        for row, text in enumerate(texts):
            if not text:
                assert frame.iloc[row].isna().all()
                continue
            at = datetime.fromisoformat(text)
            hour = at.hour + at.minute / 60
            expected = {
                "year": at.year,
                "month": at.month,
                "day": at.day,
                "weekday": at.weekday(),
                "hour": at.hour,
                "age": (datetime(2024, 2, 29, 6) - at).total_seconds() / 86400,
            }
            expected |= {f"month_{f.__name__}": f(2 * pi * (at.month - 1) / 12) for f in (sin, cos)}
            for name, where, n in (("weekday", at.weekday(), 7), ("hour", hour / 2, 12)):
                expected |= {f"{name}_spline{j}": spline(where - j + 1, n) for j in range(n)}
            assert list(frame) == [f"when_{part}" for part in expected]
            np.testing.assert_allclose(frame.iloc[row], list(expected.values()), atol=1e-12)
    assert test["when_age"][0] == -1.0  # later than train's newest
    assert set(train.dtypes) == {np.dtype(np.float64)}


def test_parts_that_are_the_same_in_every_train_row_are_left_out() -> None:
    train, test = made(["2024-05-01", "2024-05-02"], ["2023-06-03"], Columns(dates={"when": "ISO8601"}))
    assert {"when_day", "when_age", "when_weekday"} <= set(train)
    assert not {"when_year", "when_month", "when_hour", "when_hour_spline0"} & set(train)
    assert list(test) == list(train)


def test_year_and_age_of_a_date_that_runs_on_in_test_are_left_out() -> None:
    train = ["2023-05-01", "2024-05-03"]
    for test, there in ((["2024-05-03", "2024-06-04"], set()), (["2024-05-02"], {"when_year", "when_age"})):
        for frame in made(train, test, Columns(dates={"when": "ISO8601"})):
            assert set(frame) & {"when_year", "when_age"} == there and "when_day" in frame


def test_zones_become_utc() -> None:
    cells = ["2024-05-01T01:30:00+02:00", "2024-05-01T01:30:00Z"]
    train, _ = made(cells, ["2024-05-01"], Columns(dates={"when": "ISO8601"}))
    assert train["when_hour"].tolist() == [datetime.fromisoformat(c).astimezone(UTC).hour for c in cells] == [23, 1]


def test_a_format_of_ones_own_and_cells_that_do_not_follow_it() -> None:
    kinds = Columns(dates={"when": "%d.%m.%Y"})
    train, _ = made(["02.01.2024", "03.02.2024"], ["01.01.2024"], kinds)
    assert train["when_day"].tolist() == [2, 3] and train["when_month"].tolist() == [1, 2]
    with pytest.raises(UserError, match=r"test\.csv, line 2, column 'when': '2024-01-01' is no date like %d\.%m\.%Y"):
        made(["02.01.2024"], ["2024-01-01"], kinds)
    with pytest.raises(UserError, match=r"train\.csv, line 3, .*'2023-02-29' is no date like 2024-12-31 or 2024"):
        made(["2024-02-29", "2023-02-29"], ["2024-01-01"], Columns(dates={"when": "ISO8601"}))


def test_a_made_name_that_the_file_has_already_is_refused() -> None:
    train = pd.DataFrame({"when": ["2024-01-01", "2024-01-02"], "when_day": ["1", "2"]}, dtype=TEXT)
    with pytest.raises(UserError, match=r"train\.csv: column 'when_day' is also made of a date or text"):
        MadeColumns.fit(train, train, Columns(dates={"when": "ISO8601"}), FILES)


def test_a_text_is_told_alike_in_both_files() -> None:
    texts = ["red wine", "white wine", "dry cider", "red wine", "beer"]
    train, test = made(texts, ["dry cider", "beer"], Columns(text=("when",)))
    np.testing.assert_allclose(test.to_numpy(), train.iloc[[2, 4]].to_numpy(), atol=1e-12)


def test_texts_join_the_table_in_both_files() -> None:
    train, test = made(["a b", "c", "d d"], ["e"], Columns(text=("when",)))
    assert list(train) == list(test) and train.columns[0] == "when_words"
    assert all(train[name].nunique() > 1 for name in train)


def test_a_date_that_train_never_has_makes_nothing() -> None:
    train, test = made(["", ""], ["2024-01-01"], Columns(dates={"when": "ISO8601"}))
    assert train.shape == (2, 0) and test.shape == (1, 0)
