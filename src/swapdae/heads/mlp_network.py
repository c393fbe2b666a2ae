"""A multilayer perceptron of several members that share their weights, for the head on dense features.

Each member scales and shifts every hidden layer's outputs by vectors of its own and has its own output layer, as in
BatchEnsemble and TabM (Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling",
ICLR 2025), but the first product is shared by all members: on thousands of features it is most of the work.
"""

import copy
import itertools
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save
from torch import Tensor, nn

from swapdae.base.device import Device
from swapdae.base.files import read_json, write_bytes, write_json
from swapdae.base.random import seeded
from swapdae.heads.objective import Objective

Array = NDArray[Any]
RowWeights = tuple[Array | None, Array | None]  # of the rows that are fitted on, and of those that stop
ROWS = 8192  # rows predicted at a time
CACHED_ROWS = 256  # rows read at a time
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


@dataclass(frozen=True)
class Scaling:
    """Standardization by the rows that were fitted on: mean and deviation, float32 (d,)."""

    mean: Tensor
    deviation: Tensor

    @staticmethod
    def of(parts: Iterable[Tensor]) -> "Scaling":
        """parts: of those rows, float32 (n_i, d); their moments are merged in float64 (Chan, Golub, LeVeque 1979)."""
        n, mean, squares = 0, torch.zeros(()), torch.zeros(())
        for x in parts:
            variance, own = (moment.double() for moment in torch.var_mean(x, dim=0, correction=0))
            gap, share = own - mean, len(x) / (n + len(x))
            squares = squares + len(x) * variance + gap.square() * (n * share)
            mean, n = mean + gap * share, n + len(x)
        deviation = (squares / n).sqrt().clamp(min=LEAST_DEVIATION)
        return Scaling(mean.float(), deviation.float())


@dataclass(frozen=True)
class FittedMLP:
    """A trained network of these sizes, and what stands before and behind it."""

    model: nn.Module
    config: MLPConfig
    scaling: Scaling
    objective: Objective
    device: Device

    def predict(self, blocks: tuple[Array, ...], rows: Array) -> Array:
        """(n,) for regression and binary, (n, n_classes) for multiclass: the mean over members."""
        parts = []
        with torch.inference_mode(), self.device.autocast():
            for x in _standardized(blocks, rows, self.scaling, self.device):
                parts.append(self.objective.prediction(self.model(x).float()))
        return self.device.to_host(torch.cat(parts).double())

    def save(self, folder: Path) -> None:
        """See load_mlp."""
        tensors = {f"model.{name}": tensor.contiguous() for name, tensor in self.model.state_dict().items()}
        tensors |= {"mean": self.scaling.mean, "deviation": self.scaling.deviation}
        write_bytes(folder / "model.safetensors", save(tensors))
        write_json(folder / "model.json", {"config": asdict(self.config), "objective": asdict(self.objective)})


def load_mlp(folder: Path, device: Device) -> FittedMLP:
    """What was saved there, on the device."""
    tensors, told = load_file(folder / "model.safetensors"), read_json(folder / "model.json")
    scaling = Scaling(tensors.pop("mean").to(device.device), tensors.pop("deviation").to(device.device))
    config, objective = MLPConfig(**told["config"]), Objective(**told["objective"])
    model = MLP(len(scaling.mean), objective.d_out, config)
    model.load_state_dict({name.removeprefix("model."): tensor for name, tensor in tensors.items()})
    return FittedMLP(model.to(device.device).eval(), config, scaling, objective, device)


def _standardized(blocks: tuple[Array, ...], rows: Array, scaling: Scaling, device: Device) -> Iterator[Tensor]:
    """In the type of the device's matrix products."""
    for x in _read(blocks, rows, device.device):
        yield x.sub_(scaling.mean).div_(scaling.deviation).to(device.dtype)


def _read(blocks: tuple[Array, ...], rows: Array, device: torch.device) -> Iterator[Tensor]:
    """The rows' features on the device, float32, a part at a time that stays in a CPU's cache."""
    for start in range(0, len(rows), CACHED_ROWS):
        part = rows[start : start + CACHED_ROWS]
        yield torch.cat([torch.from_numpy(block[part]).to(device).float() for block in blocks], dim=1)


def fit_mlp(
    blocks: tuple[Array, ...],
    fit: tuple[Array, Array],
    stop: tuple[Array, Array],
    objective: Objective,
    config: MLPConfig,
    *,
    seed: int,
    device: Device,
    weights: RowWeights = (None, None),
) -> FittedMLP:
    """Trains on `fit` (rows, their targets), keeps the weights of the epoch that did best on `stop`. Each member has
    its own loss. weights: of the rows of both."""
    scaling = Scaling.of(_read(blocks, fit[0], device.device))

    with seeded(seed, device):
        model = MLP(len(scaling.mean), objective.d_out, config).to(device.device)
        x, held = (torch.cat(list(_standardized(blocks, rows, scaling, device))) for rows, _ in (fit, stop))
        y, y_held = (objective.target(part[1], device.device) for part in (fit, stop))
        _train(model, (x, y), (held, y_held), objective, config, device, weights)
    return FittedMLP(model.eval(), config, scaling, objective, device)


def _train(
    model: nn.Module,
    fit: tuple[Tensor, Tensor],
    stop: tuple[Tensor, Tensor],
    objective: Objective,
    config: MLPConfig,
    device: Device,
    weights: RowWeights = (None, None),
) -> None:
    """Leaves the model with the weights of the epoch that did best on `stop`. weights: of the rows of both."""
    rate = config.learning_rate
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=config.weight_decay, fused=True)
    scaler = torch.amp.GradScaler(device.kind, enabled=device.dtype is torch.float16)
    x, y = fit
    w, w_held = (objective.weights(part, device.device) for part in weights)
    batch = min(config.batch_size, len(x))
    n_batches = len(x) // batch
    best, best_loss, waited = copy.deepcopy(model.state_dict()), math.inf, 0
    for epoch in range(config.epochs):
        model.train()
        order = torch.randperm(len(x), device=y.device)
        for i in range(n_batches):
            progress = (epoch + i / n_batches) / config.epochs
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * progress))
            rows = order[i * batch : (i + 1) * batch]
            with device.autocast():
                output = model(x[rows])
            optimizer.zero_grad(set_to_none=True)
            loss = objective.loss(output.float(), y[rows], None if w is None else w[rows])
            torch.autograd.backward(scaler.scale(loss))
            scaler.step(optimizer)
            scaler.update()
        stop_loss = _stop_loss(model, (*stop, w_held), objective, device)
        if stop_loss < best_loss:
            best, best_loss, waited = copy.deepcopy(model.state_dict()), stop_loss, 0
        elif (waited := waited + 1) >= config.patience:
            break
    model.load_state_dict(best)


def _stop_loss(
    model: nn.Module, stop: tuple[Tensor, Tensor, Tensor | None], objective: Objective, device: Device
) -> float:
    """The loss of the members' mean output. stop: features, targets, weights."""
    model.eval()
    x, y, weights = stop
    with torch.inference_mode(), device.autocast():
        starts = range(0, len(x), ROWS)
        outputs = [model(x[start : start + ROWS]).float().mean(dim=1, keepdim=True) for start in starts]
    return float(device.to_host(objective.loss(torch.cat(outputs), y, weights)))
