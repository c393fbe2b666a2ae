"""A multilayer perceptron of several members that share their weights, for the head on dense features.

Each member scales and shifts every hidden layer's outputs by vectors of its own and has its own output layer, as in
BatchEnsemble and TabM (Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling",
ICLR 2025), but the first product is shared by all members: on thousands of features it is most of the work.
"""

import copy
import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from swapdae.config import Task
from swapdae.nn.device import Device

Array = NDArray[Any]
ROWS = 8192  # rows read at a time
LEAST_DEVIATION = 0.05  # a rare level's column is not blown up beyond 20 times its size


@dataclass(frozen=True)
class MLPConfig:
    """Sizes and schedule; see heads/mlp.py for the meaning of each."""

    width: int
    n_layers: int
    n_members: int
    dropout: float
    learning_rate: float
    weight_decay: float
    batch_size: int
    epochs: int
    patience: int


class Members(nn.Module):
    """Member-wise scale and shift of (batch, n_members, d); scales start at random around 1, so that members differ."""

    def __init__(self, n_members: int, d: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(1 + 0.5 * torch.randn(n_members, d))
        self.shift = nn.Parameter(torch.zeros(n_members, d))

    def forward(self, x: Tensor) -> Tensor:
        # In x's type: mixed with float32, every product of a bfloat16 pass would be float32 and take twice as long.
        return torch.addcmul(self.shift.to(x.dtype), x, self.scale.to(x.dtype))


class Dropout(nn.Module):
    """Drop-out at a rate in steps of 1/256, from one random byte a cell: on a CPU torch's own took half of a step."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.threshold = min(255, round(rate * 256))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not self.threshold:
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        kept = words.view(torch.uint8)[: x.numel()].view(x.shape) >= self.threshold
        return x * (kept.to(x.dtype) * (256 / (256 - self.threshold)))


class MLP(nn.Module):
    """(batch, d_in) -> (batch, n_members, d_out)."""

    def __init__(self, d_in: int, d_out: int, config: MLPConfig) -> None:
        super().__init__()
        widths = [d_in] + [config.width] * config.n_layers
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in itertools.pairwise(widths))
        self.members = nn.ModuleList(Members(config.n_members, config.width) for _ in range(config.n_layers))
        self.dropout = Dropout(config.dropout)
        bound = config.width**-0.5
        self.out_weight = nn.Parameter(torch.empty(config.n_members, config.width, d_out).uniform_(-bound, bound))
        self.out_bias = nn.Parameter(torch.zeros(config.n_members, d_out))

    def forward(self, x: Tensor) -> Tensor:
        x = self.layers[0](x).unsqueeze(1)
        x = self.dropout(self.members[0](x).relu())
        for layer, members in zip(list(self.layers)[1:], list(self.members)[1:], strict=True):
            x = self.dropout(members(layer(x)).relu())
        return torch.einsum("bmd,mdo->bmo", x, self.out_weight.to(x.dtype)) + self.out_bias


class FittedMLP:
    """A trained network with the scaling of its inputs and target."""

    def __init__(self, model: MLP, scaling: "Scaling", task: Task, device: Device) -> None:
        self._model, self._scaling, self._task, self._device = model.eval(), scaling, task, device

    def predict(self, blocks: tuple[Array, ...], rows: Array) -> Array:
        """(n,) for regression and binary, (n, n_classes) for multiclass: the mean over members."""
        with torch.inference_mode():
            parts = [self._mean(x) for x in self._scaling.read(blocks, rows, self._device)]
        return torch.cat(parts).double().cpu().numpy()

    def _mean(self, x: Tensor) -> Tensor:
        with self._device.autocast():
            output: Tensor = self._model(x).float()
        if self._task == "regression":
            mean = output.mean(dim=1)[:, 0] * self._scaling.y_deviation + self._scaling.y_mean
        elif self._task == "binary":
            mean = output.sigmoid().mean(dim=1)[:, 0]
        else:
            mean = output.softmax(dim=2).mean(dim=1)
        return mean


@dataclass(frozen=True)
class Scaling:
    """Standardization by the rows that were fitted on: mean and deviation (d,), and those of a regression's target."""

    mean: Array
    deviation: Array
    y_mean: float
    y_deviation: float

    def read(self, blocks: tuple[Array, ...], rows: Array, device: Device) -> Iterator[Tensor]:
        """The rows, standardized, up to (ROWS, d), on the device and in the type of its matrix products."""
        for x in _read(blocks, rows):
            x -= self.mean
            x /= self.deviation
            yield torch.from_numpy(x).to(device.dtype).to(device.device)


def _read(blocks: tuple[Array, ...], rows: Array) -> Iterator[Array]:
    for start in range(0, len(rows), ROWS):
        part = rows[start : start + ROWS]
        yield np.concatenate([block[part].astype(np.float32) for block in blocks], axis=1)


def _scaling(blocks: tuple[Array, ...], rows: Array, y: Array, task: Task) -> Scaling:
    n, total, squares = len(rows), np.zeros(1), np.zeros(1)
    for x in _read(blocks, rows):
        total = total + x.sum(axis=0, dtype=np.float64)
        squares = squares + np.einsum("ij,ij->j", x, x, dtype=np.float64)
    mean = total / n
    deviation = np.sqrt(np.maximum(squares / n - mean**2, 0))
    deviation[deviation == 0] = 1
    y_mean, y_deviation = (float(y.mean()), float(y.std()) or 1.0) if task == "regression" else (0.0, 1.0)
    least = np.maximum(deviation, LEAST_DEVIATION)
    return Scaling(mean.astype(np.float32), least.astype(np.float32), y_mean, y_deviation)


def fit_mlp(
    blocks: tuple[Array, ...],
    fit: tuple[Array, Array],
    stop: tuple[Array, Array],
    *,
    task: Task,
    n_classes: int,
    absolute: bool,
    config: MLPConfig,
    seed: int,
    device: Device,
) -> FittedMLP:
    """Trains on `fit` (rows, their targets), keeps the weights of the epoch that did best on `stop`.

    absolute: a regression's loss is the absolute error, not the squared. Each member has its own loss.
    """
    scaling = _scaling(blocks, *fit, task)
    with torch.random.fork_rng(devices=[device.device] if device.kind == "cuda" else []):
        torch.manual_seed(seed)
        model = MLP(len(scaling.mean), n_classes if task == "multiclass" else 1, config).to(device.device)
        x, held = (torch.cat(list(scaling.read(blocks, part[0], device))) for part in (fit, stop))
        y, y_held = (_target(part[1], scaling, task, device) for part in (fit, stop))
        best = _train(model, (x, y), (held, y_held), task, absolute, config, device)
    model.load_state_dict(best)
    return FittedMLP(model, scaling, task, device)


def _target(y: Array, scaling: Scaling, task: Task, device: Device) -> Tensor:
    if task == "multiclass":
        return torch.as_tensor(y, dtype=torch.int64, device=device.device)
    scaled = (np.asarray(y, dtype=np.float64) - scaling.y_mean) / scaling.y_deviation
    return torch.as_tensor(scaled, dtype=torch.float32, device=device.device)


def _loss(output: Tensor, y: Tensor, task: Task, absolute: bool) -> Tensor:
    """Mean over batch and members of each member's loss. output: (batch, n_members, d_out)."""
    if task == "multiclass":
        return F.cross_entropy(output.flatten(0, 1), y.repeat_interleave(output.shape[1]))
    each = y[:, None].expand(output.shape[:2])
    if task == "binary":
        return F.binary_cross_entropy_with_logits(output[..., 0], each)
    return F.l1_loss(output[..., 0], each) if absolute else F.mse_loss(output[..., 0], each)


def _train(
    model: MLP,
    fit: tuple[Tensor, Tensor],
    stop: tuple[Tensor, Tensor],
    task: Task,
    absolute: bool,
    config: MLPConfig,
    device: Device,
) -> dict[str, Tensor]:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, fused=True
    )
    scaler = torch.amp.GradScaler(device.kind, enabled=device.dtype is torch.float16)
    x, y = fit
    batch = min(config.batch_size, len(x))
    n_batches = len(x) // batch
    best, best_loss, waited = copy.deepcopy(model.state_dict()), math.inf, 0
    for epoch in range(config.epochs):
        model.train()
        order = torch.randperm(len(x), device=x.device)
        for i in range(n_batches):
            progress = (epoch + i / n_batches) / config.epochs
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * progress))
            rows = order[i * batch : (i + 1) * batch]
            with device.autocast():
                output = model(x[rows])
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(scaler.scale(_loss(output.float(), y[rows], task, absolute)))
            scaler.step(optimizer)
            scaler.update()
        loss = _stop_loss(model, stop, task, absolute, device)
        if loss < best_loss:
            best, best_loss, waited = copy.deepcopy(model.state_dict()), loss, 0
        elif (waited := waited + 1) >= config.patience:
            break
    return best


def _stop_loss(model: MLP, stop: tuple[Tensor, Tensor], task: Task, absolute: bool, device: Device) -> float:
    """The loss of the members' mean output."""
    model.eval()
    with torch.inference_mode(), device.autocast():
        outputs = [model(part).float().mean(dim=1, keepdim=True) for part in torch.split(stop[0], ROWS)]
    return float(_loss(torch.cat(outputs), stop[1], task, absolute))
