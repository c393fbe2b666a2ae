"""Training of a concrete selector with its decoder: relaxed epochs under falling temperature, then hard ones."""

import copy
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from swapdae.base.device import Device
from swapdae.base.random import seeded
from swapdae.selection.concrete import (
    ConcreteNetwork,
    ConcreteSelection,
    InputColumns,
    overlap,
    temperature,
    unique_selections,
)
from swapdae.selection.concrete_data import Data
from swapdae.selection.concrete_training import ConcreteTraining, SelectorTask

Array = NDArray[Any]
logger = logging.getLogger(__name__)
ROWS = 8192  # rows read at a time
SETTLED, MAX_TRIES = 0.998, 5  # the concrete autoencoder's stopping rule: mean of row maxima, else twice the epochs
START_MARGIN = 5.0  # by how much a warm start's logits stand out: beside 600 columns a probability of .2
RIDGE = 1e-3  # of the closed-form linear part, times the code's mean variance


@dataclass(frozen=True)
class SelectorEpoch:
    """One line of the log; the losses are those of hard selections."""

    epoch: int
    temperature: float  # of the epoch's last step, 0 in the hard epochs
    mean_max: float  # mean over rows of the largest probability, without noise
    n_unique: int
    train_loss: float
    validation_loss: float
    favourites: tuple[int, ...]  # the column that each row would choose


@dataclass(frozen=True)
class FittedConcrete:
    """The network, on the CPU; the k distinct columns in the order of the selector's rows; how many were distinct
    before duplicates were replaced; and the log."""

    network: ConcreteNetwork
    chosen: list[int]
    n_unique: int
    log: list[SelectorEpoch]

    @torch.inference_mode()
    def predict(self, x: Array, device: Device) -> Array:
        """(n, d_out): reconstruction, prediction or class logits from the chosen columns of x, (n, n_inputs), alone."""
        network = self.network if device.kind == "cpu" else copy.deepcopy(self.network).to(device.device)
        chosen = torch.tensor(self.chosen, device=device.device)
        parts = torch.split(torch.as_tensor(x, dtype=torch.float32), ROWS)
        return torch.cat([network.hard(part.to(device.device), chosen) for part in parts]).double().cpu().numpy()


class Tuned(NamedTuple):
    """A decoder after its hard epochs: the least loss on validation rows, its columns, log and weights."""

    loss: float
    chosen: list[int]
    log: list[SelectorEpoch]
    state: dict[str, Tensor]


def fit_concrete(
    train: Data,
    validation: Data,
    columns: InputColumns,
    d_out: int,
    config: ConcreteTraining,
    *,
    seed: int,
    device: Device,
    start: list[int] | None = None,
    refine: Callable[[list[int]], list[list[int]]] | None = None,
) -> FittedConcrete:
    """Train on `train`; of the hard epochs the one that is best on `validation` is kept.

    start: k columns that the rows begin at. refine: takes the k distinct columns that training chose and returns other
    choices; the one that does best on `validation` is kept. The rows of "direct" must settle, see SETTLED.
    Raises FloatingPointError where the loss is not finite.
    """
    until_settled = config.parameterization == "direct"
    with _no_denormals(), seeded(seed, device):
        for attempt in range(MAX_TRIES):
            network = _new_network(columns, d_out, config, device, start)
            log = list(_relaxed_epochs(network, train, validation, config))
            if not until_settled or not log or log[-1].mean_max >= SETTLED or attempt == MAX_TRIES - 1:
                break
            config = config.model_copy(update={"epochs": 2 * config.epochs})
            logger.info("selections have not settled (%.3f), training anew for %d", log[-1].mean_max, config.epochs)
        chosen, n_unique = unique_selections(network.selection.logits().detach().cpu())
        choices = [*([] if refine is None else refine(chosen)), chosen]
        candidates = {frozenset(choice): in_places_of(chosen, choice) for choice in choices}
        relaxed, fitted = copy.deepcopy(network.state_dict()), []
        for candidate in candidates.values():
            network.load_state_dict(relaxed)
            fitted.append(_hard_epochs(network, candidate, train, validation, config, len(log)))
        best = min(fitted, key=lambda tuned: tuned.loss)
    network.load_state_dict(best.state)
    return FittedConcrete(network.eval().cpu(), best.chosen, n_unique, log + best.log)


def in_places_of(chosen: list[int], others: list[int]) -> list[int]:
    """`others` in an order in which those of `chosen` keep their places: the decoder knows a column by its place."""
    new = (column for column in others if column not in chosen)
    return [column if column in others else next(new) for column in chosen]


@contextmanager
def _no_denormals() -> Iterator[None]:
    """At low temperature most gradients and moments are denormal numbers, on which a CPU is three times slower."""
    before = bool(torch.tensor([1e-39]).mul(1.0) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)


