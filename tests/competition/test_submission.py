"""A submission is made in the sample's order, and every way to spoil one is refused."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.config import Competition
from swapdae.competition.metric import Wants
from swapdae.competition.metrics import METRICS, Metric
from swapdae.competition.submission import check_submission, make_submission, read_submission, write_submission
from swapdae.competition.table import Table


def competition(task: str = "regression", metric: str = "rmse") -> Competition:
    return Competition.model_validate(
        {
            "name": "a",
            "host": "kaggle",
            "slug": "a",
            "id": "id",
            "target": "y",
            "task": task,
            "metric": metric,
        }
    )


def table(*columns: str, classes: tuple[str, ...] = ()) -> Table:
    """Test ids 5, 6, 7; the sample names them as 7, 5, 6 and has these prediction columns."""
    sample = pd.DataFrame({"id": [7, 5, 6], **dict.fromkeys(columns, "0")})
    test_ids, nothing = np.array([5, 6, 7]), pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    return Table(nothing, nothing, (), ("x",), test_ids - 5, test_ids, np.arange(3.0), classes, sample)


OOF = np.array([0.0, 10.0])
GOOD = pd.DataFrame({"id": [7, 5, 6], "y": [1.0, -10.0, 20.0]})
SAMPLE = table("y").sample


def test_predictions_follow_their_ids() -> None:
    frame = make_submission(table("y"), np.array([0.5, 0.6, 0.7]), competition())
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"id": [7, 5, 6], "y": [0.7, 0.5, 0.6]}))


def test_one_column_per_class_is_matched_by_name() -> None:
    p = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [1.0, 0.0, 0.0]])
    many = table("y_c", "y_a", "y_b", classes=("a", "b", "c"))
    frame = make_submission(many, p, competition("multiclass", "logloss"))
    expected = pd.DataFrame({"id": [7, 5, 6], "y_c": p[[2, 0, 1], 2], "y_a": p[[2, 0, 1], 0], "y_b": p[[2, 0, 1], 1]})
    pd.testing.assert_frame_equal(frame, expected)


@pytest.mark.parametrize(
    ("task", "prediction", "labels"),
    [
        ("multiclass", np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [1, 0, 0]]), ["a", "c", "b"]),
        ("binary", np.array([0.2, 0.8, 0.6]), ["b", "a", "b"]),
    ],
)
def test_one_column_takes_labels(task: str, prediction: np.ndarray, labels: list[str], tmp_path: Path) -> None:
    classes = ("a", "b", "c")[: 3 if task == "multiclass" else 2]
    one, objective = table("y", classes=classes), competition(task, "accuracy")
    frame = make_submission(one, prediction, objective)
    assert frame["y"].tolist() == labels
    write_submission(frame, tmp_path / "a.csv")
    assert read_submission(tmp_path / "a.csv", one.sample, objective)["y"].tolist() == labels
    with pytest.raises(UserError, match=r"id 5, column 'y'.*is no label"):
        check_submission(frame.assign(y=["a", "", "b"]), one.sample, objective)


def test_bounds_are_those_of_the_rows_that_have_predictions() -> None:
    with pytest.raises(UserError, match=r"20\.1 is not a number from -10 to 20"):
        check_submission(GOOD.assign(y=[20.1, 1.0, 1.0]), SAMPLE, competition(), np.append(OOF, np.nan))


def test_what_was_decided_is_written(tmp_path: Path) -> None:
    """Not the likelier label, but the one that a threshold has taken; for numbers, whole ones."""
    two, objective = table("y", classes=("no", "yes")), competition("binary", "f1")
    assert make_submission(two, np.array([1, 0, 1]), objective)["y"].tolist() == ["yes", "yes", "no"]
    graded = competition("regression", "kappa_quadratic")
    frame = make_submission(table("y"), np.array([3, 1, 2]), graded)
    write_submission(frame, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "id,y\n7,2\n5,3\n6,1\n"
    assert read_submission(tmp_path / "a.csv", SAMPLE, graded)["y"].tolist() == [2, 3, 1]
    assert make_submission(table("y"), np.array([3.4, 1.6, 2.0]), graded)["y"].tolist() == [2, 3, 2]


def test_ranked_labels_are_one_text(tmp_path: Path) -> None:
    p = np.array([[0.1, 0.2, 0.7], [0.3, 0.4, 0.3], [0.9, 0, 0.1]])
    many = table("y", classes=("a", "b", "c"))
    for k, expected in ((2, ["a c", "c b", "b a"]), (9, ["a c b", "c b a", "b a c"])):
        objective = competition("multiclass", f"map:{k}")
        frame = make_submission(many, p, objective)
        assert frame["y"].tolist() == expected
        write_submission(frame, tmp_path / "a.csv")
        assert read_submission(tmp_path / "a.csv", many.sample, objective)["y"].tolist() == expected


def test_a_good_submission_comes_back_as_it_was_written(tmp_path: Path) -> None:
    frame = GOOD.assign(y=[0.1 + 0.2, 1e-17, 1 / 3])
    check_submission(frame, SAMPLE, competition(), OOF)
    write_submission(frame, tmp_path / "new" / "a.csv")
    pd.testing.assert_frame_equal(read_submission(tmp_path / "new" / "a.csv", SAMPLE, competition()), frame)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (GOOD.rename(columns={"y": "z"}), "columns are id, z and not id, y"),
        (GOOD.iloc[:2], "2 rows and not 3"),
        (GOOD.iloc[[1, 0, 2]], "line 2: id 5 and not 7"),
        (GOOD.assign(id=[7, 5, 8]), "line 4: id 8 and not 6"),
        (GOOD.assign(y=[1.0, np.nan, 1.0]), "id 5, column 'y'"),
        (GOOD.assign(y=[np.inf, 1.0, 1.0]), "id 7, column 'y'"),
        (GOOD.assign(y=["1", "2", "three"]), "id 6, column 'y' .*: three is not a number"),
        (GOOD.assign(y=[1.0, -10.1, 1.0]), "id 5, .*: -10.1 is not a number from -10 to 20"),
        (GOOD.assign(y=[20.1, 1.0, 30.0]), r"id 7, .* \(2 rows\): 20.1 is not a number from -10 to 20"),
    ],
)
def test_a_spoilt_submission_is_refused(frame: pd.DataFrame, message: str) -> None:
    check_submission(GOOD, SAMPLE, competition(), OOF)
    with pytest.raises(UserError, match=message):
        check_submission(frame, SAMPLE, competition(), OOF)


@pytest.mark.parametrize("wrong", [-0.01, 1.01])
def test_a_probability_lies_between_0_and_1(wrong: float) -> None:
    objective = competition("binary", "auc")
    check_submission(GOOD.assign(y=[0.0, 1.0 + 1e-9, 0.5]), SAMPLE, objective)
    with pytest.raises(UserError, match="id 5, column 'y'"):
        check_submission(GOOD.assign(y=[0.0, wrong, 0.5]), SAMPLE, objective)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,y\n7,1\n5,2\n6", r"a\.csv, line 4: the line has 1 fields"),
        ("id,y\n7,1\n5,2\n", r"a\.csv: submission: 2 rows and not 3"),
        ("id,y\n7,1\n5,\n6,1\n", r"a\.csv: submission, id 5, column 'y'"),
        ("key,y\n7,1\n5,1\n6,1\n", r"a\.csv: submission: columns are key, y"),
        ("id,y\nx,1\n5,1\n6,1\n", r"a\.csv: submission, line 2: id x and not 7"),
    ],
)
def test_a_file_spoilt_after_it_was_made(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(UserError, match=message):
        read_submission(tmp_path / "a.csv", SAMPLE, competition())


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.csv"
    write_submission(GOOD, file)
    before = file.read_bytes()

    def full_disk(self: pd.DataFrame, path: Path, **_: object) -> None:
        path.write_text("id,")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full_disk)
    with pytest.raises(OSError, match="No space"):
        write_submission(GOOD, file)
    assert file.read_bytes() == before
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("wants", "expected"), [("labels", ["b", "a", "b"]), ("predictions", [0.6, 0.2, 0.8])])
def test_a_new_metric_says_whether_it_wants_labels(
    wants: Wants, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    both = frozenset({"binary", "multiclass"})
    theirs = Metric("theirs", True, both, "log", lambda y, prediction: 0.0, wants=wants)
    monkeypatch.setitem(METRICS, "theirs", theirs)
    frame = make_submission(table("y", classes=("a", "b")), np.array([0.2, 0.8, 0.6]), competition("binary", "theirs"))
    assert frame["y"].tolist() == expected
