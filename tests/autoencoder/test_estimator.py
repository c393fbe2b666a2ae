"""DenoisingAutoencoder against scikit-learn's own checks, and on frames with categories."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from swapdae import DenoisingAutoencoder
from swapdae.autoencoder.config import DaeConfig

SMALL = DaeConfig.model_validate({"body": {"kind": "stack", "width": 8}, "training": {"epochs": 2, "batch_size": 16}})


@parametrize_with_checks([DenoisingAutoencoder(SMALL, device="cpu")])  # type: ignore[untyped-decorator]
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


def test_categories_and_missing_values_make_inputs() -> None:
    estimator = DenoisingAutoencoder(SMALL, device="cpu").fit(frame())
    assert estimator.encoder_.layout.categorical == ("colour", "flag")
    assert estimator.encoder_.layout.n_inputs == 3 + 2 + 1 + 1  # one-hot, one-hot, indicator, number
    features = estimator.transform(frame())
    assert features.shape == (60, 24) and np.isfinite(features).all()
    assert len(estimator.get_feature_names_out()) == 24


def test_unseen_category_is_no_error() -> None:
    estimator = DenoisingAutoencoder(SMALL, device="cpu").fit(frame())
    assert np.isfinite(estimator.transform(frame().assign(colour="mauve"))).all()


def test_named_categorical_columns() -> None:
    numbers = pd.DataFrame({"level": [1, 2, 3] * 10, "x": np.arange(30.0)})
    estimator = DenoisingAutoencoder(SMALL, categorical=["level"], device="cpu").fit(numbers)
    assert estimator.encoder_.layout.n_levels == (3,)


def test_same_seed_same_features_other_seed_other_features() -> None:
    estimator = DenoisingAutoencoder(SMALL, device="cpu")
    first = estimator.fit_transform(frame())
    assert np.array_equal(first, clone(estimator).fit_transform(frame()))
    assert not np.array_equal(first, clone(estimator).set_params(random_state=1).fit_transform(frame()))


def test_infinity_beside_categories_is_refused() -> None:
    with pytest.raises(ValueError, match="infinity"):
        DenoisingAutoencoder(SMALL, device="cpu").fit(frame().assign(size=np.inf))


def test_too_few_rows_beside_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="1 rows"):
        DenoisingAutoencoder(SMALL, device="cpu").fit(frame().iloc[:1])


def test_in_a_pipeline() -> None:
    x = frame()
    y = np.where(x["colour"] == "red", 1.0, 0.0)
    model = make_pipeline(DenoisingAutoencoder(SMALL, device="cpu"), Ridge(1e-3)).fit(x, y)
    assert model.score(x, y) > 0.5
