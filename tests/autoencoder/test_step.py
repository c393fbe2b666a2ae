"""One step: micro-batches equal the whole batch, what does not fit into memory is said, its state comes back."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.base.errors import UserError
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


def make(
    most: int | None = None, mask: float = 0.0, dtype: torch.dtype = torch.float32, **training: object
) -> tuple[Any, Step]:
    sizes = {"batch_size": 50, "learning_rate": 1e-2, **training}
    body, loss = {"kind": "stack", "width": 16}, {"mask": mask}
    config = DaeConfig.model_validate({"body": body, "loss": loss, "training": sizes})
    torch.manual_seed(0)
    model: Any = Autoencoder(LAYOUT, config)
    if most is not None:
        model.body = SmallMemory(model.body, most)
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    return model, Step(model, noise, config, Device(CPU.device, dtype))


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


def test_memory_that_holds_no_row_ends_the_run_with_the_sizes() -> None:
    _, step = make(most=0)
    with pytest.raises(UserError, match=r"out of memory: .* a single row of 9 inputs beside 857 weights"):
        step(rows(50))


def test_noise_that_does_not_fit_ends_the_run_with_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    _, step = make()
    monkeypatch.setattr(step._noise, "_inputs", out_of_memory)
    for use in (step, step.evaluate):
        with pytest.raises(UserError, match=r"a batch of 50 rows with its noise; lower training\.batch_size"):
            use(rows(50))


def test_optimizer_that_does_not_fit_ends_the_run_with_the_sizes(monkeypatch: pytest.MonkeyPatch) -> None:
    _, step = make()
    monkeypatch.setattr(step.optimizer, "step", out_of_memory)
    with pytest.raises(UserError, match=r"does not hold the optimizer's state of 857 weights; take a smaller body"):
        step(rows(50))


def out_of_memory(*given: Any) -> Any:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_evaluation_short_of_memory_equals_the_whole_one(caplog: pytest.LogCaptureFixture) -> None:
    (_, step), (split, small_step) = make(mask=2.0), make(most=20, mask=2.0)
    loss, auc = step.evaluate(rows(50))
    small_loss, small_auc = small_step.evaluate(rows(50))
    assert small_loss == pytest.approx(loss, rel=1e-6) and small_auc == pytest.approx(auc)
    assert split.body.seen == [50, 25, 13, 13, 13, 11] and "out of memory with 25 rows" in caplog.text


def test_state_is_gone_back_to() -> None:
    _, step = make()
    start = step.copy()
    first = step(rows(50))
    after_one = step.copy()
    step(rows(50))
    step.restore(start)
    assert not step.optimizer.state_dict()["state"]
    assert torch.equal(step(rows(50)), first)
    assert all(torch.equal(after_one[name], tensor) for name, tensor in step.state().items())


@pytest.mark.parametrize(
    "name", ["generator", "optimizer.1.step", "optimizer.2.exp_avg", "model.body.layers.0.bias", "scaler.scale"]
)
def test_state_that_lacks_something_is_refused(name: str) -> None:
    _, step = make(dtype=torch.float16)
    step(rows(50))
    state = step.copy()
    del state[name]
    with pytest.raises((KeyError, RuntimeError), match=name.split(".")[-1]):
        step.restore(state)


def test_step_that_no_graph_can_hold_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    (plain, step), (captured, other) = make(), make(cuda_graph=True)
    for _ in range(2):
        assert torch.equal(step(rows(50)), other(rows(50)))
    assert torch.equal(weights(plain), weights(captured))
    assert caplog.text.count("cannot be captured as a CUDA graph on cpu") == 1


def test_learning_rate_is_set() -> None:
    model, step = make(optimizer="adam")
    before = weights(model)
    step.set_learning_rate(0.0)
    step(rows(50))
    assert torch.equal(weights(model), before)


def test_evaluation_finds_the_masks_auc_and_trains_nothing() -> None:
    assert make()[1].evaluate(rows(15))[1] is None  # there is no mask head

    config = DaeConfig.model_validate({"body": {"kind": "stack", "width": 16}, "loss": {"mask": 1}})
    model = Autoencoder(LAYOUT, config)
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    step, before, state = Step(model, noise, config, CPU), weights(model), noise.generator.get_state()
    loss, auc = step.evaluate(rows(200))
    assert torch.equal(weights(model), before)

    noise.generator.set_state(state)
    _, corrupted, mask = noise(rows(200))
    with torch.no_grad():
        logits = model(corrupted).mask_logits
    on, off = logits[mask], logits[~mask]
    by_hand = ((on[:, None] > off).float() + 0.5 * (on[:, None] == off)).mean()
    assert auc == pytest.approx(float(by_hand)) and loss > 0


def test_evaluation_has_no_auc_where_nothing_is_corrupted() -> None:
    config = DaeConfig.model_validate({"loss": {"mask": 1}, "noise": {"categorical": 0, "numerical": 0}})
    noise = SwapNoise(config.noise, LAYOUT, CPU.device, torch.Generator().manual_seed(1))
    assert Step(Autoencoder(LAYOUT, config), noise, config, CPU).evaluate(rows(20))[1] is None
