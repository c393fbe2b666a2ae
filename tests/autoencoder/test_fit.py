"""The training loop: it learns, is seeded, and resumes from its checkpoint to the bit."""

import errno
import itertools
import json
import math
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open

from swapdae.autoencoder import training
from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.progress import Epoch, Progress
from swapdae.autoencoder.training import learning_rate
from swapdae.base.device import Device, resolve_device
from swapdae.base.errors import UserError
from swapdae.encoding.encoder import Codes, Layout

CPU = Device(torch.device("cpu"), torch.float32)
LAYOUT = Layout((3, 4), 1, 3, ("a", "b"), ("x",), ("x", "y", "z"))


def codes(n: int) -> Codes:
    rng = np.random.default_rng(0)
    x_cat = np.column_stack([rng.integers(1, 4, n), rng.integers(1, 5, n)]).astype(np.int16)
    return Codes(x_cat, rng.random((n, 1)) < 0.2, rng.normal(size=(n, 3)).astype(np.float32))


def config(epochs: int = 4, **training: object) -> DaeConfig:
    sizes = {"epochs": epochs, "batch_size": 16, **training}
    return DaeConfig.model_validate({"body": {"kind": "stack", "width": 32}, "training": sizes})


def features(model: Autoencoder, of: Codes, batch_size: int = 4096) -> np.ndarray:
    return np.concatenate(list(read_features(model, of, LAYOUT, CPU, batch_size)))


def same_weights(one: Autoencoder, other: Autoencoder) -> bool:
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_learns_32_rows_by_heart() -> None:
    heart = config(400, learning_rate=1e-2, batch_size=32).model_copy(
        update={"noise": DaeConfig().noise.model_copy(update={"categorical": 0.0, "numerical": 0.0})}
    )
    _, log = fit_autoencoder(codes(32), LAYOUT, heart, seed=0, device=CPU, show_progress=False)
    assert log[-1].loss < 0.01 < 0.1 < log[0].loss
    assert log[-1].corrupted == 0


def test_log_tells_how_well_the_mask_is_found() -> None:
    x, told = codes(256), config(10, learning_rate=1e-2)
    only_numbers = told.noise.model_copy(update={"categorical": 0.0, "numerical": 0.3})
    told = told.model_copy(update={"noise": only_numbers, "loss": told.loss.model_copy(update={"mask": 2.0})})
    _, log = fit_autoencoder(x, LAYOUT, told, seed=0, device=CPU, show_progress=False)
    first, last = log[0].mask_auc, log[-1].mask_auc
    assert first is not None and last is not None and last > max(0.8, first)
    _, log = fit_autoencoder(x, LAYOUT, config(1), seed=0, device=CPU, show_progress=False)
    assert log[0].mask_auc is None  # there is no mask head


@pytest.mark.parametrize("n", [1, 15, 40])
def test_any_number_of_rows_trains(n: int) -> None:
    model, log = fit_autoencoder(codes(n), LAYOUT, config(1), seed=0, device=CPU, show_progress=False)
    assert np.isfinite(log[-1].loss) and features(model, codes(n)).shape == (n, 96)


def test_features_do_not_depend_on_the_batch() -> None:
    model, _ = fit_autoencoder(codes(50), LAYOUT, config(1), seed=0, device=CPU, show_progress=False)
    assert np.allclose(features(model, codes(50)), features(model, codes(50), batch_size=7), atol=1e-5)


def interrupted_at(
    monkeypatch: pytest.MonkeyPatch,
    steps: list[int],
    wanted: DaeConfig,
    work: Path,
    number: int = signal.SIGINT,
    rows: Codes | None = None,
) -> tuple[Autoencoder, list[Epoch]]:
    """Network and log of a training that a signal ends in each of `steps`, counted by calls, and that is resumed."""
    rows = codes(50) if rows is None else rows
    for step in [*steps, None]:
        calls = itertools.count()

        def rate(*arguments: Any, at: int | None = step, calls: Iterator[int] = calls) -> float:
            if next(calls) == at:
                signal.raise_signal(number)
            return learning_rate(*arguments)

        monkeypatch.setattr(training, "learning_rate", rate)
        with pytest.raises(KeyboardInterrupt) if step is not None else nullcontext():
            found = fit_autoencoder(rows, LAYOUT, wanted, seed=1, device=CPU, work=work, show_progress=False)
    monkeypatch.undo()
    return found


