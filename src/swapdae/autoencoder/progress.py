"""How far a training has come: its log, the sums of the epoch under way, and the yardstick of an exploding loss."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from swapdae.base.files import write_text

CHECK_EVERY = 50  # steps between two checks of the loss: each makes a GPU wait for the CPU
EXPLODED = 10.0  # a mean loss this many times the best one so far is no fluctuation
SAME = 2.0  # losses of the same rows within this ratio: a tenth of the rate has not changed them


@dataclass(frozen=True)
class Epoch:
    """One line of the training log: means over the epoch's batches."""

    epoch: int
    loss: float
    corrupted: float  # share of input cells that really changed
    learning_rate: float
    rows_per_s: float
    seconds: float  # spent in training so far, earlier runs included
    rolled_back_at: int | None = None  # step whose loss had exploded; since then the rate is a tenth of its schedule
    mask_auc: float | None = None  # of the predicted mask, on one batch at the epoch's end; None without a mask head


def write_log(file: Path, log: Iterable[Epoch]) -> None:
    """Write a training log as JSON lines, one an epoch."""
    write_text(file, "".join(json.dumps(vars(epoch)) + "\n" for epoch in log))


@dataclass
class Progress:
    """What a training knows of itself beside its tensors; it goes into a checkpoint's header.

    Pairs are loss and share of corrupted cells, summed over steps.
    """

    log: list[Epoch] = field(default_factory=list)
    done: int = 0  # steps of the epoch under way
    checked: int = 0  # of these, the ones whose loss has been checked
    totals: list[float] = field(default_factory=lambda: [0.0, 0.0])  # of the steps checked
    unchecked: list[float] = field(default_factory=lambda: [0.0, 0.0])  # of the others
    first: float = math.inf  # loss of the first step, which the untrained network made
    best: float = math.inf  # smallest mean loss between two checks
    began: float = 0.0  # seconds of training before this epoch
    seconds: float = 0.0  # seconds of training
    rolled_back_at: int | None = None
    alarm: float = math.inf  # the loss it went back for

    @staticmethod
    def of(header: dict[str, Any]) -> "Progress":
        return Progress(**{**header, "log": [Epoch(**epoch) for epoch in header["log"]]})

    def check_is_due(self, n_batches: int) -> bool:
        """After the very first step and every CHECK_EVERY; an epoch's last check takes in what is left over."""
        left = n_batches - self.done
        return left == 0 or (self.done % CHECK_EVERY == 0 and left >= CHECK_EVERY) or (self.done == 1 and not self.log)

    def check(self, unchecked: list[float]) -> float:
        """Take in the sums over the steps not checked yet; returns their mean loss."""
        mean = unchecked[0] / (self.done - self.checked)
        self.totals = [a + b for a, b in zip(self.totals, unchecked, strict=True)]
        self.checked = self.done
        if not self.explodes(mean):
            self.first = mean if math.isinf(self.first) else self.first
            self.best = min(self.best, mean)
        return mean

    def explodes(self, loss: float) -> bool:
        """Whether a mean loss is not finite, or far above the best so far and above the untrained network's."""
        return not math.isfinite(loss) or loss > max(EXPLODED * self.best, self.first)

    def is_of_its_rows(self, step: int, loss: float) -> bool:
        """Whether the step that it went back for costs the same again at a tenth of the rate. Then its rows are far
        from all others, and no rate would help."""
        return step == self.rolled_back_at and math.isfinite(loss) and self.alarm / SAME < loss < self.alarm * SAME

    def forgive(self, loss: float) -> None:
        """Take the alarm for a false one: the rate is that of its schedule again, and a loss up to EXPLODED times this
        one is no alarm from now on."""
        self.first, self.rolled_back_at = EXPLODED * loss, None

    def begin_epoch(self) -> None:
        """To the epoch's start, whose number is that of the epochs in the log."""
        self.done = self.checked = 0
        self.totals = [0.0, 0.0]
        self.began = self.seconds
