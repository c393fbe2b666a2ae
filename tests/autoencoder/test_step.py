"""One step: micro-batches equal the whole batch, and a recording that fails leaves training as it was."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.encoding.encoder import Layout

CPU = Device(torch.device("cpu"), torch.float32)
LAYOUT = Layout((3, 4), 0, 2, ("a", "b"), (), ("x", "y"))


class SmallMemory(nn.Module):
    """A body on a device that holds up to `most` rows."""

    def __init__(self, body: nn.Module, most: int) -> None:
        super().__init__()
        self.body, self.most, self.seen = body, most, list[int]()

    def forward(self, x: Tensor) -> Any:
        self.seen.append(len(x))
        if len(x) > self.most:
            raise torch.OutOfMemoryError("out of memory")
        return self.body(x)


def rows(n: int) -> Rows:
    generator = torch.Generator().manual_seed(0)
    x_cat = torch.stack([torch.randint(1, k + 1, (n,), generator=generator) for k in LAYOUT.n_levels], dim=1)
    return Rows(x_cat, torch.zeros(n, 0, dtype=torch.bool), torch.randn(n, 2, generator=generator))


def make(most: int | None = None, **training: object) -> tuple[Autoencoder, Step]:
    sizes = {"batch_size": 50, "learning_rate": 1e-2, **training}
    config = DaeConfig.model_validate({"body": {"kind": "stack", "width": 16}, "training": sizes})
    torch.manual_seed(0)
    model: Any = Autoencoder(LAYOUT, config)
    if most is not None:
        model.body = SmallMemory(model.body, most)
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    return model, Step(model, noise, config, CPU)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_step_short_of_memory_equals_the_whole_step(caplog: pytest.LogCaptureFixture) -> None:
    (whole, step), (split, small_step) = make(), make(most=20)
    for _ in range(3):
        assert torch.allclose(step(rows(50)), small_step(rows(50)), atol=1e-6)
    assert torch.allclose(weights(whole), weights(split), atol=1e-5)
    assert split.body.seen == [50, 25, *[13, 13, 13, 11] * 3]
    assert "out of memory with 50 rows" in caplog.text


def test_gradients_of_a_failed_attempt_are_dropped() -> None:
    (whole, step), (split, small_step) = make(), make(most=30)
    split.body.register_forward_hook(_fail_once_on_a_later_part())
    step(rows(50)), small_step(rows(50))
    assert torch.allclose(weights(whole), weights(split), atol=1e-5)


def _fail_once_on_a_later_part() -> Any:
    calls = []

    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        calls.append(module)
        if len(calls) == 2:
            raise torch.OutOfMemoryError("out of memory")

    return hook


def test_memory_that_holds_no_row_ends_the_run() -> None:
    _, step = make(most=0)
    with pytest.raises(torch.OutOfMemoryError):
        step(rows(50))


def test_recording_that_fails_falls_back(caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("CUDA is here")
    (plain, step), (recorded, other) = make(), make(cuda_graph=True)
    for _ in range(2):
        assert torch.equal(step(rows(50)), other(rows(50)))
    assert torch.equal(weights(plain), weights(recorded))
    assert caplog.text.count("cannot be recorded") == 1


def test_learning_rate_is_set() -> None:
    model, step = make(optimizer="adam")
    before = weights(model)
    step.set_learning_rate(0.0)
    step(rows(50))
    assert torch.equal(weights(model), before)


def test_look_tells_the_masks_auc_and_trains_nothing() -> None:
    assert make()[1].look(rows(15))[1] is None  # there is no mask head

    config = DaeConfig.model_validate({"body": {"kind": "stack", "width": 16}, "loss": {"mask": 1}})
    model = Autoencoder(LAYOUT, config)
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    step, before, state = Step(model, noise, config, CPU), weights(model), noise.generator.get_state()
    loss, auc = step.look(rows(200))
    assert torch.equal(weights(model), before)

    noise.generator.set_state(state)
    _, corrupted, mask = noise(rows(200))
    with torch.no_grad():
        logits = model(corrupted).mask_logits
    on, off = logits[mask], logits[~mask]
    by_hand = ((on[:, None] > off).float() + 0.5 * (on[:, None] == off)).mean()
    assert auc == pytest.approx(float(by_hand)) and loss > 0


def test_look_has_no_auc_where_nothing_is_corrupted() -> None:
    config = DaeConfig.model_validate({"loss": {"mask": 1}, "noise": {"categorical": 0, "numerical": 0}})
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    assert Step(Autoencoder(LAYOUT, config), noise, config, CPU).look(rows(20))[1] is None


@pytest.mark.gpu
def test_recorded_steps_equal_plain_ones() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    device, losses = torch.device("cuda"), []
    for recorded in (False, True):
        config = DaeConfig.model_validate({"body": {"kind": "transformer"}, "training": {"cuda_graph": recorded}})
        torch.manual_seed(0)
        model = Autoencoder(LAYOUT, config).to(device)
        noise = SwapNoise(config.noise, LAYOUT, device, torch.Generator(device).manual_seed(1))
        step, batch = Step(model, noise, config, Device(device, torch.float32)), rows(384)
        on_device = Rows(batch.x_cat.to(device), batch.x_bin.to(device), batch.x_num.to(device))
        found = []
        for i in range(20):
            step.set_learning_rate(1e-3 / (i + 1))
            found.append(step(on_device))
        losses.append(torch.stack(found).cpu())
    assert torch.allclose(losses[0], losses[1], atol=1e-3)
