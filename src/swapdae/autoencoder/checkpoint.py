"""A training's whole state in one safetensors file: tensors, and a JSON header for the rest. No pickle."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from swapdae import __version__
from swapdae.base.errors import UserError

FORMAT = 2

State = dict[str, Tensor]  # by flat names: "model.body.layers.0.weight", "optimizer.0.exp_avg", "generator"


@dataclass(frozen=True)
class Parts:
    """What a training changes as it goes. The scaler's state is empty where it is not enabled."""

    model: nn.Module
    optimizer: torch.optim.Optimizer
    generator: torch.Generator
    scaler: torch.amp.GradScaler

    def state(self) -> State:
        """The parts' own tensors, not copies of them."""
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
        """Go back to `state`, which may be lent to the parts. Raises RuntimeError if it is of another model."""
        self.model.load_state_dict(_under("model.", state))
        values: dict[int, State] = {}
        for key, value in _under("optimizer.", state).items():
            index, name = key.split(".", 1)
            values.setdefault(int(index), {})[name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": values})
        if self.scaler.is_enabled():
            self.scaler.load_state_dict({name: value.item() for name, value in _under("scaler.", state).items()})
        self.generator.set_state(state["generator"])


def _under(prefix: str, state: State) -> State:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def save_checkpoint(file: Path, parts: Parts, header: dict[str, Any], start: State | None = None) -> None:
    """Write beside, bring to the disk, then rename: a file that exists is whole, also after a power cut.

    start: the state to go back to where that is not the present one. Raises OSError, for instance where the disk is
    full; the file that was there before stays, and nothing is left beside it.
    """
    states = {"now": parts.state()} | ({} if start is None else {"start": start})
    tensors = {f"{which}.{name}": tensor.contiguous() for which, s in states.items() for name, tensor in s.items()}
    meta = {"format": FORMAT, "swapdae": __version__, "torch": torch.__version__, **header}
    _write(file, tensors, {"header": json.dumps(meta)})


def _write(file: Path, tensors: State, metadata: dict[str, str]) -> None:
    # Not by save_file: killed half-way, that leaves a file of its own naming behind, which no one would sweep away.
    aside = file.with_name(file.name + ".part")
    try:
        with aside.open("wb") as out:
            out.write(save(tensors, metadata))
            out.flush()
            os.fsync(out.fileno())
        aside.replace(file)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    directory = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(directory)  # the new name, too, is to outlast a power cut
    finally:
        os.close(directory)


def load_checkpoint(file: Path, parts: Parts, expected: dict[str, Any]) -> tuple[dict[str, Any], State | None]:
    """Restore the parts and return the header, and the start that was saved with them.

    Raises UserError, with the reason, for a damaged file, another format, swapdae or torch version, a header that
    differs from `expected` in one of its keys, or another model's shapes.
    """
    try:
        with safe_open(file, framework="pt") as stored:
            header = json.loads((stored.metadata() or {}).get("header", "{}"))
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{file}: damaged checkpoint ({error}); delete it to train anew") from None
    wanted = {"format": FORMAT, "swapdae": __version__, "torch": torch.__version__, **expected}
    for key, value in wanted.items():
        if header.get(key) != value:
            raise UserError(
                f"{file}: checkpoint has {key} = {header.get(key)!r}, this run {value!r}; delete it to train anew"
            )
    try:
        parts.restore(_under("now.", tensors))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: checkpoint of another model: {reason}; delete it to train anew") from None
    return dict(header), _under("start.", tensors) or None


def save_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone."""
    _write(file, {name: tensor.contiguous() for name, tensor in model.state_dict().items()}, {})


def load_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone, in place. Raises UserError for a damaged file or another network's weights."""
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: cannot be read ({error}); delete the stage's folder to make it anew") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: weights of another network: {reason}; delete the stage's folder") from None
