from pathlib import Path

import pytest
import torch
from torch import nn

from swapdae.errors import UserError
from swapdae.nn import checkpoint
from swapdae.nn.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights


def parts(width: int = 3) -> tuple[nn.Module, torch.optim.Optimizer, torch.Generator]:
    model = nn.Linear(2, width)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    return model, optimizer, torch.Generator().manual_seed(5)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved, file = parts(), tmp_path / "c.safetensors"
    save_checkpoint(file, *saved, {"epoch": 3})
    assert not list(tmp_path.glob("*.part"))
    expected = torch.rand(3, generator=saved[2])
    model, optimizer, generator = parts()
    header = load_checkpoint(file, model, optimizer, generator, {"epoch": 3})
    assert header["epoch"] == 3 and header["torch"] == torch.__version__
    assert torch.equal(model.state_dict()["weight"], saved[0].state_dict()["weight"])
    assert torch.equal(torch.rand(3, generator=generator), expected)
    old, new = saved[1].state_dict()["state"], optimizer.state_dict()["state"]
    assert all(torch.equal(old[i][name], new[i][name]) for i in old for name in old[i])


def test_damage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, *parts(), {})
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged checkpoint"):
        load_checkpoint(file, *parts(), {})


def test_other_contents_are_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, *parts(), {"seed": 1})
    with pytest.raises(UserError, match="checkpoint has seed = 1, this run 2"):
        load_checkpoint(file, *parts(), {"seed": 2})
    with pytest.raises(UserError, match=r"another model: size mismatch"):
        load_checkpoint(file, *parts(width=4), {"seed": 1})
    monkeypatch.setattr(checkpoint, "FORMAT", 2)
    with pytest.raises(UserError, match="checkpoint has format = 1, this run 2"):
        load_checkpoint(file, *parts(), {"seed": 1})


def test_weights_come_back_and_no_others(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    saved = nn.Linear(2, 3)
    save_weights(file, saved)
    model = nn.Linear(2, 3)
    load_weights(file, model)
    assert torch.equal(model.weight, saved.weight) and torch.equal(model.bias, saved.bias)
    with pytest.raises(UserError, match="weights of another network"):
        load_weights(file, nn.Linear(2, 4))
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(file, model)
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(tmp_path / "none.safetensors", model)
