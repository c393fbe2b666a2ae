"""ConcreteSelector against scikit-learn's own checks, on problems whose answer is known, and on mixed frames."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from swapdae import ConcreteConfig, ConcreteSelector
from swapdae.base.device import Device
from swapdae.selection.concrete_training import ConcreteTraining

RARE = ConcreteConfig(decoder_epochs=1, batch_size=16)
QUICK: dict[str, Any] = {"decoder": (8,), "epochs": 2, "config": RARE, "device": "cpu"}


def hard(epochs: int) -> ConcreteConfig:
    return ConcreteConfig(decoder_epochs=epochs)


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
    selector = ConcreteSelector(3, epochs=30, config=hard(3), device="cpu").fit(x)
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
    selector = ConcreteSelector(2, task="classify", epochs=40, config=hard(20), device="cpu").fit(x, y)
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
    selector = ConcreteSelector(1, task="regress", epochs=20, config=hard(10), device="cpu").fit(x, y)
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
    selector = ConcreteSelector(1, task="classify", epochs=20, config=hard(2), device="cpu")
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


@pytest.fixture(scope="module")
def fitted() -> ConcreteSelector:
    """Not to be changed."""
    return ConcreteSelector(2, **QUICK).fit(numbers())


def numbers(n: int = 60) -> NDArray[Any]:
    return np.random.default_rng(0).normal(size=(n, 4))


def losses(selector: ConcreteSelector) -> list[float]:
    return [line.train_loss for line in selector.log_]


@pytest.mark.parametrize("seed", [np.int64(7), np.uint8(7)])
def test_numpy_seed_is_the_seed(seed: Any) -> None:
    first, second = (ConcreteSelector(2, random_state=s, **QUICK).fit(numbers()) for s in (7, seed))
    assert losses(first) == losses(second)


def test_no_seed_and_a_generator_draw_anew() -> None:
    for state in (None, np.random.RandomState(0)):
        selector = ConcreteSelector(2, random_state=state, **QUICK)
        assert losses(selector.fit(numbers())) != losses(selector.fit(numbers()))
    first, second = (
        ConcreteSelector(2, random_state=np.random.RandomState(3), **QUICK).fit(numbers()) for _ in range(2)
    )
    assert losses(first) == losses(second)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"parameterization": "Direct"}, "parameterization: .*'direct' or 'indirect'"),
        ({"task": "classification"}, "task: .*'reconstruct', 'regress' or 'classify'"),
        ({"start": "Greedy"}, "start.*: .*'random' or 'greedy'"),
        ({"scale": "minmax"}, "scale: .*'standard', 'min_max' or 'none'"),
        ({"device": "gpu"}, "device: 'gpu' is none of auto, cpu, cuda"),
        ({"categorical": "all"}, "categorical: 'auto' or a list of columns, not 'all'"),
        ({"epochs": -1}, "epochs: .*greater than or equal to 0"),
        ({"random_state": -1}, "Seed must be between"),
    ],
)
def test_misspelt_choices_are_refused_with_the_choices(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        ConcreteSelector(2, **{**QUICK, **changed}).fit(numbers())
    assert "\n" not in str(raised.value)


def test_misspelt_rare_settings_are_refused_with_the_choices() -> None:
    with pytest.raises(ValueError, match="'row'"):
        ConcreteConfig.model_validate({"samples": "rows"})
    with pytest.raises(TypeError, match="config: a ConcreteConfig is needed, not dict"):
        ConcreteSelector(2, config={"dropout": 0.1}).fit(numbers())  # type: ignore[arg-type]


def test_defaults_of_rates_and_widths_follow_the_parameterization_and_the_start() -> None:
    direct, indirect = (ConcreteTraining(k=80, parameterization=kind) for kind in ("direct", "indirect"))
    assert (direct.rate, indirect.rate) == (0.1, 0.003)
    assert indirect.model_copy(update={"selection_rate": 0.0}).rate == 0
    assert [t.inner(100) for t in (indirect, indirect.model_copy(update={"start": "greedy"}))] == [64, 80]
    assert indirect.inner(10) == 10


def test_grid_search_reaches_every_flat_parameter() -> None:
    x = numbers(40)
    pipe = Pipeline([("select", ConcreteSelector(1, task="regress", **QUICK)), ("ridge", Ridge())])
    grid = {"select__k": [1, 2], "select__parameterization": ["direct"], "select__config": [RARE, hard(0)]}
    found = GridSearchCV(pipe, grid, cv=2).fit(x, x[:, 2])
    assert len(found.cv_results_["params"]) == 4 and np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_the_network_is_moved_to_the_cpu_after_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[torch.nn.Module] = []

    def cpu(module: torch.nn.Module) -> torch.nn.Module:
        moved.append(module)
        return module

    monkeypatch.setattr(torch.nn.Module, "cpu", cpu)
    assert ConcreteSelector(2, **QUICK).fit(numbers())._fitted.network in moved


def test_torch_generators_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reseeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    torch.manual_seed(5)
    reseeded.clear()
    before = torch.get_rng_state()
    ConcreteSelector(2, **QUICK).fit(numbers())
    assert torch.equal(torch.get_rng_state(), before) and not reseeded


def test_device_is_asked_for_at_every_use(fitted: ConcreteSelector, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fitted on one device is read on another, as after unpickling elsewhere."""
    selector = pickle.loads(pickle.dumps(fitted))
    expected = fitted.decode(numbers())
    assert not any(isinstance(value, (Device, torch.device)) for value in vars(selector).values())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device"):
        selector.set_params(device="cuda").decode(numbers())
    assert np.array_equal(selector.set_params(device="auto").decode(numbers()), expected)


@pytest.mark.gpu
def test_fitted_on_a_gpu_is_decoded_on_a_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    selector = ConcreteSelector(2, **{**QUICK, "device": "cuda"}).fit(numbers())
    assert all(tensor.device.type == "cpu" for tensor in selector._fitted.network.state_dict().values())
    there = selector.decode(numbers())
    assert np.allclose(selector.set_params(device="cpu").decode(numbers()), there, atol=1e-4)


def test_names_of_numbers_beside_names_of_text() -> None:
    frame = pd.DataFrame(numbers(), columns=["a", 1, "b", 2])
    frame[3] = np.where(frame["a"] > 0, "up", "down")
    selector = ConcreteSelector(2, start=[1, 4], **{**QUICK, "epochs": 0, "refine": False}).fit(frame)
    assert list(selector.get_feature_names_out()) == ["1", "3"]
    assert selector.set_output(transform="pandas").transform(frame).equals(frame[[1, 3]].rename(columns=str))


def test_nullable_columns_are_selected() -> None:
    frame = pd.DataFrame({"whole": pd.array([1, 2, None, 4] * 10, dtype="Int64"), "x": np.arange(40.0)})
    frame["flag"] = pd.array([True, None, False, True] * 10, dtype="boolean")
    selector = ConcreteSelector(3, **QUICK).fit(frame)
    assert sorted(selector.chosen_) == [0, 1, 2]
    assert selector.transform(frame).shape == (40, 3)


def test_constant_columns_alone_are_refused() -> None:
    with pytest.raises(ValueError, match="every column is constant"):
        ConcreteSelector(1, **QUICK).fit(np.ones((30, 2)))