def progress(work: Path) -> dict[str, Any]:
    with safe_open(work / "checkpoint.safetensors", framework="pt") as stored:
        found: dict[str, Any] = json.loads(stored.metadata()["header"])["progress"]
    return found


# 50 rows in batches of 8 are 6 steps an epoch: the first step, the middle, the last, the next epoch's first; twice.
@pytest.mark.parametrize("steps", [[0], [3], [5], [6], [13, 1]])
@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_interrupted_and_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int], optimizer: str
) -> None:
    wanted = config(4, optimizer=optimizer, batch_size=8)
    whole, log = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    resumed, resumed_log = interrupted_at(monkeypatch, steps, wanted, tmp_path)
    assert same_weights(whole, resumed)
    assert np.array_equal(features(whole, codes(50)), features(resumed, codes(50)))
    assert timeless(resumed_log) == timeless(log)
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint.safetensors"]


def timeless(log: list[Epoch]) -> list[tuple[float, ...]]:
    return [(epoch.epoch, epoch.loss, epoch.corrupted, epoch.learning_rate) for epoch in log]


@pytest.mark.parametrize(("step", "epochs", "done"), [(0, 0, 1), (3, 0, 4), (5, 1, 0), (6, 1, 1)])
def test_interruption_keeps_the_step_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, epochs: int, done: int
) -> None:
    def rate(at: int, *rest: Any) -> float:
        if at == step:
            signal.raise_signal(signal.SIGTERM)
        return learning_rate(at, *rest)

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        monkeypatch.setattr(training, "learning_rate", rate)
        with pytest.raises(SystemExit, match="143"):
            fit_autoencoder(codes(50), LAYOUT, config(batch_size=8), seed=1, device=CPU, work=tmp_path)
        assert signal.getsignal(signal.SIGTERM) is terminate
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (len(progress(tmp_path)["log"]), progress(tmp_path)["done"]) == (epochs, done)


def test_killed_goes_on_from_the_last_checkpoint_inside_a_long_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = config(2, batch_size=8)
    whole, _ = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)

    def rate(step: int, *rest: Any) -> float:
        if step == 4:
            raise SystemError("killed")
        return learning_rate(step, *rest)

    monkeypatch.setattr(training, "SAVE_EVERY", 0)
    monkeypatch.setattr(training, "learning_rate", rate)
    with pytest.raises(SystemError):
        fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, work=tmp_path, show_progress=False)
    monkeypatch.undo()
    assert progress(tmp_path)["done"] == 4
    resumed, _ = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, work=tmp_path, show_progress=False)
    assert same_weights(whole, resumed)


def test_trains_off_the_main_thread(tmp_path: Path) -> None:
    whole, _ = fit_autoencoder(codes(50), LAYOUT, config(2), seed=1, device=CPU, show_progress=False)
    with ThreadPoolExecutor(1) as pool:
        task = pool.submit(
            fit_autoencoder, codes(50), LAYOUT, config(2), seed=1, device=CPU, work=tmp_path, show_progress=False
        )
        assert same_weights(whole, task.result()[0])


def test_full_disk_keeps_the_checkpoint_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = config(4, batch_size=8)
    whole, _ = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    real, calls = os.fsync, itertools.count()

    def full(descriptor: int) -> None:
        if next(calls) == 4:  # a file and its directory a checkpoint: the third one's file
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, work=tmp_path, show_progress=False)
    monkeypatch.undo()
    assert len(progress(tmp_path)["log"]) == 2 and len(list(tmp_path.iterdir())) == 1
    resumed, _ = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, work=tmp_path, show_progress=False)
    assert same_weights(whole, resumed)


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    fit_autoencoder(codes(50), LAYOUT, config(1), seed=1, device=CPU, work=tmp_path, show_progress=False)
    with pytest.raises(UserError, match="checkpoint has seed = 1, this run 2"):
        fit_autoencoder(codes(50), LAYOUT, config(1), seed=2, device=CPU, work=tmp_path, show_progress=False)


