"""The training loop: it learns, is seeded, and resumes from its checkpoint to the bit."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from swapdae.config import DaeConfig, TrainingConfig
from swapdae.errors import UserError
from swapdae.nn import fit
from swapdae.nn.autoencoder import Autoencoder
from swapdae.nn.device import Device, resolve_device
from swapdae.nn.fit import fit_autoencoder, learning_rate, read_features
from swapdae.preprocess import Codes, Layout

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


def test_learns_32_rows_by_heart() -> None:
    heart = config(400, learning_rate=1e-2, batch_size=32).model_copy(
        update={"noise": DaeConfig().noise.model_copy(update={"categorical": 0.0, "numerical": 0.0})}
    )
    _, log = fit_autoencoder(codes(32), LAYOUT, heart, seed=0, device=CPU, show_progress=False)
    assert log[-1].loss < 0.01 < 0.1 < log[0].loss
    assert log[-1].corrupted == 0


@pytest.mark.parametrize("n", [1, 15, 40])
def test_any_number_of_rows_trains(n: int) -> None:
    model, log = fit_autoencoder(codes(n), LAYOUT, config(1), seed=0, device=CPU, show_progress=False)
    assert np.isfinite(log[-1].loss) and features(model, codes(n)).shape == (n, 96)


def test_features_do_not_depend_on_the_batch() -> None:
    model, _ = fit_autoencoder(codes(50), LAYOUT, config(1), seed=0, device=CPU, show_progress=False)
    assert np.allclose(features(model, codes(50)), features(model, codes(50), batch_size=7), atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "adamw"])
def test_interrupted_and_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    wanted = config(4, optimizer=optimizer)
    whole, _ = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, show_progress=False)

    real = fit._Loop.epoch

    def stop_in_the_third(loop: fit._Loop, number: int, *rest: object) -> fit.Epoch:
        if number == 2:
            raise KeyboardInterrupt
        return real(loop, number, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fit._Loop, "epoch", stop_in_the_third)
    with pytest.raises(KeyboardInterrupt):
        fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, scratch=tmp_path, show_progress=False)
    monkeypatch.undo()
    resumed, log = fit_autoencoder(codes(50), LAYOUT, wanted, seed=1, device=CPU, scratch=tmp_path, show_progress=False)
    assert [epoch.epoch for epoch in log] == [1, 2, 3, 4]
    assert np.array_equal(features(whole, codes(50)), features(resumed, codes(50)))
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3, 4]


def test_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    fit_autoencoder(codes(50), LAYOUT, config(1), seed=1, device=CPU, scratch=tmp_path, show_progress=False)
    with pytest.raises(UserError, match="checkpoint has seed = 1, this run 2"):
        fit_autoencoder(codes(50), LAYOUT, config(1), seed=2, device=CPU, scratch=tmp_path, show_progress=False)


def test_loss_that_is_not_finite_ends_the_run() -> None:
    with pytest.raises(FloatingPointError, match="learning rate"):
        fit_autoencoder(codes(50), LAYOUT, config(40, learning_rate=1e30), seed=0, device=CPU, show_progress=False)


def test_learning_rate_warms_up_and_falls() -> None:
    cosine = TrainingConfig(epochs=10, learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(step, 100, 10, cosine) for step in range(100)]
    assert rates[0] == pytest.approx(0.1) and max(rates) == pytest.approx(rates[9], abs=0.03)
    assert rates[-1] < 1e-3 and all(a > b for a, b in itertools.pairwise(rates[10:]))
    exponential = TrainingConfig(learning_rate=1.0, schedule="exponential", decay=0.5, warmup=0)
    assert [learning_rate(step, 40, 10, exponential) for step in (0, 9, 10, 39)] == [1, 1, 0.5, 0.125]


def test_device_that_is_not_there_is_refused() -> None:
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    with pytest.raises(UserError, match="--device cuda"):
        resolve_device("cuda")
    assert resolve_device("auto").kind == "cpu"


@pytest.mark.gpu
def test_trains_on_cuda() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    model, log = fit_autoencoder(
        codes(50), LAYOUT, config(2), seed=0, device=resolve_device("cuda"), show_progress=False
    )
    assert np.isfinite(log[-1].loss) and next(model.parameters()).is_cuda
