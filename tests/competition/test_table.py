"""Each guard of reading a table has a case that trips it; the good table is compared cell by cell."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Columns, Competition
from swapdae.competition.table import prediction_columns, read_table

TRAIN = "id,num,city,target\n1,0.5,NA,1.5\n2,,Rome,2.5\n3,NA,,3.5\n4,2,Rome,4.5\n"
TEST = "id,num,city\n11,1e3,Oslo\n12,-1,NA\n13,nan,\n"
SAMPLE = "id,target\n13,0\n11,0\n12,0\n"


def competition(**changes: object) -> Competition:
    values: dict[str, object] = {
        "name": "small",
        "host": "kaggle",
        "slug": "small",
        "id": "id",
        "target": "target",
        "task": "regression",
        "metric": "rmse",
    }
    return Competition.model_validate(values | changes)


def write(directory: Path, train: str | bytes = TRAIN, test: str | bytes = TEST, sample: str = SAMPLE) -> Path:
    for name, content in (("train", train), ("test", test), ("sample_submission", sample)):
        file = directory / f"{name}.csv"
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def test_a_good_table(tmp_path: Path) -> None:
    table = read_table(competition(), write(tmp_path))
    assert (table.categorical, table.numerical) == (("city",), ("num",))
    assert list(table.train) == list(table.test) == ["city", "num"]
    assert table.train["city"].isna().tolist() == [False, False, True, False]
    assert table.train["city"].dropna().tolist() == ["NA", "Rome", "Rome"]
    assert isinstance(table.train["city"].dtype, pd.StringDtype)
    np.testing.assert_array_equal(table.train["num"], [0.5, np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(table.test["num"], [1000.0, -1.0, np.nan])
    np.testing.assert_array_equal(table.y, [1.5, 2.5, 3.5, 4.5])
    assert table.train_ids.tolist() == [1, 2, 3, 4]
    assert table.sample["id"].tolist() == [13, 11, 12]
    assert (table.n_train, table.n_test, table.classes) == (4, 3, ())
    assert table.missing == {"city": (1, 1), "num": (2, 1)}
    assert table.unseen == {"city": 1}
    assert table.constant == ()


def test_named_columns_keep_their_kind_and_order(tmp_path: Path) -> None:
    numbers = "id,b,a,num,target\n1,1,x,3,1\n2,02,y,4,2\n"
    named = Columns(categorical=("b", "a"), numerical=("num",))
    directory = write(tmp_path, numbers, "num,a,b,id\n5,x,1,3\n", "id,target\n3,0\n")
    table = read_table(competition(columns=named), directory)
    assert list(table.train) == list(table.test) == ["b", "a", "num"]
    assert table.train["b"].tolist() == ["1", "02"]
    assert table.test.iloc[0].tolist() == ["1", "x", 5.0]


def test_bools_are_categories_and_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    train = b"\xef\xbb\xbfid,flag,target\n1,True,1\n2,False,2\n\n"
    table = read_table(competition(), write(tmp_path, train, "id,flag\n3,True\n", "id,target\n3,0\n"))
    assert table.categorical == ("flag",)
    assert table.train["flag"].tolist() == ["True", "False"]


def test_one_string_in_test_makes_a_column_categorical(tmp_path: Path) -> None:
    table = read_table(competition(), write(tmp_path, test=TEST.replace("1e3", "many")))
    assert set(table.categorical) == {"num", "city"}


@pytest.mark.parametrize("ids", [["a1", "a2", "b1"], ["01", "02", "03"], ["1", "2", "3.0"]])
def test_ids_that_are_no_plain_integers_stay_as_written(tmp_path: Path, ids: list[str]) -> None:
    train = f"id,num,target\n{ids[0]},1,1\n{ids[1]},2,2\n"
    table = read_table(competition(), write(tmp_path, train, f"id,num\n{ids[2]},1\n", f"id,target\n{ids[2]},0\n"))
    assert table.test_ids.tolist() == [ids[2]]
    assert table.sample["id"].tolist() == [ids[2]]


def test_classes_are_sorted_as_numbers_where_they_are_numbers(tmp_path: Path) -> None:
    train = "id,num,target\n1,1,10\n2,2,9\n3,3,NA\n4,4,9\n"
    directory = write(tmp_path, train, "id,num\n5,1\n", "id,target\n5,9\n")
    table = read_table(competition(task="multiclass", metric="accuracy"), directory)
    assert table.classes == ("10", "9", "NA")
    write(tmp_path, train.replace("NA", "9"), "id,num\n5,1\n", "id,target\n5,9\n")
    table = read_table(competition(task="binary", metric="auc"), directory)
    assert table.classes == ("9", "10")
    assert table.y.tolist() == [1, 0, 0, 0]
    assert table.y.dtype == np.int64


def test_a_subset_counts_anew(tmp_path: Path) -> None:
    table = read_table(competition(), write(tmp_path)).subset(np.array([1, 3]))
    assert table.train_ids.tolist() == [2, 4]
    assert table.y.tolist() == [2.5, 4.5]
    assert (table.n_train, table.n_test) == (2, 3)
    assert table.constant == ("city",)
    assert table.missing == {"city": (0, 1), "num": (1, 1)}
    assert table.unseen == {"city": 2}
    assert json.loads(json.dumps(table.summary()))["constant"] == ["city"]


FILES = {
    "empty": ({"train": ""}, r"train\.csv: the file is empty; expected .*id, target"),
    "only a header": ({"test": "id,num,city\n"}, r"test\.csv: a header without rows"),
    "login page": ({"train": "<!DOCTYPE html>\n<html>\n"}, r"train\.csv: this is a web page"),
    "semicolons": ({"train": TRAIN.replace(",", ";")}, r"only one column, 'id;num;city;target'; expected"),
    "name twice": ({"train": TRAIN.replace("city", "num")}, r"column 'num' occurs more than once"),
    "no name": ({"train": TRAIN.replace("city", "")}, r"column 3 has no name"),
    "latin-1": ({"train": TRAIN.replace("Rome", "Köln").encode("latin-1")}, r"line 3: not UTF-8"),
    "cut in a line": ({"train": TRAIN[:-8]}, r"train\.csv, line 5: the line has 3 fields and not 4"),
    "long line": ({"test": TEST.replace("Oslo", "Oslo,1")}, r"test\.csv, line 2: .* 4 fields and not 3"),
    "blank line": ({"test": TEST.replace("\n12", "\n\n12")}, r"line 4: .* blank line before it"),
    "open quote": ({"test": TEST.replace("Oslo", '"Oslo')}, r"test\.csv: cannot be read"),
}
COLUMNS = {
    "no id in train": ({"train": TRAIN.replace("id", "key")}, r"train\.csv: no column 'id'"),
    "no id in test": ({"test": TEST.replace("id", "key")}, r"test\.csv: no column 'id'"),
    "no target": ({"train": TRAIN.replace("target", "objective")}, r"train\.csv: no column 'target'"),
    "target in test": ({"test": TEST.replace("num", "target")}, r"test\.csv: holds the target"),
    "another in test": (
        {"test": TEST.replace("num", "sum")},
        r"test\.csv: missing columns num; extra columns sum",
    ),
    "all constant": ({"train": "id,num,city,target\n1,0,a,1\n2,0,a,2\n"}, r"every feature is constant"),
    "sample's id": ({"sample": SAMPLE.replace("id", "key")}, r"first column is 'key' and not the id 'id'"),
    "sample's width": ({"sample": "id,target,b\n11,0,0\n12,0,0\n13,0,0\n"}, r"2 prediction columns"),
}
IDS = {
    "no id": ({"train": TRAIN.replace("\n3,", "\n,")}, r"train\.csv, line 4, column 'id': '' is empty"),
    "twice in train": ({"train": TRAIN.replace("\n4,", "\n1,")}, r"train\.csv, line 5, .*'1' occurs again"),
    "twice in test": ({"test": TEST.replace("13", "11")}, r"test\.csv, line 4, .*'11' occurs again"),
    "in both": ({"test": TEST.replace("12", "2")}, r"test\.csv, line 3, .*'2' is also an id of train\.csv"),
    "only in sample": ({"sample": SAMPLE + "14,0\n"}, r"sample.*line 5, .*'14' is no id of test\.csv"),
    "not in sample": ({"sample": "id,target\n11,0\n13,0\n"}, r"test\.csv, line 3, .*'12' is no id of sample"),
}
TARGETS = {
    "missing": ({"train": TRAIN.replace("2.5", "")}, r"train\.csv, line 3, column 'target': '' is missing"),
    "NaN": ({"train": TRAIN.replace("2.5", "nan")}, r"line 3, column 'target': 'nan' is missing"),
    "infinite": ({"train": TRAIN.replace("3.5", "-inf")}, r"line 4, column 'target': '-inf' is infinite"),
    "string": ({"train": TRAIN.replace("3.5", "x")}, r"line 4, column 'target': 'x' is not a number"),
    "constant": (
        {"train": "id,num,target\n1,1,2\n2,2,2.0\n", "test": "id,num\n11,1\n12,1\n13,1\n"},
        r"in every row",
    ),
}


@pytest.mark.parametrize(
    ("changes", "message"),
    [pytest.param(*case, id=name) for cases in (FILES, COLUMNS, IDS, TARGETS) for name, case in cases.items()],
)
def test_a_damaged_file_is_refused(tmp_path: Path, changes: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_table(competition(), write(tmp_path, **changes))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (write(tmp_path) / "test.csv").unlink()
    with pytest.raises(UserError, match=r"test\.csv: no such file; run the download stage"):
        read_table(competition(), tmp_path)


def test_a_file_without_features(tmp_path: Path) -> None:
    directory = write(tmp_path, "id,target\n1,1\n2,2\n", "id,num\n3,3\n", "id,target\n3,0\n")
    with pytest.raises(UserError, match="extra columns num"):
        read_table(competition(), directory)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (TRAIN.replace("0.5", "half"), TEST, r"train\.csv, line 2, column 'num': 'half' is not a number"),
        (TRAIN, TEST.replace("-1", "1_0"), r"test\.csv, line 3, column 'num': '1_0' is not a number"),
        (TRAIN, TEST.replace("-1", "inf"), r"test\.csv, line 3, column 'num': 'inf' is infinite"),
    ],
)
def test_cells_of_a_column_named_numerical(tmp_path: Path, train: str, test: str, message: str) -> None:
    named = Columns(categorical=("city",), numerical=("num",))
    with pytest.raises(UserError, match=message):
        read_table(competition(columns=named), write(tmp_path, train, test))


@pytest.mark.parametrize(
    ("named", "message"),
    [
        (Columns(numerical=("sum",)), r"train\.csv: no column 'sum'; mend its name in numerical under"),
        (Columns(dates={"when": "%Y"}), "no column 'when'; mend its name in dates"),
        (Columns(drop=("sum",)), "no column 'sum'; mend its name in drop"),
    ],
)
def test_named_columns_must_be_those_of_the_file(tmp_path: Path, named: Columns, message: str) -> None:
    with pytest.raises(UserError, match=message):
        read_table(competition(columns=named), write(tmp_path))


def test_free_text_is_refused_unless_named(tmp_path: Path) -> None:
    rows = "".join(f"{i},{i % 7},note {i},{i % 5}\n" for i in range(1001))
    directory = write(tmp_path, "id,num,city,target\n" + rows, "id,num,city\n5000,1,x\n", "id,target\n5000,0\n")
    with pytest.raises(UserError, match="column 'city': over half of its values are distinct"):
        read_table(competition(), directory)
    named = Columns(categorical=("city",), numerical=("num",))
    assert read_table(competition(columns=named), directory).train["city"].nunique() == 1001


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_a_target_that_does_not_fit_the_task(tmp_path: Path, task: str) -> None:
    rows = "".join(f"{i},{i % 7},a,{i}.5\n" for i in range(1001))
    directory = write(tmp_path, "id,num,city,target\n" + rows, "id,num,city\n5000,1,x\n", "id,target\n5000,0\n")
    with pytest.raises(UserError, match=rf"column 'target': 1001 labels .* do not fit task '{task}'"):
        read_table(competition(task=task, metric="logloss"), directory)


def test_prediction_columns_of_a_multiclass_sample() -> None:
    sample = pd.DataFrame(columns=["id", "Status_D", "Status_CL", "Status_C"])
    assert prediction_columns(sample, ("C", "CL", "D"), "x") == ("Status_C", "Status_CL", "Status_D")
    assert prediction_columns(sample[["id", "Status_D"]], ("C", "CL", "D"), "x") == ("Status_D",)
    with pytest.raises(UserError, match="x: 0 columns for class 'E'"):
        prediction_columns(sample, ("C", "CL", "D", "E"), "x")
    with pytest.raises(UserError, match="x: prediction column 'Status_D' belongs to no class"):
        prediction_columns(sample, ("C", "CL"), "x")