def test_what_decides_no_number_may_change_between_two_runs(tmp_path: Path) -> None:
    whole, _ = fit_autoencoder(codes(50), LAYOUT, config(2), seed=1, device=CPU, show_progress=False)

    def stop(model: Autoencoder, epoch: Epoch) -> None:
        if epoch.epoch == 2:
            raise SystemError("killed")

    how: dict[str, Any] = {"seed": 1, "device": CPU, "work": tmp_path, "show_progress": False}
    with pytest.raises(SystemError):
        fit_autoencoder(codes(50), LAYOUT, config(2), on_epoch=stop, **how)
    assert len(progress(tmp_path)["log"]) == 1
    resumed, log = fit_autoencoder(codes(50), LAYOUT, config(2, compile=False, cuda_graph=True), **how)
    assert same_weights(whole, resumed) and [epoch.epoch for epoch in log] == [1, 2]


EXPLODES = 1.0  # a rate too high for this network, whose tenth is not


def exploding(**training: object) -> DaeConfig:
    return config(8, batch_size=8, warmup=0, **training)


def test_exploding_loss_rolls_back_once_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    _, log = fit_autoencoder(
        codes(50), LAYOUT, exploding(learning_rate=EXPLODES), seed=1, device=CPU, show_progress=False
    )
    (record,) = caplog.records
    assert "back to the start of the epoch" in record.message and "epoch 1" in record.message
    assert [epoch.epoch for epoch in log] == list(range(1, 9)) and np.isfinite([epoch.loss for epoch in log]).all()
    assert all(epoch.rolled_back_at is not None for epoch in log)
    assert log[0].learning_rate == pytest.approx(EXPLODES / 10, rel=0.05)


def test_explosion_in_a_late_epoch_keeps_the_epochs_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst in steps 20 and 21 of 6 an epoch, which does not come again."""
    monkeypatch.setattr(training, "learning_rate", lambda *arguments: 1e-3)
    _, calm = fit_autoencoder(codes(50), LAYOUT, exploding(), seed=1, device=CPU, show_progress=False)
    calls = itertools.count()
    monkeypatch.setattr(training, "learning_rate", lambda *arguments: 10.0 if next(calls) in (20, 21) else 1e-3)
    _, log = fit_autoencoder(codes(50), LAYOUT, exploding(), seed=1, device=CPU, show_progress=False)
    assert [epoch.rolled_back_at for epoch in log] == [None] * 3 + [24] * 5
    assert [epoch.loss for epoch in log[:3]] == [epoch.loss for epoch in calm[:3]]
    assert max(epoch.loss for epoch in log) < 1.2 * max(epoch.loss for epoch in calm)


def test_weights_that_an_epochs_last_step_ruined_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch an epoch: its loss is sound, the weights after it are not, and going back to them would not help."""
    calls = itertools.count()
    monkeypatch.setattr(training, "learning_rate", lambda *arguments: 1e6 if next(calls) == 2 else 1e-3)
    _, log = fit_autoencoder(codes(50), LAYOUT, config(5, batch_size=50), seed=1, device=CPU, show_progress=False)
    assert [epoch.rolled_back_at for epoch in log] == [None, None, 3, 3, 3]
    assert max(epoch.loss for epoch in log) < 1.2 * log[0].loss  # not the thousands that those weights would give


def with_far_rows() -> Codes:
    """Three rows of a column that is 0 else: a batch with them costs far more than any other, at whatever rate."""
    rows = codes(400)
    rows.x_num[:, -1] = 0
    rows.x_num[[20, 120, 220], -1] = 200.0
    return rows


