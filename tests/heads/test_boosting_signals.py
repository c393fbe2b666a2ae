"""A signal that comes inside a boosting library is heard after the round, as what it is.

Without help LightGBM can lose it, XGBoost makes another error of it, and CatBoost turns SIGTERM into Ctrl-C.
"""

import signal
import weakref
from collections.abc import Iterator
from types import FrameType
from typing import Any

import catboost
import lightgbm
import pytest
import xgboost

from swapdae.heads import HEADS, head_params
from toy_problem import toy_problem

CALLS = {"lightgbm": (lightgbm.Booster, "update"), "xgboost": (xgboost.Booster, "update")}


class Target:
    """What a weak reference can point at."""


@pytest.fixture
def terminate() -> Iterator[None]:
    """SIGTERM ends the program with 143."""

    def end(number: int, frame: FrameType | None) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, end)
    yield
    signal.signal(signal.SIGTERM, before)


def send_where_an_exception_is_lost() -> None:
    target = Target()
    reference = weakref.ref(target, lambda _: signal.raise_signal(signal.SIGTERM))
    del target
    assert reference() is None


@pytest.mark.usefixtures("terminate")
@pytest.mark.parametrize("kind", CALLS)
def test_training_ends_with_the_round_in_which_a_signal_comes(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (owner, name), rounds = CALLS[kind], 0
    original = getattr(owner, name)

    def interrupted(*given: Any, **named: Any) -> Any:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            send_where_an_exception_is_lost()
        return original(*given, **named)

    monkeypatch.setattr(owner, name, interrupted)
    model = HEADS[kind].make(head_params(kind, {"n_estimators": 10}), 0)
    with pytest.raises(SystemExit, match="143"):
        model.fit(toy_problem().view(0))
    assert rounds == 2


@pytest.mark.usefixtures("terminate")
def test_catboost_ends_with_the_round_in_which_a_signal_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    original, models = catboost.CatBoost.fit, list[catboost.CatBoost]()

    def interrupted(model: catboost.CatBoost, *given: Any, **named: Any) -> Any:
        models.append(model)
        send_where_an_exception_is_lost()
        return original(model, *given, **named)

    monkeypatch.setattr(catboost.CatBoost, "fit", interrupted)
    model = HEADS["catboost"].make(head_params("catboost", {"iterations": 10}), 0)
    with pytest.raises(SystemExit, match="143"):
        model.fit(toy_problem().view(0))
    assert models[0].tree_count_ == 1
