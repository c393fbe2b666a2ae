"""The yardstick of an exploding loss, and when it is held to the loss."""

import json
import math
from dataclasses import asdict
from pathlib import Path

import pytest

from swapdae.autoencoder.progress import Epoch, Progress, write_log


def after(first: float, *means: float) -> Progress:
    progress = Progress()
    for mean in (first, *means):
        progress.done += 1
        progress.check([mean, 0.0])
    return progress


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
    progress = after(*means) if means else Progress()
    assert progress.explodes(loss) is explodes


@pytest.mark.parametrize(
    ("n_batches", "checks"),
    [(1, [1]), (49, [1, 49]), (50, [1, 50]), (120, [1, 50, 120]), (230, [1, 50, 100, 150, 230])],
)
def test_checks_are_at_least_fifty_steps_apart(n_batches: int, checks: list[int]) -> None:
    def due(log: list[Epoch]) -> list[int]:
        return [done for done in range(1, n_batches + 1) if Progress(log=log, done=done).check_is_due(n_batches)]

    assert due([]) == checks
    later = [Epoch(1, 1.0, 0.1, 1e-3, 1.0, 1.0)]
    assert due(later) == (checks if n_batches == 1 else checks[1:])


def test_totals_are_those_of_every_step() -> None:
    progress = Progress(done=1)
    assert progress.check([3.0, 0.1]) == 3
    progress.done = 5
    assert progress.check([8.0, 0.4]) == 2
    assert progress.totals == [11.0, 0.5] and (progress.first, progress.best) == (3, 2)
    progress.seconds = 7.0
    progress.begin_epoch()
    assert (progress.totals, progress.done, progress.checked, progress.began, progress.best) == ([0, 0], 0, 0, 7, 2)


def test_comes_back_from_a_header() -> None:
    progress = Progress(
        log=[Epoch(1, 0.1 + 0.2, 0.1, 1e-3, 1.0, 1.0, 7)], done=3, unchecked=[1 / 3, 0.0], rolled_back_at=7
    )
    assert Progress.of(json.loads(json.dumps(asdict(progress)))) == progress


def test_log_is_one_line_of_json_an_epoch(tmp_path: Path) -> None:
    log = [Epoch(1, 0.5, 0.1, 1e-3, 1.0, 1.0), Epoch(2, 0.4, 0.1, 1e-4, 1.0, 2.0, 7, 0.9)]
    write_log(tmp_path / "work" / "log.jsonl", log)
    lines = (tmp_path / "work" / "log.jsonl").read_text().splitlines()
    assert [Epoch(**json.loads(line)) for line in lines] == log
