"""The yardstick of an exploding loss, and when it is held to the loss."""

import json
import math
from dataclasses import asdict

import pytest

from swapdae.autoencoder.position import Epoch, Position


def after(first: float, *means: float) -> Position:
    at = Position()
    for mean in (first, *means):
        at.done += 1
        at.look([mean, 0.0])
    return at


@pytest.mark.parametrize(
    ("means", "loss", "explodes"),
    [
        ([], 1e30, False),  # nothing to compare with yet
        ([], math.nan, True),
        ([2.0], 19.0, False),
        ([2.0], 21.0, True),
        ([2.0, 0.5], 4.9, False),
        ([2.0, 0.5], 5.1, True),
        ([2.0, 1e-3], 1.9, False),  # far from the best, but no worse than the untrained network
        ([2.0, 1e-3], 2.1, True),
        ([2.0, 0.5, 1e9, math.inf], 5.1, True),  # a loss that exploded is no yardstick
        ([2.0], math.inf, True),
    ],
)
def test_loss_explodes_against_the_best_and_the_untrained_network(
    means: list[float], loss: float, explodes: bool
) -> None:
    at = after(*means) if means else Position()
    assert at.explodes(loss) is explodes


@pytest.mark.parametrize(
    ("n_batches", "looks"), [(1, [1]), (49, [1, 49]), (50, [1, 50]), (120, [1, 50, 120]), (230, [1, 50, 100, 150, 230])]
)
def test_looks_are_at_least_fifty_steps_apart(n_batches: int, looks: list[int]) -> None:
    def due(log: list[Epoch]) -> list[int]:
        return [done for done in range(1, n_batches + 1) if Position(log=log, done=done).look_is_due(n_batches)]

    assert due([]) == looks
    later = [Epoch(1, 1.0, 0.1, 1e-3, 1.0, 1.0)]
    assert due(later) == (looks if n_batches == 1 else looks[1:])


def test_totals_are_those_of_every_step() -> None:
    at = Position(done=1)
    assert at.look([3.0, 0.1]) == 3
    at.done = 5
    assert at.look([8.0, 0.4]) == 2
    assert at.totals == [11.0, 0.5] and (at.first, at.best) == (3, 2)
    at.seconds = 7.0
    at.begin_epoch()
    assert (at.totals, at.done, at.seen, at.began, at.best) == ([0, 0], 0, 0, 7, 2)


def test_comes_back_from_a_header() -> None:
    at = Position(log=[Epoch(1, 0.1 + 0.2, 0.1, 1e-3, 1.0, 1.0, 7)], done=3, unseen=[1 / 3, 0.0], rolled_back_at=7)
    assert Position.of(json.loads(json.dumps(asdict(at)))) == at
