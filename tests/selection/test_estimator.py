"""ConcreteSelector against scikit-learn's own checks, on problems whose answer is known, and on mixed frames."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from swapdae import ConcreteSelector

QUICK: dict[str, Any] = {"decoder": (8,), "epochs": 2, "decoder_epochs": 1, "batch_size": 16, "device": "cpu"}


@parametrize_with_checks(  # type: ignore[untyped-decorator]
    [ConcreteSelector(1, task=task, **QUICK) for task in ("reconstruct", "regress", "classify")]
)
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def test_reconstruction_takes_one_of_each_pair() -> None:
    """Six columns are three and their noisy copies: three of different pairs tell all."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    x = np.concatenate([x, x + 0.1 * rng.normal(size=x.shape)], axis=1)
    selector = ConcreteSelector(3, epochs=30, decoder_epochs=3, device="cpu").fit(x)
    assert sorted(j % 3 for j in selector.chosen_) == [0, 1, 2]
    assert np.mean((selector.decode(x) - x) ** 2) < 0.02
    assert np.array_equal(selector.transform(x), x[:, np.sort(selector.chosen_)])
    assert selector.get_support().sum() == 3
    assert selector.log_[-1].favourites == tuple(selector.chosen_)


def labelled(n: int = 300) -> tuple[pd.DataFrame, NDArray[Any]]:
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=[f"x{j}" for j in range(4)])
    frame["colour"] = rng.choice(["red", "green", "blue"], n)
    frame["city"] = rng.choice([f"town {i}" for i in range(12)], n)
    frame.loc[rng.random(n) < 0.1, "x0"] = np.nan
    return frame, np.where((frame["colour"] == "red") ^ (frame["x2"] > 0), "yes", "no")


def test_classification_takes_a_categorical_as_one() -> None:
    """By an exclusive or, which greedy selection cannot see."""
    x, y = labelled()
    selector = ConcreteSelector(2, task="classify", epochs=40, decoder_epochs=20, device="cpu").fit(x, y)
    assert set(selector.get_feature_names_out()) == {"x2", "colour"}
    assert list(selector.classes_) == ["no", "yes"]
    probability = selector.decode(x)
    assert np.allclose(probability.sum(axis=1), 1)
    assert np.mean(selector.classes_[probability.argmax(axis=1)] == y) > 0.9
    selected = selector.set_output(transform="pandas").transform(x)
    assert list(selected.columns) == ["x2", "colour"]


def test_starts() -> None:
    x, _ = labelled()
    y = x["x2"] + 2 * (x["colour"] == "red")
    still = {**QUICK, "epochs": 0, "refine": False}
    assert list(ConcreteSelector(2, task="regress", start="greedy", **still).fit(x, y).chosen_) == [2, 4]
    assert list(ConcreteSelector(2, start=[5, 1], **still).fit(x).chosen_) == [5, 1]
    assert list(ConcreteSelector(2, start=[5, 1], **still).fit(x.assign(x0=1.0)).chosen_) == [5, 1]
    for start in ([1], [1, 1], [1, 9]):
        with pytest.raises(ValueError, match="start: 2 different columns"):
            ConcreteSelector(2, start=start, **still).fit(x)


def test_regression_of_one_and_of_two_targets() -> None:
    x = np.random.default_rng(2).normal(size=(200, 5))
    y = 100 + 10 * x[:, 3]
    selector = ConcreteSelector(1, task="regress", epochs=20, decoder_epochs=10, device="cpu").fit(x, y)
    assert list(selector.chosen_) == [3]
    assert selector.decode(x).shape == (200,) and np.abs(selector.decode(x) - y).mean() < 1
    assert clone(selector).fit(x, np.stack([y, -y], axis=1)).decode(x).shape == (200, 2)


def test_given_validation_rows_are_used() -> None:
    x = np.random.default_rng(3).normal(size=(60, 4))
    first = ConcreteSelector(2, **QUICK).fit(x[:40], X_val=x[40:])
    other = ConcreteSelector(2, **QUICK).fit(x[:40], X_val=2 * x[40:])
    assert [line.train_loss for line in first.log_][:2] == [line.train_loss for line in other.log_][:2]
    assert first.log_[0].validation_loss != other.log_[0].validation_loss


def test_in_a_pipeline() -> None:
    x, y = np.random.default_rng(4).normal(size=(200, 6)), np.arange(200) % 2
    x[:, 5] += 3 * y
    selector = ConcreteSelector(1, task="classify", epochs=20, decoder_epochs=2, device="cpu")
    assert make_pipeline(selector, LogisticRegression()).fit(x, y).score(x, y) > 0.9


@pytest.mark.parametrize("k", [0, 3])
def test_impossible_k_is_refused(k: int) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    x[:, 1] = 7
    with pytest.raises(ValueError, match=f"k = {k}: between 1 and the 2 columns that vary"):
        ConcreteSelector(k, **QUICK).fit(x)


def test_missing_target_and_new_classes_are_refused() -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    with pytest.raises(ValueError, match="requires y"):
        ConcreteSelector(1, task="classify", **QUICK).fit(x)
    with pytest.raises(ValueError, match="that y lacks: \\[2\\]"):
        ConcreteSelector(1, task="classify", **QUICK).fit(x, np.arange(30) % 2, X_val=x, y_val=np.full(30, 2))


def test_categories_are_not_decoded_into_numbers() -> None:
    x, _ = labelled(60)
    with pytest.raises(ValueError, match="colour, city"):
        ConcreteSelector(2, **QUICK).fit(x).decode(x)