def _new_network(
    columns: InputColumns, d_out: int, config: ConcreteTraining, device: Device, start: list[int] | None
) -> ConcreteNetwork:
    n = columns.n_columns
    selection = ConcreteSelection(config.k, n, config.parameterization, config.inner(n))
    if start is not None:
        selection.start_at(start, START_MARGIN)
    return ConcreteNetwork(selection, columns, d_out, config.decoder, config.dropout).to(device.device)


def selector_loss(output: Tensor, target: Tensor, task: SelectorTask) -> Tensor:
    """Mean squared error, or for "classify" cross-entropy. output: (batch, d_out)."""
    return F.cross_entropy(output, target) if task == "classify" else F.mse_loss(output, target)


def _batch_size(n: int, config: ConcreteTraining) -> int:
    """A multiple of the number of samples, each of which serves an equal part."""
    batch = min(config.batch_size, n)
    return batch - batch % config.n_samples(batch)


def _batches(n: int, config: ConcreteTraining, device: torch.device) -> Iterator[Tensor]:
    """Rows of each batch of one epoch; what is left over is for the next."""
    batch = _batch_size(n, config)
    order = torch.randperm(n, device=device)
    return (order[start : start + batch] for start in range(0, n - batch + 1, batch))


def _relaxed_epochs(
    network: ConcreteNetwork, train: Data, validation: Data, config: ConcreteTraining
) -> Iterator[SelectorEpoch]:
    selection = network.selection
    optimizer = torch.optim.Adam(
        [
            {"params": selection.parameters(), "lr": config.rate},
            {"params": network.decoder_parameters(), "lr": config.learning_rate},
        ],
        fused=True,
    )
    n_steps, step = config.epochs * (len(train) // _batch_size(len(train), config)), 0
    heat = config.temperatures[0]
    for epoch in range(config.epochs):
        network.train()
        for rows in _batches(len(train), config, train.x.device):
            heat = temperature(step, n_steps, *config.temperatures)
            logits = selection.logits()
            output = network.soft(train.x[rows], selection.sample(logits, heat, config.n_samples(len(rows))))
            loss = selector_loss(output, train.target[rows], config.task)
            if config.overlap:
                loss = loss + config.overlap * overlap(logits.softmax(dim=1)) / config.k
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
            step += 1
        favourites = selection.logits().detach().argmax(dim=1)
        yield _epoch(network, favourites, train, validation, config.task, epoch, heat)


def _hard_epochs(
    network: ConcreteNetwork,
    chosen: list[int],
    train: Data,
    validation: Data,
    config: ConcreteTraining,
    n_before: int,
) -> Tuned:
    """The decoder alone, on the chosen columns; its linear part starts at the least squares solution."""
    columns = torch.tensor(chosen, device=train.x.device)
    if config.task != "classify":
        network.solve_linear(train.x, train.target, columns, RIDGE)
    optimizer = torch.optim.Adam(network.decoder_parameters(), lr=config.learning_rate, fused=True)
    network.eval()
    with torch.no_grad():
        best_loss = _hard_loss(network, validation, columns, config.task)
    best, log = copy.deepcopy(network.state_dict()), list[SelectorEpoch]()
    for epoch in range(config.decoder_epochs):
        network.train()
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * 0.5 * (1 + math.cos(math.pi * epoch / config.decoder_epochs))
        for rows in _batches(len(train), config, train.x.device):
            loss = selector_loss(network.hard(train.x[rows], columns), train.target[rows], config.task)
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            optimizer.step()
        log.append(_epoch(network, columns, train, validation, config.task, n_before + epoch, 0.0))
        if log[-1].validation_loss < best_loss:
            best, best_loss = copy.deepcopy(network.state_dict()), log[-1].validation_loss
    return Tuned(best_loss, chosen, log, best)


@torch.no_grad()
def _epoch(
    network: ConcreteNetwork,
    chosen: Tensor,
    train: Data,
    validation: Data,
    task: SelectorTask,
    epoch: int,
    heat: float,
) -> SelectorEpoch:
    network.eval()
    loss, held = (_hard_loss(network, data, chosen, task) for data in (train, validation))
    if not math.isfinite(loss):
        raise FloatingPointError(f"the loss is {loss} after epoch {epoch}; lower the learning rate")
    mean_max = float(network.selection.logits().softmax(dim=1).amax(dim=1).mean())
    favourites = tuple(chosen.tolist())
    return SelectorEpoch(epoch, heat, mean_max, len(set(favourites)), loss, held, favourites)


def _hard_loss(network: ConcreteNetwork, data: Data, chosen: Tensor, task: SelectorTask) -> float:
    """Mean over all rows, or over the first ROWS of very many."""
    x, target = data.x[:ROWS], data.target[:ROWS]
    return float(selector_loss(network.hard(x, chosen), target, task))
