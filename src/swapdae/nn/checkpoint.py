"""A training's whole state in one safetensors file: weights, optimizer, generator, and a JSON header. No pickle."""

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from swapdae.errors import UserError

FORMAT = 1


def save_checkpoint(
    file: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    header: dict[str, Any],
) -> None:
    """Write beside, then rename: a file that exists is whole."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for index, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{name}": torch.as_tensor(value) for name, value in state.items()}
    tensors["generator"] = generator.get_state()
    meta = {"format": FORMAT, "torch": torch.__version__, **header}
    aside = file.with_name(file.name + ".part")
    save_file({k: v.contiguous() for k, v in tensors.items()}, aside, {"header": json.dumps(meta)})
    with aside.open("rb") as written:
        os.fsync(written.fileno())
    aside.replace(file)


def load_checkpoint(
    file: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
    expected: dict[str, Any],
) -> dict[str, Any]:
    """Restore all three in place and return the header.

    Raises UserError, with the reason, for a damaged file, another format or torch version, a header that differs
    from `expected` in one of its keys, or another model's shapes.
    """
    try:
        with safe_open(file, framework="pt") as stored:
            header = json.loads((stored.metadata() or {}).get("header", "{}"))
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{file}: damaged checkpoint ({error}); delete it to train anew") from None
    for key, value in {"format": FORMAT, "torch": torch.__version__, **expected}.items():
        if header.get(key) != value:
            raise UserError(
                f"{file}: checkpoint has {key} = {header.get(key)!r}, this run {value!r}; delete it to train anew"
            )
    weights = {k.removeprefix("model."): v for k, v in tensors.items() if k.startswith("model.")}
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: checkpoint of another model: {reason}; delete it to train anew") from None
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    generator.set_state(tensors["generator"])
    return dict(header)


def save_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone."""
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, file)


def load_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone, in place. Raises UserError for a damaged file or another network's weights."""
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: cannot be read ({error}); delete the stage's folder to make it anew") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: weights of another network: {reason}; delete the stage's folder") from None
