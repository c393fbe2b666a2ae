"""Which columns the estimators read as what, and which they refuse."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator

from swapdae.encoding.encoder import Codes
from swapdae.encoding.frame_input import FrameInput

N = 200


class Reader(FrameInput, BaseEstimator):  # type: ignore[misc]
    """An estimator that encodes and nothing else."""

    def __init__(self, categorical: Literal["auto"] | list[str] = "auto") -> None:
        self.categorical = categorical

    def fit(self, X: Any) -> "Reader":
        self.encoder = self._fitted_encoder(self._frame(X, reset=True))
        return self

    def codes(self, X: Any) -> Codes:
        return self.encoder.transform(self._frame(X, reset=False))

    @property
    def kinds(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.encoder.categorical, self.encoder.numerical


def frame(**columns: Any) -> pd.DataFrame:
    """x, and these columns repeated to N rows."""
    repeated = {name: pd.concat([pd.Series(c)] * (N // len(c)), ignore_index=True) for name, c in columns.items()}
    return pd.DataFrame({"x": np.arange(float(N)), **repeated})


LEVELS = [
    pd.Series(["red", "blue"], dtype="str"),
    pd.Series(["red", "blue"], dtype="string"),
    pd.Series(["red", "blue"], dtype=object),
    pd.Series(["red", "blue"], dtype=pd.CategoricalDtype(["red", "green", "blue", "mauve"])),
    pd.Series(pd.Categorical([7, 3])),
    pd.Series([True, False]),
    pd.Series([True, False], dtype="boolean"),
    pd.Series([True, False], dtype=object),
    pd.cut(pd.Series([0.5, 1.5]), [0, 1, 2]),
]


@pytest.mark.parametrize("column", LEVELS, ids=lambda column: str(column.dtype)[:9])
@pytest.mark.parametrize("missing", [False, True])
def test_levels(column: pd.Series, missing: bool) -> None:
    """As many as are there: none for a category without a row, one for missing cells."""
    if missing:
        column = column.astype(object if column.dtype == bool else column.dtype).reindex(range(4))
    x = frame(c=column)
    reader = Reader().fit(x)
    assert reader.kinds == (("c",), ("x",))
    assert reader.encoder.layout.n_levels == (3 if missing else 2,)
    codes = reader.codes(x).x_cat[:4, 0]
    assert codes[0] != codes[1] and codes.min() > 0 and (not missing or codes[2] == codes[3] == 3)


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2, None, 4], dtype="Int64"),
        pd.Series([1, 2, None, 4], dtype="Float32"),
        pd.Series([1, 2, None, 4], dtype=object),
        pd.Series([1, 2, np.nan, 4]),
    ],
    ids=lambda column: str(column.dtype),
)
@pytest.mark.parametrize("more", [{}, {"c": ["a", "b"]}], ids=["numbers", "mixed"])
def test_numbers(column: pd.Series, more: dict[str, Any]) -> None:
    reader = Reader().fit(x := frame(n=column, **more))
    assert reader.kinds == (tuple(more), ("x", "n"))
    codes = reader.codes(x)
    assert codes.missing[:4].ravel().tolist() == [False, False, True, False]
    assert codes.x_num[2, 1] == pytest.approx(0, abs=1e-6) and codes.x_num[3, 1] > codes.x_num[1, 1]


@pytest.mark.parametrize(
    "column",
    [
        pd.date_range("2024-01-01", periods=4).to_series(),
        pd.date_range("2024-01-01", periods=4, tz="UTC").to_series(),
        pd.Series(pd.to_timedelta([1, 2, 3, 4], unit="h")),
        pd.Series(pd.period_range("2024-01", periods=4, freq="M")),
        pd.date_range("2024-01-01", periods=4).to_series().dt.date,
    ],
    ids=["dates", "zone", "durations", "periods", "objects"],
)
def test_dates_are_refused_by_name(column: pd.Series) -> None:
    x = frame(when=column, c=["a", "b"])
    with pytest.raises(ValueError, match="column 'when' holds dates or times; drop it, or make numbers"):
        Reader().fit(x)
    for listed, columns in ((["c"], x), ([], x[["when"]])):
        with pytest.raises(ValueError, match="column 'when' holds dates or times; drop it, or make numbers"):
            Reader(listed).fit(columns)


@pytest.mark.parametrize("dtype", ["str", "string", object, "category"], ids=str)
def test_identifiers_are_refused_by_name_and_taken_if_listed(dtype: Any) -> None:
    x = frame(ticket=pd.Series([f"t{i}" for i in range(N)], dtype=dtype), c=["a", "b"])
    with pytest.raises(ValueError, match=r"column 'ticket' has 200 different values in 200 rows.* under categorical"):
        Reader().fit(x)
    assert Reader(["ticket", "c"]).fit(x).encoder.layout.n_levels == (N, 2)
    assert Reader().fit(x[:100]).encoder.layout.n_levels == (100, 2), "few rows may be all different"
    half = x.assign(ticket=[f"t{i // 2}" for i in range(N)])
    assert Reader().fit(half).encoder.layout.n_levels == (N // 2, 2)


def test_mixed_types_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"column 'm' mixes types; make it one, as X\['m'\].astype\(str\)"):
        Reader().fit(frame(m=pd.Series([1, "a"], dtype=object)))


def test_text_that_is_not_listed_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="column 'd' is not of numbers; drop it, or list it under categorical"):
        Reader(["c"]).fit(frame(c=["a", "b"], d=["u", "v"]))


def test_listed_column_must_be_there() -> None:
    with pytest.raises(ValueError, match="categorical: X has no column 'level'"):
        Reader(["level"]).fit(frame(c=["a", "b"]))


def test_names_become_text_unless_all_are_numbers_of_numbers() -> None:
    mixed = frame(c=["a", "b"]).set_axis(["x", 0], axis=1)
    reader = Reader().fit(mixed)
    assert reader.kinds == (("0",), ("x",)) and list(reader.feature_names_in_) == ["x", "0"]
    assert len(reader.codes(mixed)) == N
    reader = Reader().fit(mixed.set_axis([5, 6], axis=1))
    assert reader.kinds == (("6",), ("5",)) and len(reader.codes(mixed.set_axis([5, 6], axis=1))) == N
    nameless = Reader().fit(pd.DataFrame(np.arange(20.0).reshape(10, 2)))
    assert not hasattr(nameless, "feature_names_in_") and len(nameless.codes(np.ones((3, 2)))) == 3


@pytest.mark.parametrize("names", [["a", "a"], ["1", 1]], ids=str)
def test_equal_names_are_refused(names: list[Any]) -> None:
    with pytest.raises(ValueError, match=f"X has two columns '{names[1]}'; rename one"):
        Reader().fit(frame(c=["a", "b"]).set_axis(names, axis=1))


def test_columns_are_read_as_in_the_fit() -> None:
    """A column of text of which nothing is there has a numerical type in the rows of a later call."""
    reader = Reader().fit(x := frame(c=["a", None]))
    codes = reader.codes(x.assign(c=np.nan))
    assert np.unique(codes.x_cat).tolist() == [2]
    with pytest.raises(ValueError, match="column 'x' is not of numbers"):
        reader.codes(x.assign(x="many"))
