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


@dataclass(frozen=True)
class Objective:
    """loss_name: what the metric asks for; it tells a regression's two losses apart. mean, deviation: of a regression's
    target on the rows that are fitted on; else 0 and 1."""

    task: Task
    n_classes: int
    loss_name: Loss
    mean: float
    deviation: float

    @staticmethod
    def of(y: Array, task: Task, n_classes: int, loss_name: Loss) -> "Objective":
        """y: the targets of the rows that are fitted on."""
        mean, deviation = (float(y.mean()), float(y.std()) or 1.0) if task == "regression" else (0.0, 1.0)
        return Objective(task, n_classes, loss_name, mean, deviation)

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
        loss = F.l1_loss if self.loss_name == "absolute" else F.mse_loss
        return loss(output[..., 0], each, reduction="none")

    def prediction(self, output: Tensor) -> Tensor:
        """(batch,) or (batch, n_classes): the mean over members, in the target's own units."""
        if self.task == "regression":
            return output.mean(dim=1)[:, 0] * self.deviation + self.mean
        if self.task == "binary":
            return output.sigmoid().mean(dim=1)[:, 0]
        return output.softmax(dim=2).mean(dim=1)
