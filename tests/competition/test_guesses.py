"""What is guessed of a table, on tables whose answers are known."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from swapdae.base.errors import UserError
from swapdae.competition.guesses import Guess, guess_competition

N = 240


def cells(n: int = N, **columns: Any) -> pd.DataFrame:
    """A table as it is read: all cells text. x is a feature, key an id, y the target, unless told otherwise."""
    rng = np.random.default_rng(n)
    usual = {"key": np.arange(n) + 7, "x": rng.normal(size=n).round(3), "y": rng.normal(size=n).round(3)}
    return pd.DataFrame({k: v for k, v in (usual | columns).items() if v is not None}).astype(str)


def guessed(frame: pd.DataFrame, sample: pd.DataFrame | None = None, **told: str) -> Guess:
    """The last third of the rows are test rows."""
    train, test = frame[: N * 2 // 3], frame[N * 2 // 3 :].drop(columns="y")
    return guess_competition(train.reset_index(drop=True), test.reset_index(drop=True), sample, told)


def said(guess: Guess, what: str) -> list[str]:
    return [line for line in guess.reasons if line.startswith(what)]


def some(*values: Any, n: int = N) -> Any:
    return np.random.default_rng(1).choice(values, n)


def test_a_plain_regression() -> None:
    guess = guessed(cells())
    expected = {"host": "none", "id": "key", "target": "y", "task": "regression", "metric": "rmse"}
    assert guess.values == expected | {"folds": {"count": 5, "kind": "shuffle"}}
    assert said(guess, "target") == ["target: y (the one column that test lacks)"]
    assert list(guess.sample) == ["key", "y"] and list(guess.sample["key"]) == list(guess.test["key"])


@pytest.mark.parametrize(
    ("y", "task", "metric"),
    [
        (some("no", "yes"), "binary", "auc"),
        (some(0, 1), "binary", "auc"),
        (some("a", "b", "c"), "multiclass", "logloss"),
        (some(1, 2, 3, 4), "multiclass", "logloss"),
        (some(0.5, 1.5, 2.5), "regression", "rmse"),
        (np.arange(N), "regression", "rmse"),
    ],
)
def test_task_by_the_values_of_the_target(y: Any, task: str, metric: str) -> None:
    values = guessed(cells(y=y)).values
    assert (values["task"], values["metric"]) == (task, metric)
    assert values["folds"]["kind"] == ("shuffle" if task == "regression" else "stratified")


def test_what_is_told_is_taken() -> None:
    values = guessed(cells(y=some(1, 2, 3)), task="regression", metric="mae").values
    assert (values["task"], values["metric"]) == ("regression", "mae")


def test_the_sample_says_id_and_shape() -> None:
    frame = cells(other=np.arange(N) * 3, y=some("a", "b", "c"))
    test = frame[N * 2 // 3 :]
    labels = pd.DataFrame({"other": test["other"], "y": "a"})
    guess = guessed(frame, labels)
    assert (guess.values["id"], guess.values["metric"]) == ("other", "accuracy")
    several = pd.DataFrame({"other": test["other"], "a": "0", "b": "0", "c": "1"})
    guess = guessed(frame, several)
    assert guess.values["metric"] == "logloss" and guess.sample is several


def test_multiclass_sample_is_made_with_a_column_for_each_class() -> None:
    assert list(guessed(cells(y=some("a", "b", "c"))).sample) == ["key", "y_a", "y_b", "y_c"]


@pytest.mark.parametrize(
    ("metric", "columns"), [("accuracy", ["y"]), ("map:2", ["y"]), ("auc", ["y_a", "y_b"]), ("mine", ["y_a", "y_b"])]
)
def test_the_sample_that_is_made_suits_the_metric(metric: str, columns: list[str]) -> None:
    guess = guessed(cells(y=some("a", "b")), task="multiclass", metric=metric)
    assert list(guess.sample)[1:] == columns


def test_an_id_is_made_where_there_is_none() -> None:
    guess = guessed(cells(key=None))
    ids = [*guess.train["id"], *guess.test["id"]]
    assert guess.values["id"] == "id" and ids == [str(i) for i in range(N)]
    assert "made" in said(guess, "id")[0]


def test_numbers_that_happen_to_differ_are_no_id() -> None:
    guess = guessed(cells(key=None, x=np.random.default_rng(0).normal(size=N)))
    assert guess.values["id"] == "id"


def kinds(guess: Guess) -> dict[str, list[str]]:
    found: dict[str, list[str]] = guess.values.get("columns", {})
    return found


def test_integer_codes_are_categorical_and_counts_are_not() -> None:
    frame = cells(occ_code=some(1, 2, 5, 9), area=some(408, 415, 510), n_items=some(0, 1, 2, 3), text=some("a", "b"))
    guess = guessed(frame)
    found = kinds(guess)["categorical"]
    assert {"occ_code", "area"} <= set(found) and "n_items" not in found
    assert len(said(guess, "categorical")) == 2


def test_constants_and_second_ids_are_dropped() -> None:
    guess = guessed(cells(same="1", row_id=np.arange(N)[::-1]), id="key")
    assert said(guess, "drop") == [
        "drop: same (constant in train)",
        "drop: row_id (an identifier: different in every row)",
    ]
    assert kinds(guess)["drop"] == ["same", "row_id"]


def test_texts_of_several_words_are_texts_and_others_identifiers() -> None:
    words = [f"{some(*'abcdef', n=1)[0]} number {j}" for j in range(N)]
    guess = guessed(
        cells(ticket=[f"A{j}" for j in range(N)], note=words, short=some("one two", "three four")), id="key"
    )
    assert kinds(guess) == {"drop": ["ticket"], "text": ["note"]}
    assert said(guess, "text") == [
        "text: note (free text: mostly different values, of several words; drop it if it tells nothing)"
    ]
    assert said(guess, "drop") == ["drop: ticket (an identifier: mostly different values, each one word)"]


def wishes(guess: Guess) -> str:
    return "\n".join([str(guess.values["folds"]), *guess.comments])


def test_groups_that_test_does_not_share() -> None:
    guess = guessed(cells(person=np.arange(N) // 4))
    assert "'group'" in wishes(guess) or 'kind = "group"\nby = "person"' in wishes(guess)
    assert "person" in wishes(guess) and "keep them together" in "\n".join(guess.reasons)


def test_groups_whose_rows_agree_are_a_question() -> None:
    rng = np.random.default_rng(0)
    person = rng.permutation(np.repeat(np.arange(60), 4))
    height, weight = (rng.normal(size=60).round(3)[person] for _ in range(2))
    guess = guessed(cells(person=person, height=height, weight=weight))
    assert guess.values["folds"]["kind"] == "shuffle"
    assert guess.comments[1:] == ['kind = "group"', 'by = "person"']
    assert "agree in 67% of the other columns" in guess.comments[0]


def test_integers_that_repeat_by_chance_are_no_groups() -> None:
    guess = guessed(cells(age=np.random.default_rng(0).integers(20, 60, N)))
    assert guess.comments == [] and guess.values["folds"]["kind"] == "shuffle"


@pytest.mark.parametrize(
    "when", [pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d"), np.repeat(np.arange(24), 10)]
)
def test_time_that_runs_on(when: Any) -> None:
    assert "'when' runs on in test" in "\n".join(guessed(cells(when=when)).reasons)
    assert "when' runs on" not in "\n".join(guessed(cells(when=when[::-1])).reasons)


def test_numbers_that_run_on_are_dropped_and_dates_are_read_by_their_parts() -> None:
    when = pd.date_range("2024-01-01", periods=N).strftime("%Y-%m-%d")
    guess = guessed(cells(when=when, week=np.arange(N) // 7))
    assert guess.values["folds"] == {"count": 5, "kind": "time", "by": "when"}
    assert kinds(guess)["drop"] == ["week"]
    assert said(guess, "drop") == [
        "drop: week (no train row has its values in test, and no model can learn what they say)"
    ]


def test_rare_class_lowers_the_count() -> None:
    y = np.where(np.arange(N) < 3, "b", "a")
    assert guessed(cells(y=y)).values["folds"] == {"count": 3, "kind": "stratified"}


@pytest.mark.parametrize(
    ("columns", "told", "message"),
    [
        ({}, {"target": "z"}, "train has no column 'z'"),
        ({}, {"target": "x"}, "test has 'x'"),
        ({}, {"id": "z"}, "no common column 'z' for the id"),
        ({"y": np.where(np.arange(N) == 0, "b", "a")}, {}, "class 'b' has one train row"),
        ({"y": [f"t{i}" for i in range(N)]}, {}, "160 different texts"),
        ({"x": "1"}, {}, "nothing to learn from"),
        ({"key": None, "id": some(1, 2)}, {}, "'id' is not different in every row"),
    ],
)
def test_what_cannot_be_guessed_is_refused(columns: dict[str, Any], told: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        guessed(cells(**columns), None, **told)
    assert "\n" not in str(caught.value)


def test_more_than_one_candidate_for_the_target() -> None:
    train = cells(z=some(1, 2))
    with pytest.raises(UserError, match="test lacks y, z; name the target"):
        guess_competition(train, cells(y=None), None, {})
    guess = guess_competition(train, cells(y=None), None, {"target": "y", "id": "key"})
    assert kinds(guess)["drop"] == ["z"] and said(guess, "drop") == ["drop: z (test lacks it)"]
    with pytest.raises(UserError, match="test has every column of train"):
        guess_competition(train, train, None, {})


def test_a_sample_of_several_targets_names_them() -> None:
    train, test = cells(z=np.linspace(0, 1, N), y=np.linspace(2, 3, N), w="2"), cells(y=None)
    guess = guess_competition(train, test, cells(x=None, z="0", y="0")[["key", "z", "y"]], {})
    assert guess.values["target"] == ["z", "y"] and guess.values["task"] == "regression"
    assert kinds(guess)["drop"] == ["w"] and "target, too: y" in "\n".join(guess.reasons)


@pytest.mark.parametrize(
    ("z", "y", "shown", "expected"),
    [
        (some(0, 1), some(1, 0), "0.5", ("binary", "auc")),
        (some("a", "b"), some("c", "d", "e"), "a", ("multiclass", "accuracy")),
        (some("a", "b"), some("c", "d", "e"), "0", ("multiclass", "logloss")),
        (some(0, 1), np.linspace(2, 3, N), "0", ("regression", "rmse")),
    ],
)
def test_one_task_serves_every_target(z: Any, y: Any, shown: str, expected: tuple[str, str]) -> None:
    guess = guess_competition(cells(z=z, y=y), cells(y=None), cells(x=None, z=shown, y=shown)[["key", "z", "y"]], {})
    assert (guess.values["task"], guess.values["metric"]) == expected


def test_a_class_with_one_row_is_found_in_any_target() -> None:
    train = cells(z=some("a", "b"), y=["once", *some("c", "d", n=N - 1)])
    with pytest.raises(UserError, match="class 'once' has one train row"):
        guess_competition(train, cells(y=None), cells(x=None, z="a", y="c")[["key", "z", "y"]], {})
