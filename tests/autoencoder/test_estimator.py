"""DenoisingAutoencoder against scikit-learn's own checks, and on frames with categories."""

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from swapdae import DaeConfig, DenoisingAutoencoder
from swapdae.base.device import Device

SMALL = DaeConfig.model_validate({"body": {"kind": "stack", "width": 8}, "training": {"epochs": 2, "batch_size": 16}})


@parametrize_with_checks([DenoisingAutoencoder(config=SMALL, device="cpu")])  # type: ignore[untyped-decorator]
def test_scikit_learn_checks(estimator: Any, check: Any) -> None:
    check(estimator)


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", "blue"], 60),
            "flag": rng.random(60) < 0.5,
            "size": np.where(rng.random(60) < 0.2, np.nan, rng.normal(size=60)),
        }
    )


@pytest.fixture(scope="module")
def fitted() -> DenoisingAutoencoder:
    """On frame(). Not to be changed."""
    return DenoisingAutoencoder(config=SMALL, device="cpu").fit(frame())


def test_categories_and_missing_values_make_inputs(fitted: DenoisingAutoencoder) -> None:
    assert fitted.encoder_.layout.categorical == ("colour", "flag")
    assert fitted.encoder_.layout.n_inputs == 3 + 2 + 1 + 1  # one-hot, one-hot, indicator, number
    features = fitted.transform(frame())
    assert features.shape == (60, 24) and np.isfinite(features).all()
    assert len(fitted.get_feature_names_out()) == 24


def test_unseen_category_is_no_error(fitted: DenoisingAutoencoder) -> None:
    assert np.isfinite(fitted.transform(frame().assign(colour="mauve"))).all()


def test_named_categorical_columns() -> None:
    numbers = pd.DataFrame({"level": [1, 2, 3] * 10, "x": np.arange(30.0)})
    estimator = DenoisingAutoencoder(config=SMALL, categorical=["level"], device="cpu").fit(numbers)
    assert estimator.encoder_.layout.n_levels == (3,)


@pytest.mark.parametrize("seed", [0, np.int64(0), np.uint8(0)])
def test_same_seed_same_features(fitted: DenoisingAutoencoder, seed: Any) -> None:
    again = clone(fitted).set_params(random_state=seed)
    assert np.array_equal(fitted.transform(frame()), again.fit_transform(frame()))


@pytest.mark.parametrize("state", [1, None, np.random.RandomState(0)], ids=str)
def test_other_seed_other_features(fitted: DenoisingAutoencoder, state: Any) -> None:
    other = clone(fitted).set_params(random_state=state)
    assert not np.array_equal(fitted.transform(frame()), other.fit_transform(frame()))


def test_no_seed_and_a_generator_draw_anew() -> None:
    for state in (None, np.random.RandomState(0)):
        estimator = DenoisingAutoencoder(config=SMALL, device="cpu", random_state=state)
        assert not np.array_equal(estimator.fit_transform(frame()), estimator.fit_transform(frame()))


def test_infinity_beside_categories_is_refused() -> None:
    with pytest.raises(ValueError, match="infinity"):
        DenoisingAutoencoder(config=SMALL, device="cpu").fit(frame().assign(size=np.inf))


def test_too_few_rows_beside_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="1 rows"):
        DenoisingAutoencoder(config=SMALL, device="cpu").fit(frame().iloc[:1])


def test_in_a_pipeline() -> None:
    x = frame()
    y = np.where(x["colour"] == "red", 1.0, 0.0)
    model = make_pipeline(DenoisingAutoencoder(config=SMALL, device="cpu"), Ridge(1e-3)).fit(x, y)
    assert model.score(x, y) > 0.5


def test_flat_parameters_go_over_the_config() -> None:
    changed = DenoisingAutoencoder(
        config=SMALL, width=6, epochs=1, batch_size=8, learning_rate=0.01, swap_rate=0.3, device="cpu"
    ).fit(frame())
    config = changed.config_
    assert config.training == SMALL.training.model_copy(update={"epochs": 1, "batch_size": 8, "learning_rate": 0.01})
    assert (config.noise.categorical, config.noise.numerical) == (0.3, 0.3)
    assert config.body == SMALL.body.model_copy(update={"width": 6})
    assert len(changed.log_) == 1 and changed.transform(frame()).shape == (60, 3 * 6)


