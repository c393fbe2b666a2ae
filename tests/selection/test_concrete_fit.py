"""The selector's training: known answers, the log, the stopping rule, refinement by validation rows."""

from typing import Any

import numpy as np
import pytest
import torch

from swapdae.base.device import resolve_device
from swapdae.selection.concrete import InputColumns
from swapdae.selection.concrete_data import Data
from swapdae.selection.concrete_fit import FittedConcrete, fit_concrete, in_places_of
from swapdae.selection.concrete_training import ConcreteTraining

CPU = resolve_device("cpu")
CONFIG: dict[str, Any] = {
    "k": 2,
    "task": "regress",
    "parameterization": "indirect",
    "d_inner": 6,
    "decoder": (16,),
    "dropout": 0.0,
    "epochs": 30,
    "decoder_epochs": 3,
    "batch_size": 32,
    "learning_rate": 3e-3,
    "selection_rate": 0.01,
    "temperatures": (10.0, 0.01),
    "samples": 1,
    "overlap": 0.0,
}
SIX = InputColumns(tuple(range(6)))


def problem(seed: int, n: int = 512) -> Data:
    """Columns 1 and 4 make the target, by a product that no line sees and a sum."""
    x = np.random.default_rng(seed).normal(size=(n, 6))
    return Data.of(x, (x[:, 1] + x[:, 4] + x[:, 1] * x[:, 4])[:, None], CPU)


def fit(refine: Any = None, start: Any = None, seed: int = 0, **changes: Any) -> FittedConcrete:
    config = ConcreteTraining.model_validate({**CONFIG, **changes})
    return fit_concrete(problem(0), problem(1, 128), SIX, 1, config, seed=seed, device=CPU, start=start, refine=refine)


@pytest.mark.parametrize("samples", [1, 4, "row"])
def test_indirect_finds_the_columns_that_matter(samples: int | str) -> None:
    fitted = fit(samples=samples)
    assert set(fitted.chosen) == {1, 4} and fitted.n_unique == 2


def test_direct_finds_the_columns_that_matter() -> None:
    assert set(fit(parameterization="direct", selection_rate=0.1).chosen) == {1, 4}


def test_log_has_an_epoch_a_line_and_ends_cold_and_settled() -> None:
    log = fit(selection_rate=0.03).log
    assert [line.epoch for line in log] == list(range(33))
    assert log[29].temperature == pytest.approx(0.01) and log[30].temperature == 0
    assert log[0].mean_max < log[29].mean_max and log[29].mean_max > 0.9
    assert log[29].n_unique == len(set(log[29].favourites)) == 2
    assert log[-1].validation_loss < log[0].validation_loss


def test_unsettled_rows_train_anew_for_twice_as_long() -> None:
    slow: dict[str, Any] = {"selection_rate": 1e-4, "epochs": 1, "decoder_epochs": 1}
    assert len(fit(**slow).log) == 2, "only those of the direct parameterization must settle"
    assert len(fit(**slow, parameterization="direct").log) == 16 + 1


def test_refinement_is_kept_only_where_validation_rows_agree() -> None:
    assert set(fit(refine=lambda chosen: [[0, 2], [2, 3]]).chosen) == {1, 4}
    others = [[0, 2], [4, 1], [2, 3]]
    assert set(fit(epochs=1, selection_rate=0.0, start=[0, 2], refine=lambda chosen: others).chosen) == {1, 4}


def test_refined_columns_keep_the_places_of_those_that_stay() -> None:
    assert in_places_of([4, 7, 2], [9, 2, 4]) == [4, 9, 2]


def test_prediction_reads_the_chosen_columns_alone() -> None:
    fitted = fit()
    x = np.random.default_rng(2).normal(size=(20, 6))
    others = x.copy()
    others[:, [0, 2, 3, 5]] = 9
    assert np.array_equal(fitted.predict(x, CPU), fitted.predict(others, CPU))
    others[:, 1] = 9
    assert not np.array_equal(fitted.predict(x, CPU), fitted.predict(others, CPU))


def test_same_seed_same_weights() -> None:
    first, again = (fit(epochs=2).network.state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_denormal_numbers_are_back_after_training() -> None:
    fit(epochs=1)
    assert torch.tensor([1e-39]).mul(1.0).item() != 0


def test_loss_that_is_not_finite_stops() -> None:
    with pytest.raises(FloatingPointError, match="learning rate"):
        fit(learning_rate=1e30)
