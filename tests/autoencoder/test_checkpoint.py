"""Checkpoints: everything comes back, what does not fit is refused, what is there survives a failing write."""

import errno
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from swapdae.autoencoder import checkpoint
from swapdae.autoencoder.checkpoint import Parts, load_checkpoint, load_weights, save_checkpoint, save_weights
from swapdae.base.errors import UserError


def parts(width: int = 3, *, float16: bool = False) -> Parts:
    model = nn.Linear(2, width)
    optimizer = torch.optim.AdamW(model.parameters())
    scaler = torch.amp.GradScaler("cpu", enabled=float16, growth_interval=2)
    new = Parts(model, optimizer, torch.Generator().manual_seed(5), scaler)
    step(new)
    return new


def step(of: Parts, x: float = 1.0) -> None:
    of.optimizer.zero_grad()
    torch.autograd.backward(of.scaler.scale(of.model(torch.full((4, 2), x)).sum()))
    of.scaler.step(of.optimizer)
    of.scaler.update()


def same(one: Parts, other: Parts) -> bool:
    a, b = one.state(), other.state()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved, file = parts(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved, {"epoch": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    other = parts()
    assert not same(saved, other)
    header, start = load_checkpoint(file, other, {"epoch": 3})
    assert header["epoch"] == 3 and header["torch"] == torch.__version__ and start is None
    assert same(saved, other)
    assert torch.equal(torch.rand(3, generator=saved.generator), torch.rand(3, generator=other.generator))
    for one in (saved, other):
        step(one)
    assert same(saved, other)


def test_start_of_the_epoch_is_kept_beside(tmp_path: Path) -> None:
    saved, file = parts(), tmp_path / "c.safetensors"
    start = saved.copy()
    step(saved)
    save_checkpoint(file, saved, {}, start)
    other = parts()
    _, found = load_checkpoint(file, other, {})
    assert same(saved, other) and found is not None
    saved.restore(start)
    assert not same(saved, other)
    other.restore(found)
    assert same(saved, other)


def test_state_before_the_first_step_can_be_gone_back_to() -> None:
    model = nn.Linear(2, 3)
    one = Parts(model, torch.optim.AdamW(model.parameters()), torch.Generator(), torch.amp.GradScaler(enabled=False))
    start = one.copy()
    step(one)
    first = one.copy()
    one.restore(start)
    assert not one.optimizer.state_dict()["state"]
    step(one)
    assert all(torch.equal(first[name], tensor) for name, tensor in one.state().items())


def test_float16_goes_on_at_its_loss_scale(tmp_path: Path) -> None:
    saved, file = parts(float16=True), tmp_path / "c.safetensors"
    step(saved, x=torch.inf)  # a skipped step halves the scale
    step(saved)
    save_checkpoint(file, saved, {})
    other = parts(float16=True)
    load_checkpoint(file, other, {})
    assert other.scaler.state_dict() == saved.scaler.state_dict()
    assert saved.scaler.get_scale() == other.scaler.get_scale() == 2.0**15
    for one in (saved, other):
        step(one)  # the second sound step in a row doubles it again
    assert saved.scaler.get_scale() == other.scaler.get_scale() == 2.0**16


def test_damage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, parts(), {})
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged checkpoint"):
        load_checkpoint(file, parts(), {})


def test_other_contents_are_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, parts(), {"seed": 1})
    with pytest.raises(UserError, match="checkpoint has seed = 1, this run 2"):
        load_checkpoint(file, parts(), {"seed": 2})
    with pytest.raises(UserError, match=r"another model: size mismatch"):
        load_checkpoint(file, parts(width=4), {"seed": 1})
    for module, name, key in (
        (checkpoint, "FORMAT", "format"),
        (checkpoint, "__version__", "swapdae"),
        (torch, "__version__", "torch"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, "9.0.0")
            with pytest.raises(UserError, match=rf"checkpoint has {key} = .*, this run '9\.0\.0'; delete it"):
                load_checkpoint(file, parts(), {"seed": 1})


def test_leftover_of_a_killed_write_is_ignored(tmp_path: Path) -> None:
    saved, other, file = parts(), parts(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved, {})
    part = tmp_path / "c.safetensors.part"
    part.write_bytes(b"half a checkp")
    load_checkpoint(file, other, {})
    assert same(saved, other)
    save_checkpoint(file, saved, {})
    assert not part.exists()


@contextmanager
def small_files() -> Iterator[None]:
    """No file of this process can grow beyond 1 kB: a full disk, for one who writes, the tests' own log included."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_full_disk_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    saved, other, file = parts(), parts(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved, {})
    with pytest.raises(OSError) as failed, small_files():
        save_checkpoint(file, other, {})
    assert failed.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    load_checkpoint(file, other, {})
    assert same(saved, other)


def test_file_then_directory_are_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    save_weights(tmp_path / "w.safetensors", nn.Linear(2, 3))
    assert synced == ["w.safetensors.part", tmp_path.name]
    assert set(load_file(tmp_path / "w.safetensors")) == {"weight", "bias"}


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
