"""One training step of the autoencoder: noise, forward, backward, update, on whole batches or in micro-batches."""

import logging
import math
from collections.abc import Callable, Iterator
from typing import TypeVar

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from swapdae.autoencoder.config import DaeConfig, TrainingConfig
from swapdae.autoencoder.cuda_graph import CaptureError, GraphStep
from swapdae.autoencoder.memory import keep_freed_memory, must_fit
from swapdae.autoencoder.network import Autoencoder, autoencoder_loss
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.base.errors import UserError

logger = logging.getLogger(__name__)
Batch = tuple[Tensor, Tensor, Tensor]  # clean inputs, corrupted inputs, corruption mask
State = dict[str, Tensor]  # by flat names: "model.body.layers.0.weight", "optimizer.0.exp_avg", "generator"
Result = TypeVar("Result")


class Step:
    """step(rows) trains on one batch and returns its [loss, share of cells really changed], left on the device.

    Where the device's memory does not hold a batch, it is halved into micro-batches, whose gradients are summed: the
    same step, slower. Raises UserError, with the sizes, if not even one row fits, or noise or optimizer do not.
    With training.cuda_graph the whole step is captured after a few batches and replayed from then on.
    """

    def __init__(self, model: Autoencoder, noise: SwapNoise, config: DaeConfig, device: Device) -> None:
        self.model, self._noise, self._config, self._device = model, noise, config, device
        self.scaler = torch.amp.GradScaler(device.kind, enabled=device.dtype is torch.float16)
        self._captures = config.training.cuda_graph and device.kind == "cuda" and not self.scaler.is_enabled()
        if config.training.cuda_graph and not self._captures:
            # The scaler skips a step on the host's word, which a graph cannot.
            logger.warning("the step cannot be captured as a CUDA graph on %s with %s", device.kind, device.dtype)
        self.optimizer = _optimizer(model, config.training, on_device=self._captures)
        self._graph_step = self._new_graph_step()
        self._micro, self._n_weights = config.training.batch_size, sum(p.numel() for p in model.parameters())
        if device.kind == "cpu":
            keep_freed_memory()

    def set_learning_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def __call__(self, rows: Rows) -> Tensor:
        if self._graph_step is not None:
            try:
                return self._graph_step(rows)
            except CaptureError as error:
                logger.warning("the step cannot be captured as a CUDA graph: %s", error)
                self._graph_step = None
                self.optimizer.zero_grad(set_to_none=True)  # gradients in the graph's memory
        return self._train(rows)

    @torch.no_grad()
    def evaluate(self, rows: Rows) -> tuple[float, float | None]:
        """The mean loss of some rows, which are not trained on, and the AUC of their predicted mask: None where there
        is no mask head, or nothing or everything was corrupted."""
        batch = self._corrupted(rows)
        losses, logits = self._in_parts(lambda: self._outputs(batch), len(rows))
        sizes = [len(part) for part in torch.split(batch[0], self._micro)]
        means = self._device.to_host(losses).tolist()
        loss = sum((mean * size / len(rows) for mean, size in zip(means, sizes, strict=True)), 0.0)
        truth = self._device.to_host(batch[2].flatten())
        if logits is None or truth.all() or not truth.any() or not math.isfinite(loss):
            return loss, None
        return loss, float(roc_auc_score(truth, self._device.to_host(logits.flatten())))

    def state(self) -> State:
        """What training changes, as it is now: the tensors themselves, not copies. The scaler's are there where it is
        enabled, the optimizer's after the first step."""
        state = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, values in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in values.items()}
        for name, value in self.scaler.state_dict().items():
            state[f"scaler.{name}"] = torch.tensor(value)
        state["generator"] = self.generator.get_state()
        return state

    def copy(self) -> State:
        """A state that does not change as the training goes on."""
        return {name: tensor.clone() for name, tensor in self.state().items()}

    def restore(self, state: State) -> None:
        """Go back to `state`, whose tensors may be used from then on. Raises RuntimeError if it is of another model,
        KeyError if it lacks something."""
        self.model.load_state_dict(_under("model.", state))
        moments: dict[int, State] = {}
        for key, value in _under("optimizer.", state).items():
            index, name = key.split(".", 1)
            moments.setdefault(int(index), {})[name] = value
        _check_complete(moments, sum(1 for _ in self.model.parameters()))
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": moments})
        if self.scaler.is_enabled():
            self.scaler.load_state_dict({name: value.item() for name, value in _under("scaler.", state).items()})
        self.generator.set_state(state["generator"])
        if self._graph_step is not None:  # a graph writes to the tensors that it has seen
            self._graph_step = self._new_graph_step()

    @property
    def generator(self) -> torch.Generator:
        return self._noise.generator

    def _new_graph_step(self) -> GraphStep | None:
        return GraphStep(self._train, self._try_once, self.generator) if self._captures else None

    def _train(self, rows: Rows) -> Tensor:
        batch = self._corrupted(rows)
        loss = self._in_parts(lambda: self._gradients(batch), len(rows))
        with must_fit(f"the optimizer's state of {self._n_weights:,} weights", "take a smaller body"):
            return self._update(loss, batch)

    def _try_once(self, rows: Rows) -> Tensor:
        """As `_train`. Raises torch.OutOfMemoryError where that would go on with less: inside a capture it cannot."""
        batch = self._noise(rows)
        return self._update(self._gradients(batch), batch)

    def _corrupted(self, rows: Rows) -> Batch:
        with must_fit(f"a batch of {len(rows):,} rows with its noise", "lower training.batch_size"):
            return self._noise(rows)

    def _in_parts(self, attempt: Callable[[], Result], n: int) -> Result:
        """What `attempt` returns; where memory runs out, it is called again with half as large parts of the n rows."""
        while True:
            try:
                return attempt()
            except torch.OutOfMemoryError:
                self._halve(n)

    def _halve(self, n: int) -> None:
        self._micro = min(self._micro, n)
        if self._micro == 1:
            n_inputs = self.model.layout.n_inputs
            raise UserError(
                f"out of memory: the device does not hold a single row of {n_inputs} inputs beside {self._n_weights:,} "
                "weights and their gradients; take a smaller body"
            ) from None
        logger.warning("out of memory with %d rows at once, going on with half as many", self._micro)
        self._micro = -(-self._micro // 2)

    def _parts(self, batch: Batch) -> Iterator[Batch]:
        clean, corrupted, mask = (torch.split(x, self._micro) for x in batch)
        return zip(clean, corrupted, mask, strict=True)

    def _gradients(self, batch: Batch) -> Tensor:
        """Of the batch's mean loss, which is returned."""
        self.optimizer.zero_grad(set_to_none=True)
        total = batch[0].new_zeros(())
        for clean, corrupted, mask in self._parts(batch):
            loss = len(clean) / len(batch[0]) * self._loss(clean, corrupted, mask)[0]
            torch.autograd.backward(self.scaler.scale(loss))
            total += loss.detach()
        return total

    def _outputs(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Each part's mean loss, (n_parts,), and the mask's logits (batch, n_inputs)."""
        losses, logits = zip(*(self._loss(*part) for part in self._parts(batch)), strict=True)
        return torch.stack(losses), None if logits[0] is None else torch.cat(logits)

    def _loss(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None]:
        """The mean loss of some rows, and their mask's logits."""
        with self._device.autocast():
            output = self.model(corrupted)
            loss = autoencoder_loss(output, clean, mask, self.model.layout, self._config.loss)
        return loss, None if output.mask_logits is None else output.mask_logits.detach().float()

    def _update(self, loss: Tensor, batch: Batch) -> Tensor:
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([loss, batch[2].float().mean()])


def _under(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _check_complete(moments: dict[int, State], n: int) -> None:
    """Raises KeyError where some of n parameters have what others lack: the next step would stumble over it."""
    names = {name for values in moments.values() for name in values}
    for index in range(n):
        for name in sorted(names - moments.get(index, {}).keys()):
            raise KeyError(f"optimizer.{index}.{name}")


def _optimizer(model: torch.nn.Module, config: TrainingConfig, *, on_device: bool) -> torch.optim.Optimizer:
    """on_device: the learning rate and the number of steps are on the device, where a graph finds them."""
    device = next(model.parameters()).device
    rate: float | Tensor = torch.tensor(config.learning_rate, device=device) if on_device else config.learning_rate
    decayed = [p for p in model.parameters() if p.ndim > 1]
    plain = [p for p in model.parameters() if p.ndim <= 1]
    if config.optimizer == "adam":
        return torch.optim.Adam([*decayed, *plain], lr=rate, fused=True, capturable=on_device)
    groups = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, fused=True, capturable=on_device)
