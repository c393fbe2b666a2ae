"""One training step of the autoencoder: noise, forward, backward, update, on whole batches or in micro-batches."""

import ctypes
import logging
import math
import sys
from collections.abc import Callable

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from swapdae.autoencoder.config import DaeConfig, TrainingConfig
from swapdae.autoencoder.network import Autoencoder, autoencoder_loss
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device

logger = logging.getLogger(__name__)
WARM_UP = 3  # batches before the recording


class Step:
    """step(rows) trains on one batch and returns its [loss, share of cells really changed], left on the device.

    Where the device's memory does not hold a batch, it is halved into micro-batches, whose gradients are summed: the
    same step, slower. Raises torch.OutOfMemoryError if not even one row fits.
    With training.cuda_graph the whole step is recorded after a few batches and replayed from then on.
    """

    def __init__(self, model: Autoencoder, noise: SwapNoise, config: DaeConfig, device: Device) -> None:
        self._model, self._noise, self._config, self._device = model, noise, config, device
        self.scaler = torch.amp.GradScaler(device.kind, enabled=device.dtype is torch.float16)
        # The scaler skips a step on the host's word, which a recording cannot.
        recorded = config.training.cuda_graph and not self.scaler.is_enabled()
        self.optimizer = _optimizer(model, config.training, on_device=recorded and device.kind == "cuda")
        self._recording = Recording(self._eager, noise.generator) if recorded else None
        if self._recording is not None:  # a recording writes to the tensors that it has seen
            self.optimizer.register_load_state_dict_post_hook(lambda _: self._record_anew())
        self._micro = config.training.batch_size
        if device.kind == "cpu":
            _keep_freed_memory()

    def set_learning_rate(self, rate: float) -> None:
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def __call__(self, rows: Rows) -> Tensor:
        if self._recording is not None:
            try:
                return self._recording(rows)
            except RuntimeError as error:
                logger.warning("the step cannot be recorded as a CUDA graph: %s", str(error).splitlines()[0])
                self._recording = None
        return self._eager(rows)

    def _record_anew(self) -> None:
        if self._recording is not None:
            self._recording = Recording(self._eager, self._noise.generator)

    def _eager(self, rows: Rows) -> Tensor:
        clean, corrupted, mask = self._noise(rows)
        while (loss := self._gradients(clean, corrupted, mask)) is None:
            pass
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return torch.stack([loss, mask.float().mean()])

    def _gradients(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> Tensor | None:
        """Of the batch's mean loss, which is returned; None if memory ran out, and less is to be tried at once."""
        self.optimizer.zero_grad(set_to_none=True)
        total = clean.new_zeros(())
        try:
            for clean_part, corrupted_part, mask_part in zip(
                *(torch.split(x, self._micro) for x in (clean, corrupted, mask)), strict=True
            ):
                total += self._part(clean_part, corrupted_part, mask_part, len(clean_part) / len(clean))
        except torch.OutOfMemoryError:
            self._micro = min(self._micro, len(clean))
            if self._micro == 1:
                raise
            logger.warning("out of memory with %d rows at once, going on with half as many", self._micro)
            self._micro = -(-self._micro // 2)
            return None
        return total

    def _part(self, clean: Tensor, corrupted: Tensor, mask: Tensor, share: float) -> Tensor:
        """Adds the gradients of some rows' mean loss, weighed by their share of the batch; returns that loss."""
        loss = share * self._loss(clean, corrupted, mask)
        torch.autograd.backward(self.scaler.scale(loss))
        return loss.detach()

    def _loss(self, clean: Tensor, corrupted: Tensor, mask: Tensor) -> Tensor:
        with self._device.autocast():
            output = self._model(corrupted)
            return autoencoder_loss(output, clean, mask, self._model.layout, self._config.loss)

    @torch.no_grad()
    def look(self, rows: Rows) -> tuple[float, float | None]:
        """The mean loss of some rows, which are not trained on, and the AUC of their predicted mask: None where there
        is no mask head, or nothing or everything was corrupted."""
        loss, logits, batch = 0.0, [], self._noise(rows)
        for clean, corrupted, mask in zip(*(torch.split(x, self._micro) for x in batch), strict=True):
            with self._device.autocast():
                output = self._model(corrupted)
                part = autoencoder_loss(output, clean, mask, self._model.layout, self._config.loss)
            loss += float(part) * len(clean) / len(rows)
            if output.mask_logits is not None:
                logits.append(output.mask_logits.float())
        truth = batch[2].flatten().cpu().numpy()
        if not logits or truth.all() or not truth.any() or not math.isfinite(loss):
            return loss, None
        return loss, float(roc_auc_score(truth, torch.cat(logits).flatten().cpu().numpy()))


class Recording:
    """A step as one CUDA graph: nothing is launched or decided by the host but its replay.

    The first batches are run as they are, on a stream aside, so that everything is allocated; then one is recorded.
    Raises RuntimeError where that fails, having changed nothing.
    """

    def __init__(self, step: Callable[[Rows], Tensor], generator: torch.Generator) -> None:
        self._step, self._generator, self._n_warm = step, generator, 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, rows: Rows) -> Tensor:
        if self._graph is None and self._n_warm < WARM_UP and torch.cuda.is_available():
            self._n_warm += 1
            return self._aside(rows)
        if self._graph is None:
            self._graph = self._record(rows)
        self._rows.x_cat.copy_(rows.x_cat)
        self._rows.x_bin.copy_(rows.x_bin)
        self._rows.x_num.copy_(rows.x_num)
        self._graph.replay()
        return self._result.clone()

    def _aside(self, rows: Rows) -> Tensor:
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            result = self._step(rows)
        torch.cuda.current_stream().wait_stream(stream)
        return result

    def _record(self, rows: Rows) -> torch.cuda.CUDAGraph:
        graph = torch.cuda.CUDAGraph()
        graph.register_generator_state(self._generator)
        self._rows = Rows(rows.x_cat.clone(), rows.x_bin.clone(), rows.x_num.clone())
        with torch.cuda.graph(graph):
            self._result = self._step(self._rows)
        return graph


def _optimizer(model: torch.nn.Module, config: TrainingConfig, *, on_device: bool) -> torch.optim.Optimizer:
    """on_device: the learning rate and the number of steps are on the device, where a recording finds them."""
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


def _keep_freed_memory() -> None:
    """Tell glibc to keep up to 256 MB of freed memory: the activations of every step would else be given back to the
    system and fetched anew, which took a fifth of a step (9,000 page faults)."""
    if sys.platform == "linux":
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(-3, 32 << 20)  # M_MMAP_THRESHOLD: its largest
            mallopt(-1, 256 << 20)  # M_TRIM_THRESHOLD
