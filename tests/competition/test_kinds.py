"""Kinds of columns, named and found, in real files. What is refused is refused in one line with advice."""

from pathlib import Path

import numpy as np
import pytest

from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.competition.config import Columns, Competition
from swapdae.competition.table import Table, read_table

GIVEN = {
    "name": "small",
    "host": "kaggle",
    "slug": "small",
    "id": "id",
    "target": "target",
    "task": "regression",
    "metric": "rmse",
}


def table_of(directory: Path, cells: dict[str, list[str]], columns: object = "auto", n_test: int = 1) -> Table:
    """Rows of `cells`, the last `n_test` of them as test, read from CSVs."""
    names, rows = list(cells), list(zip(*cells.values(), strict=True))
    lines = [",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in rows]
    n_train = len(rows) - n_test
    train = [f"{i},{line},{i % 5}" for i, line in enumerate(lines[:n_train])]
    test = [f"{n_train + i},{line}" for i, line in enumerate(lines[n_train:])]
    sample = [f"{n_train + i},0" for i in range(n_test)]
    for name, head, body in (
        ("train", ["id", *names, "target"], train),
        ("test", ["id", *names], test),
        ("sample_submission", ["id", "target"], sample),
    ):
        (directory / f"{name}.csv").write_text("\n".join([",".join(head), *body]) + "\n", encoding="utf-8")
    return read_table(parse(Competition, {**GIVEN, "columns": columns}, "competition.toml"), directory)


def test_some_columns_are_named_and_auto_decides_on_the_rest(tmp_path: Path) -> None:
    cells = {"code": ["1", "2", "1"], "x": ["1.5", "2", "3"], "city": ["a", "b", "b"], "leak": ["7", "8", "9"]}
    table = table_of(tmp_path, cells, {"categorical": ["code"], "drop": ["leak"]})
    assert (table.categorical, table.numerical) == (("code", "city"), ("x",))
    assert table.train["code"].tolist() == ["1", "2"]


def test_a_dropped_column_may_be_in_train_alone(tmp_path: Path) -> None:
    table_of(tmp_path, {"x": ["1", "2", "3"], "leak": ["7", "8", "9"]})
    (tmp_path / "test.csv").write_text("id,x\n2,3\n")
    competition = parse(Competition, {**GIVEN, "columns": {"drop": ["leak"]}}, "competition.toml")
    assert list(read_table(competition, tmp_path).train) == ["x"]


WORDS = ["null", "NULL", "None", "none", "N/A", "n/a", "#N/A", "?", "-", "nan", "NaN", "NA", ""]


@pytest.mark.parametrize("word", WORDS)
def test_one_missing_word_among_numbers_stays_a_number(tmp_path: Path, word: str) -> None:
    table = table_of(tmp_path, {"n": ["1", word, "-3", "4"], "x": ["1", "2", "3", "4"]})
    assert table.numerical == ("n", "x")
    np.testing.assert_array_equal(table.train["n"], [1, np.nan, -3])


def test_the_same_words_are_levels_of_a_category(tmp_path: Path) -> None:
    table = table_of(tmp_path, {"pool": ["NA", "?", "", "good"], "same": ["None", "-", "-", "-"]})
    assert table.categorical == ("pool", "same")
    assert table.train["pool"].isna().tolist() == [False, False, True]
    assert table.train["same"].tolist() == ["None", "-", "-"]


@pytest.mark.parametrize("odd", ["1,5", "-0,25", "1.234,5", "1,234", "1,234,567.8", " 2,5"])
def test_numbers_with_commas_are_refused_with_advice(tmp_path: Path, odd: str) -> None:
    cells = {"price": ["1", odd, "", "3"], "x": ["1", "2", "3", "4"]}
    with pytest.raises(
        UserError, match=rf"column 'price': '{odd}' looks like a number with a comma; write a decimal p"
    ):
        table_of(tmp_path, cells)
    assert table_of(tmp_path, cells, {"categorical": ["price"]}).categorical == ("price",)


def test_commas_in_other_cells_are_categories(tmp_path: Path) -> None:
    cells = {"place": ["Rome, Italy", "1,5", "Oslo", "Oslo"], "x": ["1", "2", "3", "4"]}
    assert table_of(tmp_path, cells).categorical == ("place",)


def test_iso_dates_are_found_and_one_other_cell_makes_them_categories(tmp_path: Path) -> None:
    days = ["2024-02-28", "", "2024-02-29", "2024-03-01T10:00:00Z"]
    assert table_of(tmp_path, {"day": days}).kinds.dates == {"day": "ISO8601"}
    for other in ("2023-02-29", "soon", "2024-02"):
        table = table_of(tmp_path, {"day": [*days[:3], other], "x": ["1", "2", "3", "4"]})
        assert table.categorical == ("day",) and not table.kinds.dates


def test_plain_numbers_are_no_dates_unless_named(tmp_path: Path) -> None:
    cells = {"day": ["20240101", "20240102", "20240203"], "x": ["1", "2", "3"]}
    assert table_of(tmp_path, cells).numerical == ("day", "x")
    assert "day_weekday" in table_of(tmp_path, cells, {"dates": {"day": "%Y%m%d"}}).numerical


NOTES = {"note": [f"note {i}" for i in range(1200)], "x": [str(i % 7) for i in range(1200)]}


def test_free_text_is_refused_and_the_way_out_named(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"column 'note': over half .* under text, dates, drop or categorical of"
    ) as caught:
        table_of(tmp_path, NOTES)
    assert "\n" not in str(caught.value)
    assert table_of(tmp_path, NOTES, {"drop": ["note"]}).numerical == ("x",)
    assert table_of(tmp_path, NOTES, {"text": ["note"]}).kinds.text == ("note",)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"categorical": ["a"], "drop": ["a"]}, "columns: column 'a' is named as categorical and as drop; keep one"),
        ({"text": ["a", "a"]}, "columns: column 'a' is named twice as text; keep one"),
        (
            {"dates": {"a": "%Y"}, "numerical": ["a"]},
            "columns: column 'a' is named as numerical and as dates; keep one",
        ),
        ({"drop": ["id"]}, "columns name 'id', which is the id or the target; take it out there"),
        ({"numerical": ["target"]}, "columns name 'target', which is the id or the target; take it out there"),
        ({"category": ["a"]}, "columns.category: unknown key"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused_by_name(columns: dict[str, object], message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Competition, {**GIVEN, "columns": columns}, "competition.toml")
    assert str(caught.value) == f"competition.toml: {message}"


def test_auto_is_no_list() -> None:
    assert parse(Competition, {**GIVEN, "columns": "auto"}, "x").columns == Columns()
    with pytest.raises(UserError, match="x: columns: "):
        parse(Competition, {**GIVEN, "columns": "all"}, "x")
