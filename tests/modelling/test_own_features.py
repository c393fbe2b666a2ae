"""A user's own file of features: what it adds, and one line for each way in which it can be wrong."""

import traceback
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.competition.config import read_competition
from swapdae.competition.table import Table, read_table
from swapdae.modelling.own_features import OwnFeatures, read_own_features


@pytest.fixture
def table(tree: Paths) -> Table:
    return read_table(read_competition(tree, "synthetic"), tree.input("synthetic"))


def own(folder: Path, body: str) -> OwnFeatures:
    (folder / "features.py").write_text("import numpy as np\nimport pandas as pd\n" + body)
    found = read_own_features(folder / "features.py")
    assert found is not None
    return found


def test_columns_are_added_by_kind(tmp_path: Path, table: Table) -> None:
    found = own(
        tmp_path,
        "def make(frame):\n"
        "    x = frame['x0']\n"
        "    both = (frame['c0'] + frame['c1']).where(x > -1)\n"
        "    return frame.assign(twice=2 * x.where(x < 1), high=x > 0, both=both, rank=x.rank())\n",
    )
    made = found.extend(table, ("id", "target"))
    assert made.categorical == (*table.categorical, "both")
    assert made.numerical == (*table.numerical, "twice", "high", "rank")
    assert list(made.train.columns) == list(made.test.columns) == [*made.categorical, *made.numerical]
    assert (len(made.train), len(made.test)) == (300, 120) and made.test.index.tolist() == list(range(120))
    x = pd.concat([table.train["x0"], table.test["x0"]], ignore_index=True)
    assert made.test["rank"].tolist() == x.rank()[300:].tolist(), "train and test were stacked"
    assert made.train["twice"].isna().sum() == (table.train["x0"] >= 1).sum()
    assert set(made.train["high"]) == {0.0, 1.0} and made.test["twice"].dtype == np.float64
    assert made.train["both"].isna().sum() == (table.train["x0"] <= -1).sum()
    assert made.train["both"].iloc[0] == table.train["c0"].iloc[0] + table.train["c1"].iloc[0]
    assert made.train[list(table.train.columns)].equals(table.train)


def test_an_input_changed_in_place_stays_as_it_was(tmp_path: Path, table: Table) -> None:
    found = own(tmp_path, "def make(frame):\n    x = frame.pop('x0')\n    return pd.DataFrame({'new': x + 1})\n")
    made = found.extend(table, ())
    assert made.train["x0"].equals(table.train["x0"]) and made.train["new"].equals(table.train["x0"] + 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return frame[:5]", "make returned 5 rows for 420; one for each is needed"),
        ("return frame.assign(x0=1.0)", "make returned a column 'x0', a name that is taken"),
        ("return frame.assign(target=1.0)", "make returned a column 'target', a name that is taken"),
        ("return frame['x0'].to_numpy()", "make returned ndarray, not a DataFrame"),
        ("return frame.sort_values('x0')", "make returned the rows in another order"),
        ("return frame.assign(a=frame['nope'])", "make failed with KeyError: 'nope'; --debug shows where"),
        ("return frame.assign(a=np.inf)", "make made infinity in column 'a'"),
        ("return frame.assign(a=pd.Timestamp('2020-01-01'))", "make made dates of column 'a'"),
        ("return pd.concat([frame[['x0']] * 2, frame[['x0']]], axis=1)", "make returned two columns 'x0'"),
    ],
)
def test_what_make_does_wrong_is_one_line(tmp_path: Path, table: Table, body: str, said: str) -> None:
    found = own(tmp_path, f"def make(frame):\n    {body}\n")
    with pytest.raises(UserError) as caught:
        found.extend(table, ("id", "target"))
    assert said in str(caught.value) and str(found.file) in str(caught.value) and "\n" not in str(caught.value)


def test_the_traceback_is_kept_for_debug(tmp_path: Path, table: Table) -> None:
    found = own(tmp_path, "def make(frame):\n    return frame['nope']\n")
    with pytest.raises(UserError) as caught:
        found.extend(table, ())
    lines = traceback.format_exception(caught.value)
    assert any("features.py" in line and "line 4" in line for line in lines), "the user's own line is shown"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("def make(frame:\n", "cannot be run: SyntaxError"),
        ("import no_such_module\n", "cannot be run: ModuleNotFoundError: No module named 'no_such_module'"),
        ("def mkae(frame): ...\n", "has neither a function make(frame) nor transformers()"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        own(tmp_path, body)
    assert said in str(caught.value) and "features.py" in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("listed", "said"),
    [
        ("[]", "view 'own' needs a function transformers() that lists one or more"),
        ("[StandardScaler()]", "transformers()[0], StandardScaler, failed with ValueError: could not convert"),
        ("[Short()]", "transformers()[0], Short, made 7 rows of 200"),
        ("[3]", "transformers()[0] failed with TypeError"),
    ],
)
def test_what_transformers_do_wrong_is_one_line(tmp_path: Path, table: Table, listed: str, said: str) -> None:
    found = own(
        tmp_path,
        "from sklearn.base import BaseEstimator, TransformerMixin\n"
        "from sklearn.preprocessing import StandardScaler\n"
        "class Short(TransformerMixin, BaseEstimator):\n"
        "    def fit(self, X, y): return self\n"
        "    def transform(self, X): return np.zeros((7, 1))\n"
        f"def transformers(): return {listed}\n",
    )
    with pytest.raises(UserError) as caught:
        found.fit(table.train, np.arange(200), table.y[:200]).columns(table.train)
    assert said in str(caught.value) and str(found.file) in str(caught.value) and "\n" not in str(caught.value)


def test_sparse_text_and_named_outputs_stand_side_by_side(tmp_path: Path, table: Table) -> None:
    found = own(
        tmp_path,
        "from sklearn.compose import make_column_transformer\n"
        "from sklearn.preprocessing import FunctionTransformer, OneHotEncoder\n"
        "def transformers():\n"
        "    named = FunctionTransformer(lambda x: x[['c1', 'x0']])\n"
        "    return [make_column_transformer((OneHotEncoder(), ['c0'])), named]\n",
    )
    rows = np.arange(0, 300, 2)
    made = found.fit(table.train, rows, table.y[rows]).columns(table.train)
    assert list(made.columns) == ["own0_0", "own0_1", "own1_c1", "own1_x0"]
    assert made["own0_0"].tolist() == (table.train["c0"] == "a").astype(float).tolist()
    assert made["own1_c1"].tolist() == table.train["c1"].tolist()
    assert made["own1_x0"].tolist() == table.train["x0"].tolist()


def test_the_first_file_that_exists_counts(tmp_path: Path) -> None:
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("def make(frame): return frame\n")
    first, second, none = (tmp_path / name for name in ("a.py", "b.py", "c.py"))
    assert read_own_features(none) is None
    for files, counts in (((first, second), first), ((none, second), second)):
        found = read_own_features(*files)
        assert found is not None and found.file == counts


def test_without_make_the_table_is_as_it_was(tmp_path: Path, table: Table) -> None:
    found = own(tmp_path, "def make(frame): return frame\n")
    assert replace(found, make=None).extend(table, ()) is table
    assert found.extend(table, ()).train.equals(table.train)
