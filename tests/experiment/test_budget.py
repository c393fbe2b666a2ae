"""What fits into so many minutes, of a machine and tables that are given by numbers."""

import pytest

from budget_case import CORE, experiment, plan, table
from swapdae.experiment.budget import planned
from swapdae.experiment.costs import Costs
from swapdae.experiment.planned import MAX_TRIALS


@pytest.mark.parametrize("n_train", [1_500, 15_000, 200_000])
@pytest.mark.parametrize("minutes", [10, 60, 480])
def test_it_fits_and_more_minutes_buy_more(n_train: int, minutes: float) -> None:
    made, less = plan(n_train, minutes), plan(n_train, minutes / 2)
    assert made.forecast <= 60 * minutes
    assert set(less.experiment.heads) <= set(made.experiment.heads)
    trials, fewer = (sum(head.trials for head in one.experiment.heads.values()) for one in (made, less))
    assert fewer <= trials and all(head.trials <= MAX_TRIALS for head in made.experiment.heads.values())
    assert less.experiment.dae.training.epochs <= made.experiment.dae.training.epochs
    if trials < MAX_TRIALS:  # what can be filled is filled
        assert made.forecast > 0.8 * 60 * minutes


def test_ten_minutes_for_a_small_table_hold_every_head_and_a_search() -> None:
    made = plan(3_000, 10)
    assert set(made.experiment.heads) == set(experiment(3_000).heads)
    assert sum(head.trials for head in made.experiment.heads.values()) >= 10
    assert {"dae", "worth", "blend"} <= set(made.steps)


def test_no_time_leaves_the_cheapest_head_and_a_submission() -> None:
    made = plan(200_000, 0.01)
    assert list(made.experiment.heads) == ["ridge_raw"]
    assert made.steps == ("download", "folds", "heads/ridge_raw", "blend", "models", "score")
    assert "left out: ridge_dae" in "\n".join(made.why) and "10 minutes more would buy" in made.why[-1]


def test_an_autoencoder_that_all_heads_read_is_trained_for_one_epoch_at_least() -> None:
    whole = experiment(200_000)
    heads = {name: head for name, head in whole.heads.items() if name == "ridge_dae"}
    made = planned(whole.model_copy(update={"heads": heads}), table(200_000), CORE, 0.01)
    assert made.experiment.dae.training.epochs == 1
    assert made.steps == ("download", "folds", "dae", "heads/ridge_dae", "blend", "models", "score")


def test_what_a_stage_reads_comes_before_it() -> None:
    made = plan(15_000, 60)
    at = {step: i for i, step in enumerate(made.steps)}
    for name, head in made.experiment.heads.items():
        assert at[f"heads/{name}"] < at["blend"]
        if head.uses_dae:
            assert at["dae"] < at[f"heads/{name}"]
        if head.trials:
            assert at[f"tune/{name}"] < at[f"heads/{name}"]


def test_a_gpu_is_said_in_the_parameters_of_xgboost() -> None:
    gpu = CORE.model_copy(update={"gpu": True})
    assert plan(3_000, 10, gpu).experiment.heads["xgboost"].params["native"] == {"device": "cuda"}
    assert "native" not in plan(3_000, 10).experiment.heads["xgboost"].params


def test_costs_grow_with_rows_classes_targets_and_epochs() -> None:
    whole = experiment(3_000)

    def costs(**more: int) -> Costs:
        return Costs(whole, table(**{"n_train": 3_000, **more}), CORE)

    for head in whole.heads.values():
        assert costs().head(head) < costs(n_train=30_000).head(head)
        assert costs().head(head) < costs(n_outputs=5).head(head)
        assert costs(n_targets=2).head(head) == 2 * costs().head(head)
    assert costs().dae(1) < costs().dae(2) == costs(n_targets=2).dae(2)
