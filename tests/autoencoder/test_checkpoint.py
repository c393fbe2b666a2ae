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
from swapdae.autoencoder.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.base.errors import UserError
from swapdae.encoding.encoder import Layout

LAYOUT = Layout((), 0, 3, (), (), ("x", "y", "z"))
ROWS = Rows(
    torch.zeros(4, 0, dtype=torch.int16), torch.zeros(4, 0, dtype=torch.bool), torch.arange(12.0).view(4, 3) / 12
)


def trained(width: int = 3, *, dtype: torch.dtype = torch.float32, seed: int = 5) -> Step:
    """After one step, from weights of its own."""
    config = DaeConfig.model_validate({"body": {"kind": "stack", "width": width}})
    device = Device(torch.device("cpu"), dtype)
    noise = SwapNoise(config.noise, LAYOUT, device.device, device.generator(seed))
    step = Step(Autoencoder(LAYOUT, config), noise, config, device)
    if step.scaler.is_enabled():
        step.scaler.set_growth_interval(2)
    step(ROWS)
    return step


def same(one: Step, other: Step) -> bool:
    a, b = one.state(), other.state()
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_everything_comes_back(tmp_path: Path) -> None:
    saved, file = trained(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved.state(), {"epoch": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    other = trained(seed=6)
    assert not same(saved, other)
    header, start = load_checkpoint(file, other.restore, {"epoch": 3})
    assert header["epoch"] == 3 and header["torch"] == torch.__version__ and start is None
    assert same(saved, other)
    for one in (saved, other):
        one(ROWS)
    assert same(saved, other)


def test_start_of_the_epoch_is_kept_beside(tmp_path: Path) -> None:
    saved, file = trained(), tmp_path / "c.safetensors"
    start = saved.copy()
    saved(ROWS)
    save_checkpoint(file, saved.state(), {}, start)
    other = trained()
    _, found = load_checkpoint(file, other.restore, {})
    assert same(saved, other) and found is not None
    saved.restore(start)
    assert not same(saved, other)
    other.restore(found)
    assert same(saved, other)


def test_float16_goes_on_at_its_loss_scale(tmp_path: Path) -> None:
    saved, file = trained(dtype=torch.float16), tmp_path / "c.safetensors"
    saved(Rows(ROWS.x_cat, ROWS.x_bin, ROWS.x_num * torch.inf))  # a skipped step halves the scale
    saved(ROWS)
    save_checkpoint(file, saved.state(), {})
    other = trained(dtype=torch.float16)
    load_checkpoint(file, other.restore, {})
    assert other.scaler.state_dict() == saved.scaler.state_dict()
    assert saved.scaler.get_scale() == other.scaler.get_scale() == 2.0**15
    for one in (saved, other):
        one(ROWS)  # the second sound step in a row doubles it again
    assert saved.scaler.get_scale() == other.scaler.get_scale() == 2.0**16


def test_damage_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, trained().state(), {})
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(UserError, match="damaged checkpoint"):
        load_checkpoint(file, trained().restore, {})


def test_one_flipped_bit_is_noticed_wherever_it_is(tmp_path: Path) -> None:
    file, step = tmp_path / "c.safetensors", trained()
    save_checkpoint(file, step.state(), {"progress": {"done": 3}})
    whole = file.read_bytes()
    for at in range(0, len(whole), 97):
        flipped = bytearray(whole)
        flipped[at] ^= 1
        file.write_bytes(bytes(flipped))
        with pytest.raises(UserError, match=r"c\.safetensors: .*; delete it to train anew"):
            load_checkpoint(file, step.restore, {})
    number = bytearray(whole)
    number[-5] ^= 64  # of a tensor: nothing but the hash tells
    file.write_bytes(bytes(number))
    with pytest.raises(UserError, match=r"damaged checkpoint \(its content is not what was written\)"):
        load_checkpoint(file, step.restore, {})


@pytest.mark.parametrize("name", ["generator", "optimizer.0.exp_avg", "model.body.layers.0.weight", None])
def test_state_that_lacks_something_is_one_line(tmp_path: Path, name: str | None) -> None:
    file, step = tmp_path / "c.safetensors", trained()
    save_checkpoint(file, {key: tensor for key, tensor in step.state().items() if name not in (key, None)}, {})
    with pytest.raises(UserError, match=r"c\.safetensors: checkpoint .*; delete it to train anew") as caught:
        load_checkpoint(file, step.restore, {})
    assert "\n" not in str(caught.value)


def test_other_contents_are_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "c.safetensors"
    save_checkpoint(file, trained().state(), {"seed": 1})
    with pytest.raises(UserError, match="checkpoint has seed = 1, this run 2"):
        load_checkpoint(file, trained().restore, {"seed": 2})
    with pytest.raises(UserError, match=r"another model: size mismatch"):
        load_checkpoint(file, trained(width=4).restore, {"seed": 1})
    for module, name, key in (
        (checkpoint, "FORMAT", "format"),
        (checkpoint, "__version__", "swapdae"),
        (torch, "__version__", "torch"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, "9.0.0")
            with pytest.raises(UserError, match=rf"checkpoint has {key} = .*, this run '9\.0\.0'; delete it"):
                load_checkpoint(file, trained().restore, {"seed": 1})


def test_leftover_of_a_killed_write_is_ignored(tmp_path: Path) -> None:
    saved, other, file = trained(), trained(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved.state(), {})
    part = tmp_path / ".c.safetensors.part"
    part.write_bytes(b"half a checkp")
    load_checkpoint(file, other.restore, {})
    assert same(saved, other)
    save_checkpoint(file, saved.state(), {})
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
    saved, other, file = trained(), trained(), tmp_path / "c.safetensors"
    save_checkpoint(file, saved.state(), {})
    with pytest.raises(OSError) as failed, small_files():
        save_checkpoint(file, other.state(), {})
    assert failed.value.errno == errno.EFBIG
    assert [path.name for path in tmp_path.iterdir()] == ["c.safetensors"]
    load_checkpoint(file, other.restore, {})
    assert same(saved, other)


def test_file_then_directory_are_brought_to_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def note(descriptor: int) -> None:
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    save_weights(tmp_path / "w.safetensors", nn.Linear(2, 3))
    assert synced == [".w.safetensors.part", tmp_path.name]
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