def test_rows_far_from_all_others_end_no_training_and_lower_no_rate(caplog: pytest.LogCaptureFixture) -> None:
    wanted = config(20, batch_size=8)
    _, log = fit_autoencoder(with_far_rows(), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    assert sum("rows far from the others" in record.message for record in caplog.records) == 1
    _, calm = fit_autoencoder(codes(400), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    assert [epoch.learning_rate for epoch in log[-10:]] == [epoch.learning_rate for epoch in calm[-10:]]
    assert all(epoch.rolled_back_at is None for epoch in log)


@pytest.mark.parametrize("steps", [[10], [70, 30], [120, 55]])
def test_far_rows_are_resumed_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]) -> None:
    wanted, rows = config(8, batch_size=8), with_far_rows()
    whole, log = fit_autoencoder(rows, LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    resumed, again = interrupted_at(monkeypatch, steps, wanted, tmp_path, rows=rows)
    assert same_weights(whole, resumed) and [epoch.loss for epoch in again] == [epoch.loss for epoch in log]
    assert progress(tmp_path)["alarm"] < np.inf, "else there was nothing to resume from"


def test_a_second_alarm_in_an_epoch_ends_the_run_resumed_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The epoch's start has been gone back to, and a checkpoint from its middle is no start in its place."""
    forgive, after = Progress.forgive, itertools.count()
    forgiven: list[float] = []

    def noted(self: Progress, loss: float) -> None:
        forgiven.append(loss)
        forgive(self, loss)

    def rate(*arguments: Any) -> float:
        calls = next(after) if forgiven else 0
        if calls == 5:
            signal.raise_signal(signal.SIGINT)
        return math.nan if calls > 10 else learning_rate(*arguments)

    monkeypatch.setattr(Progress, "forgive", noted)
    monkeypatch.setattr(training, "learning_rate", rate)
    wanted = config(8, batch_size=2)
    for ending, message in ((KeyboardInterrupt, None), (FloatingPointError, "again in this epoch")):
        with pytest.raises(ending, match=message):
            fit_autoencoder(with_far_rows(), LAYOUT, wanted, seed=1, device=CPU, work=tmp_path, show_progress=False)
    assert len(forgiven) == 1


@pytest.mark.parametrize("rate", [1e6, 1e30])
def test_loss_that_explodes_again_ends_the_run_with_the_figures(rate: float) -> None:
    with pytest.raises(FloatingPointError, match=r"loss is .* in step \d+ \(epoch 1\) at learning rate .*; lower"):
        fit_autoencoder(codes(50), LAYOUT, exploding(learning_rate=rate), seed=0, device=CPU, show_progress=False)


def test_not_a_number_is_found_within_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Long epochs are looked at every few steps: a loss lost in step 10 is not carried to the end of 200."""
    calls = itertools.count()
    monkeypatch.setattr(training, "learning_rate", lambda step, *rest: math.nan if next(calls) >= 10 else 1e-3)
    with pytest.raises(FloatingPointError, match=r"loss is nan in step 50 .*since step 50"):
        fit_autoencoder(codes(400), LAYOUT, config(batch_size=2), seed=0, device=CPU, show_progress=False)


@pytest.mark.parametrize("steps", [[2], [7], [6, 3], [20]])
def test_roll_back_is_resumed_to_the_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: list[int]) -> None:
    """Left before the explosion, whose epoch's start comes from the checkpoint, right after it, and later."""
    wanted = exploding(learning_rate=EXPLODES)
    whole, log = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)
    assert log[0].rolled_back_at == 6
    assert same_weights(whole, interrupted_at(monkeypatch, steps, wanted, tmp_path)[0])
    assert progress(tmp_path)["rolled_back_at"] == 6


@pytest.mark.gpu
def test_trains_on_cuda() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    model, log = fit_autoencoder(
        codes(50), LAYOUT, config(2), seed=0, device=resolve_device("cuda"), show_progress=False
    )
    assert np.isfinite(log[-1].loss) and next(model.parameters()).is_cuda
