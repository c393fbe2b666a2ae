"""A training's whole state in one safetensors file: tensors, and a JSON header for the rest. No pickle."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import nn

from swapdae import __version__
from swapdae.autoencoder.step import State
from swapdae.base.errors import UserError
from swapdae.base.files import write_bytes

FORMAT = 3


def save_checkpoint(file: Path, state: State, header: dict[str, Any], start: State | None = None) -> None:
    """Write a training's state in one step: a file that exists is whole, also after a power cut.

    start: the state to go back to where that is not the present one. Raises OSError, for instance where the disk is
    full; the file that was there before stays, and nothing is left beside it.
    """
    tensors = {f"now.{name}": tensor.contiguous() for name, tensor in state.items()}
    tensors |= {f"start.{name}": tensor.contiguous() for name, tensor in (start or {}).items()}
    text = json.dumps({"format": FORMAT, "swapdae": __version__, "torch": torch.__version__, **header})
    write_bytes(file, save(tensors, {"header": text, "sha256": _sha256(text, tensors)}))


def load_checkpoint(
    file: Path, restore: Callable[[State], None], expected: dict[str, Any]
) -> tuple[dict[str, Any], State | None]:
    """Hand the state to `restore` and return the header, and the start that was saved with it.

    Raises UserError, with the reason, for a damaged file, another format, swapdae or torch version, a header that
    differs from `expected` in one of its keys, another model's shapes, or a state that lacks something.
    """
    header, tensors = _read(file)
    wanted = {"format": FORMAT, "swapdae": __version__, "torch": torch.__version__, **expected}
    for key, value in wanted.items():
        if header.get(key) != value:
            raise UserError(
                f"{file}: checkpoint has {key} = {header.get(key)!r}, this run {value!r}; delete it to train anew"
            )
    states: dict[str, State] = {"now": {}, "start": {}}
    for name, tensor in tensors.items():
        which, inner = name.split(".", 1)
        states.setdefault(which, {})[inner] = tensor
    try:
        restore(states["now"])
    except KeyError as error:
        raise UserError(f"{file}: checkpoint lacks {error}; delete it to train anew") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: checkpoint of another model: {reason}; delete it to train anew") from None
    return header, states["start"] or None


def _read(file: Path) -> tuple[dict[str, Any], State]:
    """Header and tensors. Raises UserError where they are not as they were written."""
    try:
        with safe_open(file, framework="pt") as stored:
            metadata = stored.metadata() or {}
            tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118 (not a dict)
        text = metadata["header"]
        header: dict[str, Any] = json.loads(text)
        if header["format"] == FORMAT and metadata["sha256"] != _sha256(text, tensors):
            raise ValueError("its content is not what was written")
    except (SafetensorError, OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{file}: damaged checkpoint ({error}); delete it to train anew") from None
    return header, tensors


def _sha256(header: str, tensors: State) -> str:
    """Of the header and every tensor's name, type, shape and bytes."""
    found = hashlib.sha256(header.encode())
    for name, tensor in sorted(tensors.items()):
        found.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        found.update(tensor.cpu().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()


def save_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone."""
    write_bytes(file, save({name: tensor.contiguous() for name, tensor in model.state_dict().items()}))


def load_weights(file: Path, model: nn.Module) -> None:
    """A network's weights alone, in place. Raises UserError for a damaged file or another network's weights."""
    try:
        model.load_state_dict(load_file(file))
    except (SafetensorError, OSError) as error:
        raise UserError(f"{file}: cannot be read ({error}); delete the stage's folder to make it anew") from None
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise UserError(f"{file}: weights of another network: {reason}; delete the stage's folder") from None
