"""Fitted objects as JSON and arrays, and back; what has no name, or one elsewhere, is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder

from swapdae.modelling.fitted_objects import Arrays, made_of, told

X = np.random.default_rng(0).normal(size=(200, 3))
Y = (X[:, 0] > 0).astype(int)


def back(value: Any) -> Any:
    arrays: Arrays = {}
    text = json.dumps(told(value, arrays, ()), allow_nan=False)
    return made_of(json.loads(text), arrays, ())


@pytest.mark.parametrize(
    "model", [GradientBoostingClassifier(n_estimators=5), KNeighborsRegressor(3)], ids=lambda m: type(m).__name__
)
def test_a_fitted_model_predicts_what_it_did(model: Any) -> None:
    """With trees and neighbours in classes that are not Python's."""
    model.fit(X, Y)
    assert np.array_equal(back(model).predict(X), model.predict(X))


@pytest.mark.parametrize(
    "transformer", [OneHotEncoder(), KBinsDiscretizer(4, quantile_method="averaged_inverted_cdf")], ids=str
)
def test_a_fitted_transformer_transforms_as_it_did(transformer: Any) -> None:
    x = np.round(X)
    transformer.fit(x)
    assert (back(transformer).transform(x) != transformer.transform(x)).nnz == 0


def test_plain_values_stay_what_they_are() -> None:
    values = {"a": (1, 2.5, None), 3: ["x", {True: b"".hex()}], "set": {1, 2}, "slice": slice(1, None)}
    assert back(values) == values
    assert np.isnan(back(float("nan"))) and back(-np.inf) == -np.inf
    words = np.array(["b", np.nan, None], dtype=object)
    assert back(words).tolist()[::2] == ["b", None] and back(np.float32(1.5)).dtype == np.float32


@pytest.mark.parametrize("value", [lambda x: x, json.dumps, [open], object], ids=str)
def test_what_has_no_name_here_is_refused(value: Any) -> None:
    if value is object:
        assert back(value) is object
        return
    with pytest.raises(ValueError, match="has no name of its own"):
        told(value, {}, ())


@pytest.mark.parametrize("name", ["os:system", "builtins:eval", "swapdae.base.files:write_text"])
def test_a_file_cannot_name_what_is_none_of_the_libraries(name: str) -> None:
    with pytest.raises(ValueError, match="is of none of the libraries"):
        made_of({"made": [{"name": name}, {"tuple": []}, None, {"list": []}, {"list": []}]}, {}, ())


def test_a_module_that_may_not_be_named_is_not_even_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "runs_at_import.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass A: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ValueError, match="is of none of the libraries"):
        made_of({"name": "runs_at_import:A"}, {}, ())
    assert not (tmp_path / "ran").exists()


def test_what_holds_itself_is_refused() -> None:
    ring: list[Any] = []
    ring.append(ring)
    with pytest.raises(ValueError, match="a list"):
        told(ring, {}, ())
