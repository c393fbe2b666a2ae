"""A captured step: warm-up first, then one capture and replays; a capture that fails changes nothing."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.cuda_graph import WARM_UP, CaptureError, GraphStep, capture
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.base.device import Device
from swapdae.encoding.encoder import Layout

LAYOUT = Layout((3, 4), 0, 2, ("a", "b"), (), ("x", "y"))


def rows(n: int, device: str = "cpu") -> Rows:
    generator = torch.Generator().manual_seed(0)
    x_cat = torch.stack([torch.randint(1, k + 1, (n,), generator=generator) for k in LAYOUT.n_levels], dim=1)
    x_num = torch.randn(n, 2, generator=generator)
    return Rows(x_cat.to(device), torch.zeros(n, 0, dtype=torch.bool, device=device), x_num.to(device))


class FakeCuda:
    """As much of torch.cuda as a capture uses: notes what it is asked for, and the stream that is the current one."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.current, self.ending_fails = "default", False

    def put_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("synchronize", "empty_cache"):
            monkeypatch.setattr(torch.cuda, name, self._note(name))
        monkeypatch.setattr(torch.cuda, "CUDAGraph", lambda: self)
        monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
        monkeypatch.setattr(torch.cuda, "stream", self._stream)
        monkeypatch.setattr(torch.cuda, "current_stream", FakeStream)
        monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
        monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: (0, 1))
        for name in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            monkeypatch.setattr(torch._C, name, self._note(name), raising=False)

    def _note(self, name: str) -> Callable[..., None]:
        return lambda *given: self.said.append(name)

    @contextlib.contextmanager
    def _stream(self, stream: object) -> Iterator[None]:
        before, self.current = self.current, "aside"
        try:
            yield
        finally:
            self.current = before

    def register_generator_state(self, generator: object) -> None:
        self.said.append("register")

    def capture_begin(self, pool: tuple[int, int]) -> None:
        assert self.current == "aside" and pool == (0, 1)
        self.said.append("begin")

    def capture_end(self) -> None:
        self.said.append("end")
        if self.ending_fails:
            raise RuntimeError("capture was invalidated\nby an operation")

    def reset(self) -> None:
        self.said.append("reset")

    def replay(self) -> None:
        self.said.append("replay")


class FakeStream:
    def wait_stream(self, other: object) -> None:
        pass


class FakeGenerator(torch.Generator):
    """One that knows a graph's way of setting a state, which a CPU's does not."""

    def __init__(self) -> None:
        self.states: list[object] = []

    def clone_state(self) -> Any:
        return "before"

    def graphsafe_set_state(self, state: Any) -> Any:
        self.states.append(state)


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    fake = FakeCuda()
    fake.put_in(monkeypatch)
    return fake


def fail() -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\nmuch")


@pytest.mark.parametrize("ending_fails", [False, True])
def test_failed_capture_is_ended_and_let_go(cuda: FakeCuda, ending_fails: bool) -> None:
    cuda.ending_fails, generator = ending_fails, FakeGenerator()
    with pytest.raises(CaptureError, match=r"^CUDA out of memory\. Tried to allocate$"):
        capture(fail, generator)
    ended = ["_cuda_endAllocateToPool", "_cuda_releasePool"] if ending_fails else []
    assert cuda.said[-5 - len(ended) :] == ["register", "begin", "end", *ended, "reset", "empty_cache"]
    assert cuda.current == "default" and generator.states == ["before"]


def test_capture_that_cannot_be_ended_is_a_failed_one(cuda: FakeCuda) -> None:
    cuda.ending_fails = True
    with pytest.raises(CaptureError, match=r"^capture was invalidated$"):
        capture(lambda: torch.ones(2), FakeGenerator())
    assert cuda.current == "default" and "reset" in cuda.said


def test_first_batches_run_then_one_capture_is_replayed(cuda: FakeCuda) -> None:
    seen: list[str] = []

    def run(name: str) -> Callable[[Rows], Tensor]:
        def step(batch: Rows) -> Tensor:
            seen.append(name)
            return batch.x_num.sum(dim=0)

        return step

    generator: Any = FakeGenerator()
    step = GraphStep(run("step"), run("captured"), generator)
    for _ in range(WARM_UP + 3):
        step(rows(8))
    assert seen == ["step"] * WARM_UP + ["captured"] and cuda.said.count("replay") == 3
    assert not generator.states


def test_memory_that_runs_out_in_a_capture_ends_it_and_training_goes_on_by_parts(
    cuda: FakeCuda, caplog: pytest.LogCaptureFixture
) -> None:
    """Warm-up has room for whole batches, the capture has not: it must not go on with half a batch."""
    device, steps, seen = Device(torch.device("cpu"), torch.float32), [], list[tuple[str, int]]()
    config = DaeConfig.model_validate({"body": {"kind": "stack", "width": 16}, "training": {"batch_size": 50}})
    for _ in range(2):
        torch.manual_seed(0)
        noise = SwapNoise(config.noise, LAYOUT, device.device, device.generator(1))
        steps.append(Step(Autoencoder(LAYOUT, config), noise, config, device))
    plain, captured = steps
    random: Any = FakeGenerator()

    def limited(module: object, given: tuple[Tensor]) -> None:
        seen.append((cuda.current, len(given[0])))
        if "begin" in cuda.said and len(given[0]) > 25:
            raise torch.OutOfMemoryError("CUDA out of memory")

    captured.model.body.register_forward_pre_hook(limited)
    state = captured.generator.get_state()

    def go_back(state_before: str) -> None:
        captured.generator.set_state(state)

    random.graphsafe_set_state = go_back
    captured._graph_step = GraphStep(captured._train, captured._try_once, random)
    for _ in range(WARM_UP + 2):
        state = captured.generator.get_state()
        assert torch.allclose(captured(rows(50)), plain(rows(50)), atol=1e-6)
    assert seen == [("aside", 50)] * (WARM_UP + 1) + [("default", 50)] + [("default", 25)] * 4
    assert caplog.text.count("cannot be captured as a CUDA graph: CUDA out of memory") == 1


@pytest.mark.gpu
def test_captured_steps_equal_plain_ones() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    device, losses = torch.device("cuda"), []
    for captured in (False, True):
        config = DaeConfig.model_validate({"body": {"kind": "transformer"}, "training": {"cuda_graph": captured}})
        torch.manual_seed(0)
        model = Autoencoder(LAYOUT, config).to(device)
        noise = SwapNoise(config.noise, LAYOUT, device, torch.Generator(device).manual_seed(1))
        step, on_device = Step(model, noise, config, Device(device, torch.float32)), rows(384, "cuda")
        found = []
        for i in range(20):
            step.set_learning_rate(1e-3 / (i + 1))
            found.append(step(on_device))
        losses.append(torch.stack(found).cpu())
    assert torch.allclose(losses[0], losses[1], atol=1e-3)


@pytest.mark.gpu
def test_failed_capture_leaves_a_card_as_it_was() -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs CUDA")
    generator, stream = torch.Generator("cuda").manual_seed(0), torch.cuda.current_stream()
    before = generator.get_state()

    def invalid() -> Tensor:
        torch.rand(1000, device="cuda", generator=generator).sum().item()  # a host read, which no capture allows
        return torch.zeros(())

    with pytest.raises(CaptureError):
        capture(invalid, generator)
    assert torch.cuda.current_stream() == stream and torch.equal(generator.get_state(), before)
    assert torch.rand(5, device="cuda", generator=generator).isfinite().all()
    _, result = capture(lambda: torch.ones(3, device="cuda") * 2, generator)
    assert result.shape == (3,)