def test_body_is_the_configs_unless_another_is_named(fitted: DenoisingAutoencoder) -> None:
    assert fitted.config_ == SMALL
    wide = DenoisingAutoencoder(config=SMALL, body="stack")
    assert wide._config().body == SMALL.body, "the same kind keeps the config's sizes"
    other = DenoisingAutoencoder(config=SMALL, body="transformer")._config()
    assert other.body.kind == "transformer" and other.training == SMALL.training


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"body": "Stack"}, r"body: (?=.*\bstack\b)(?=.*\btransformer\b)"),
        ({"body": "transformer", "width": 8}, "body.*width: unknown key"),
        ({"swap_rate": 1.5}, "noise.categorical: .*less than or equal to 1"),
        ({"epochs": 0}, "training.epochs: .*greater than or equal to 1"),
        ({"device": "gpu"}, "device: 'gpu' is none of auto, cpu, cuda"),
        ({"categorical": "all"}, "categorical: 'auto' or a list of columns, not 'all'"),
        ({"random_state": "zero"}, "cannot be used to seed"),
    ],
)
def test_misspelt_choices_are_refused_with_the_choices(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message) as raised:
        DenoisingAutoencoder(**{"config": SMALL, "device": "cpu", **changed}).fit(frame())
    assert "\n" not in str(raised.value)


def test_config_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match="config: a DaeConfig is needed, not dict"):
        DenoisingAutoencoder(config={"body": {}}, device="cpu").fit(frame())  # type: ignore[arg-type]


def test_grid_search_reaches_the_flat_parameters() -> None:
    x = frame()
    pipe = Pipeline([("dae", DenoisingAutoencoder(config=SMALL, device="cpu")), ("ridge", Ridge())])
    grid = {"dae__width": [4, 6], "dae__swap_rate": np.array([0.1, 0.2])}
    found = GridSearchCV(pipe, grid, cv=2).fit(x, (x["colour"] == "red").astype(float))
    assert len(found.cv_results_["params"]) == 4 and np.isfinite(found.cv_results_["mean_test_score"]).all()


def test_torch_generators_are_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    reseeded: list[int] = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", reseeded.append)
    torch.manual_seed(5)
    reseeded.clear()
    before = torch.get_rng_state()
    DenoisingAutoencoder(config=SMALL, device="cpu").fit(frame())
    assert torch.equal(torch.get_rng_state(), before) and not reseeded


def test_device_is_asked_for_at_every_use(fitted: DenoisingAutoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was fitted on one device is read on another, as after unpickling elsewhere."""
    estimator = pickle.loads(pickle.dumps(fitted))
    assert not any(isinstance(value, (Device, torch.device)) for value in vars(estimator).values())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device"):
        estimator.set_params(device="cuda").transform(frame())
    expected = fitted.transform(frame())
    assert np.array_equal(estimator.set_params(device="auto").transform(frame()), expected)


def test_the_model_is_moved_to_the_cpu_after_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    moved: list[torch.nn.Module] = []

    def cpu(module: torch.nn.Module) -> torch.nn.Module:
        moved.append(module)
        return module

    monkeypatch.setattr(torch.nn.Module, "cpu", cpu)
    assert DenoisingAutoencoder(config=SMALL, device="cpu").fit(frame()).model_ in moved


@pytest.mark.gpu
def test_fitted_on_a_gpu_is_read_on_a_cpu() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    estimator = DenoisingAutoencoder(config=SMALL, device="cuda").fit(frame())
    assert all(tensor.device.type == "cpu" for tensor in estimator.model_.state_dict().values())
    there = estimator.transform(frame())
    assert np.allclose(estimator.set_params(device="cpu").transform(frame()), there, atol=0.05)


@pytest.mark.parametrize("x", [np.ones((30, 2)), pd.DataFrame({"a": ["x"] * 30, "b": 1.0})], ids=["array", "frame"])
def test_constant_columns_alone_are_refused(x: Any) -> None:
    with pytest.raises(ValueError, match="every column is constant"):
        DenoisingAutoencoder(config=SMALL, device="cpu").fit(x)
