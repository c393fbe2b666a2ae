"""The selector layer: temperature's ends, samples, hard choices, blocks, duplicates."""

import numpy as np
import pytest
import torch

from swapdae.selection.concrete import (
    WIDTH,
    ConcreteNetwork,
    ConcreteSelection,
    InputColumns,
    overlap,
    temperature,
    unique_selections,
)
from swapdae.selection.concrete_training import Parameterization


def network(columns: InputColumns, k: int = 2, d_out: int = 3, kind: Parameterization = "indirect") -> ConcreteNetwork:
    torch.manual_seed(0)
    return ConcreteNetwork(ConcreteSelection(k, columns.n_columns, kind, 4), columns, d_out, (5,))


def test_temperature_falls_by_one_factor_a_step() -> None:
    heats = [temperature(step, 5, 10.0, 0.01) for step in range(5)]
    assert heats[0] == 10.0 and heats[-1] == pytest.approx(0.01)
    assert np.ptp(np.diff(np.log(heats))) < 1e-12
    assert temperature(0, 1, 10.0, 0.01) == 10.0


@pytest.mark.parametrize("kind", ["direct", "indirect"])
def test_samples_are_distributions_hard_when_cold_flat_when_hot(kind: Parameterization) -> None:
    torch.manual_seed(0)
    selection = ConcreteSelection(3, 7, kind, 4)
    cold, hot = (selection.sample(selection.logits(), heat, 2).detach() for heat in (1e-3, 1e3))
    assert cold.shape == hot.shape == (2, 3, 7)
    assert torch.allclose(cold.sum(dim=2), torch.ones(2, 3))
    assert cold.amax(dim=2).min() > 0.99
    assert (hot - 1 / 7).abs().max() < 0.01


def test_cold_samples_choose_a_column_as_often_as_its_probability_says() -> None:
    torch.manual_seed(0)
    logits = torch.tensor([[0.0, 1.0, 2.0]])
    winners = ConcreteSelection(1, 3, "direct", 1).sample(logits, 0.01, 20_000).argmax(dim=2).flatten()
    share = torch.bincount(winners) / 20_000
    assert torch.allclose(share, logits.softmax(dim=1)[0], atol=0.015)


@pytest.mark.parametrize("kind", ["direct", "indirect"])
@pytest.mark.parametrize("n_samples", [1, 2, 6])
def test_gradients_reach_every_parameter(kind: Parameterization, n_samples: int) -> None:
    net = network(InputColumns((0, 1, 1, 2)), kind=kind)
    torch.nn.init.ones_(net.perceptron[-1].weight)  # type: ignore[index, arg-type]
    output = net.soft(torch.randn(6, 4), net.selection.sample(net.selection.logits(), 1.0, n_samples))
    torch.autograd.backward(output.square().sum())
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


@pytest.mark.parametrize("of_input", [(0, 1, 2, 3), (0, 1, 1, 2, 3, 3, 3)])
@pytest.mark.parametrize("n_samples", [1, 3])
def test_hard_is_soft_with_all_weight_on_the_chosen(of_input: tuple[int, ...], n_samples: int) -> None:
    net = network(InputColumns(of_input)).eval()
    x, chosen = torch.randn(6, len(of_input)), torch.tensor([3, 1])
    weights = torch.nn.functional.one_hot(chosen, 4).float().expand(n_samples, 2, 4)
    assert torch.allclose(net.soft(x, weights), net.hard(x, chosen), atol=1e-6)


def test_each_part_of_a_batch_has_its_own_sample() -> None:
    net = network(InputColumns((0, 1, 2))).eval()
    x = torch.randn(4, 3)
    weights = torch.nn.functional.one_hot(torch.tensor([[0, 1], [2, 0]]), 3).float()
    parts = [net.hard(x[:2], torch.tensor([0, 1])), net.hard(x[2:], torch.tensor([2, 0]))]
    assert torch.allclose(net.soft(x, weights), torch.cat(parts), atol=1e-6)


def test_a_small_block_enters_as_it_is_and_a_wide_one_as_an_embedding() -> None:
    small = network(InputColumns((0, 0, 1)))
    x = torch.randn(5, 3)
    assert torch.equal(small.slots(x)[:, 0], x[:, :2])
    assert torch.equal(small.slots(x)[:, 1], torch.stack([x[:, 2], torch.zeros(5)], dim=1))
    wide = network(InputColumns((0,) * 20 + (1,)))
    assert wide.slots(torch.randn(5, 21)).shape == (5, 2, WIDTH)


def test_linear_part_is_solved_exactly() -> None:
    net = network(InputColumns((0, 1, 2, 3)), d_out=1)
    x = torch.randn(50, 4)
    net.solve_linear(x, 3 * x[:, [2]] - x[:, [0]] + 1, torch.tensor([2, 0]), ridge=1e-9)
    assert torch.allclose(net.linear.weight, torch.tensor([[3.0, -1.0]]), atol=1e-5)
    assert torch.allclose(net.linear.bias, torch.ones(1), atol=1e-5)


@pytest.mark.parametrize("kind", ["direct", "indirect"])
def test_warm_start_is_where_it_was_put(kind: Parameterization) -> None:
    torch.manual_seed(0)
    selection = ConcreteSelection(3, 9, kind, 4)
    selection.start_at([7, 2, 4], margin=20.0)
    assert selection.logits().argmax(dim=1).tolist() == [7, 2, 4]


def test_overlap_counts_what_is_claimed_twice() -> None:
    assert overlap(torch.eye(3)).item() == 0
    assert overlap(torch.tensor([[1.0, 0.0], [1.0, 0.0]])).item() == 1


def test_the_surer_row_keeps_its_column_and_the_other_takes_its_next_best_unused() -> None:
    logits = torch.tensor([[0.0, 5.0, 4.0, 1.0], [0.0, 9.0, 0.0, 0.0], [0.0, 0.0, 9.0, 0.0]])
    assert unique_selections(logits) == ([3, 1, 2], 2)
    assert unique_selections(torch.eye(3)) == ([0, 1, 2], 3)


def test_more_rows_than_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="3 columns"):
        unique_selections(torch.zeros(3, 2))
