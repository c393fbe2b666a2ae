"""What a head's network predicts: the target as it is fitted, the loss, and predictions from the members' outputs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from swapdae.competition.config import Task
from swapdae.competition.metrics import Loss

Array = NDArray[Any]
LOGARITHMS = ("poisson", "gamma")  # losses of a logarithm
FARTHEST = 20.0  # from the mean, in logarithms, that a prediction may lie


@dataclass(frozen=True)
class Objective:
    """loss_name: what the metric asks for; it tells a regression's losses apart. mean, deviation: what a regression's
    target is shifted and scaled by, of the rows that are fitted on; else 0 and 1. level: of the loss "quantile".

    The outputs of "poisson" and "gamma" are logarithms, so their targets are scaled to a mean of 1 and not shifted.
    """

    task: Task
    n_classes: int
    loss_name: Loss
    mean: float
    deviation: float
    level: float = 0.5

    @staticmethod
    def of(y: Array, task: Task, n_classes: int, loss_name: Loss, level: float = 0.5) -> "Objective":
        """y: the targets of the rows that are fitted on."""
        mean, deviation = (float(y.mean()), float(y.std()) or 1.0) if task == "regression" else (0.0, 1.0)
        if loss_name in LOGARITHMS:
            mean, deviation = 0.0, float(y.mean()) or 1.0
        return Objective(task, n_classes, loss_name, mean, deviation, level)

    @staticmethod
    def weights(weights: Array | None, device: torch.device) -> Tensor | None:
        """(n,) as `loss` takes them: of a mean of 1, so that the learning rate keeps its meaning."""
        if weights is None:
            return None
        return torch.as_tensor(weights / (weights.mean() or 1.0), dtype=torch.float32, device=device)

    @property
    def d_out(self) -> int:
        return self.n_classes if self.task == "multiclass" else 1

    def target(self, y: Array, device: torch.device) -> Tensor:
        """(batch,), as `loss` takes it."""
        if self.task == "multiclass":
            return torch.as_tensor(y, dtype=torch.int64, device=device)
        scaled = (np.asarray(y, dtype=np.float64) - self.mean) / self.deviation
        return torch.as_tensor(scaled, dtype=torch.float32, device=device)

    def loss(self, output: Tensor, y: Tensor, weights: Tensor | None = None) -> Tensor:
        """Mean over batch and members of each member's loss. output: (batch, n_members, d_out). weights: (batch,), of a
        mean of 1 over all rows."""
        each = self._losses(output, y)
        return each.mean() if weights is None else (each * weights[:, None]).mean()

    def _losses(self, output: Tensor, y: Tensor) -> Tensor:
        """(batch, n_members)."""
        if self.task == "multiclass":
            labels = y.repeat_interleave(output.shape[1])
            return F.cross_entropy(output.flatten(0, 1), labels, reduction="none").view(output.shape[:2])
        each = y[:, None].expand(output.shape[:2])
        if self.task == "binary":
            return F.binary_cross_entropy_with_logits(output[..., 0], each, reduction="none")
        return self._regression_losses(output[..., 0], each)

    def _regression_losses(self, output: Tensor, y: Tensor) -> Tensor:
        if self.loss_name == "absolute":
            return F.l1_loss(output, y, reduction="none")
        if self.loss_name == "relative":
            return (output - y).abs() * self.deviation / (y * self.deviation + self.mean).abs()
        if self.loss_name == "quantile":
            return torch.maximum(self.level * (y - output), (self.level - 1) * (y - output))
        if self.loss_name == "poisson":
            return F.poisson_nll_loss(output, y, reduction="none")
        if self.loss_name == "gamma":
            return output + y * torch.exp(-output)
        return F.mse_loss(output, y, reduction="none")

    def prediction(self, output: Tensor) -> Tensor:
        """(batch,) or (batch, n_classes): the mean over members, in the target's own units."""
        if self.loss_name in LOGARITHMS:
            return output[..., 0].clamp(-FARTHEST, FARTHEST).exp().mean(dim=1) * self.deviation
        if self.task == "regression":
            return output.mean(dim=1)[:, 0] * self.deviation + self.mean
        if self.task == "binary":
            return output.sigmoid().mean(dim=1)[:, 0]
        return output.softmax(dim=2).mean(dim=1)
