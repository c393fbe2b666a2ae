"""Every path that a GPU takes, on torch's meta device, which has no numbers.

It refuses operations on tensors of two devices, and whatever reads a number: item(), float(), tolist(), a branch on a
tensor. So what passes here neither forgets to move a tensor nor waits for the device where it should not. The reads
that are meant go through Device.to_host, which here counts them and answers with zeros.

It has no mixed precision, no generator, no fused optimizers: random numbers are the CPU's, optimizers the plain ones.
"""

import contextlib
import functools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.network import Autoencoder
from swapdae.autoencoder.step import Step
from swapdae.autoencoder.swap_noise import Rows, SwapNoise
from swapdae.autoencoder.training import Training
from swapdae.base.device import Device
from swapdae.competition.config import Task
from swapdae.encoding.encoder import Codes, Layout
from swapdae.heads.mlp_network import MLPConfig, fit_mlp
from swapdae.heads.objective import Objective
from swapdae.selection import concrete_fit
from swapdae.selection.concrete import ConcreteNetwork, ConcreteSelection, InputColumns
from swapdae.selection.concrete_data import Data
from swapdae.selection.concrete_training import ConcreteTraining
from swapdae.study.units import read_corrupted_units, read_units

LAYOUT = Layout((3, 4), 1, 3, ("a", "b"), ("x",), ("x", "y", "z"))
BODIES = [
    {"kind": "stack", "width": 16},
    {"kind": "transformer", "n_subspaces": 2, "d_subspace": 16, "n_heads": 2, "n_blocks": 2, "d_feedforward": 32},
]
by_body = pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body["kind"]))


class MetaDevice(Device):
    """Device(torch.device("meta"), float32); reads: the shapes that to_host was asked for."""

    reads: list[tuple[int, ...]]

    def __init__(self) -> None:
        super().__init__(torch.device("meta"), torch.float32)
        object.__setattr__(self, "reads", [])

    def autocast(self) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()

    def generator(self, seed: int) -> torch.Generator:
        return torch.Generator().manual_seed(seed)

    def to_host(self, x: torch.Tensor) -> NDArray[Any]:
        assert x.is_meta
        self.reads.append(tuple(x.shape))
        zeros: NDArray[Any] = torch.zeros(x.shape, dtype=x.dtype).numpy()
        return zeros


@pytest.fixture
def meta() -> MetaDevice:
    return MetaDevice()


@pytest.fixture(autouse=True)
def _plain_optimizers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("Adam", "AdamW"):
        real = getattr(torch.optim, name)

        def plain(*given: Any, real: Any = real, **how: Any) -> torch.optim.Optimizer:
            assert how.pop("fused")
            made: torch.optim.Optimizer = real(*given, **how)
            return made

        monkeypatch.setattr(torch.optim, name, plain)


def codes(n: int) -> Codes:
    rng = np.random.default_rng(0)
    x_cat = np.column_stack([rng.integers(0, 4, n), rng.integers(1, 5, n)]).astype(np.int16)
    return Codes(x_cat, rng.random((n, 1)) < 0.2, rng.normal(size=(n, 3)).astype(np.float32))


def config(body: dict[str, object], **more: object) -> DaeConfig:
    return DaeConfig.model_validate({"body": body, "training": {"epochs": 2, "batch_size": 16}, **more})


def test_the_meta_device_trips_what_it_is_here_for() -> None:
    x = torch.ones(3, device="meta")
    for read in (torch.Tensor.item, torch.Tensor.tolist, float, bool):
        with pytest.raises((RuntimeError, NotImplementedError)):
            read(x.sum())
    with pytest.raises(RuntimeError):
        x + torch.ones(3)


@by_body
@pytest.mark.parametrize("per", ["column", "one_hot"])
@pytest.mark.parametrize("donor", ["row", "cell"])
@pytest.mark.parametrize("loss", [{"categories": "softmax"}, {"categories": "binary", "mask": 2.0}], ids=str)
@pytest.mark.parametrize("embedding", [None, {}], ids=["plain", "embedding"])
def test_a_step_reads_nothing(
    meta: MetaDevice,
    body: dict[str, object],
    per: str,
    donor: str,
    loss: dict[str, object],
    embedding: dict[str, object] | None,
) -> None:
    wanted = config(body, noise={"per": per, "donor": donor}, loss=loss, embedding=embedding)
    model = Autoencoder(LAYOUT, wanted).to(meta.device)
    step = Step(model, SwapNoise(wanted.noise, LAYOUT, meta.device, meta.generator(0)), wanted, meta)
    for _ in range(2):
        step.set_learning_rate(1e-3)
        assert step(Rows.of(codes(16), meta.device)).shape == (2,)
    step.restore(step.copy())
    assert not meta.reads


@by_body
def test_an_epoch_reads_its_losses_and_its_evaluation_and_no_more(
    meta: MetaDevice, body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for owner, name in ((Training, "_read_unchecked"), (Step, "evaluate")):
        monkeypatch.setattr(owner, name, noted(owner, name, asked, meta))
    _, log = fit_autoencoder(codes(80), LAYOUT, config(body), seed=0, device=meta, show_progress=False)
    epoch = ["_read_unchecked", "evaluate"]
    assert asked == ["_read_unchecked", *epoch, *epoch]  # the very first step is looked at, too
    assert len(log) == 2


def noted(owner: type, name: str, asked: list[str], meta: MetaDevice) -> Any:
    """The method, noting its name; outside of it nothing may be read."""
    real = getattr(owner, name)

    @functools.wraps(real)
    def method(*given: Any) -> Any:
        assert not meta.reads, "read outside the named methods"
        asked.append(name)
        found = real(*given)
        meta.reads.clear()
        return found

    return method


@by_body
def test_features_and_units_are_read_a_block_of_rows_at_a_time(
    meta: MetaDevice, body: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = config(body)
    model = Autoencoder(LAYOUT, wanted).to(meta.device)
    d = model.d_features
    shapes = [block.shape for block in read_features(model, codes(40), LAYOUT, meta, 16)]
    assert shapes == meta.reads == [(16, d), (16, d), (8, d)]
    meta.reads.clear()
    (both,) = read_units(model, codes(40), meta, "relu")
    (found,) = read_corrupted_units(model, codes(40), wanted.noise, meta, "relu", 0)
    assert meta.reads == [both[0].shape, both[1].shape, found.shape] and found.shape == (40, model.body.n_units)


MLP = MLPConfig(
    width=8,
    n_layers=2,
    n_members=2,
    dropout=0.25,
    learning_rate=1e-2,
    weight_decay=0.1,
    batch_size=16,
    epochs=3,
    patience=9,
)
PARTS = (np.arange(50), np.arange(50, 60), np.arange(60, 80))
by_task = pytest.mark.parametrize("task", ["regression", "binary", "multiclass"])


def targets(task: Task) -> tuple[NDArray[Any], Objective]:
    rng = np.random.default_rng(0)
    n_classes = {"regression": 0, "binary": 2, "multiclass": 3}[task]
    y: NDArray[Any] = rng.integers(0, n_classes, 80) if n_classes else rng.normal(size=80)
    return y, Objective.of(y[PARTS[0]], task, n_classes, "squared" if task == "regression" else "log")


@by_task
def test_the_perceptron_reads_one_loss_an_epoch(meta: MetaDevice, task: Task) -> None:
    y, objective = targets(task)
    blocks = (np.random.default_rng(0).normal(size=(80, 5)), np.ones((80, 2), dtype=np.float16))
    fit, stop = ((rows, y[rows]) for rows in PARTS[:2])
    fitted = fit_mlp(blocks, fit, stop, objective, MLP, seed=0, device=meta)
    assert meta.reads == [()] * MLP.epochs
    expected = (20, 3) if task == "multiclass" else (20,)
    assert fitted.predict(blocks, PARTS[2]).shape == expected and meta.reads[-1] == expected


@pytest.mark.parametrize("parameterization", ["direct", "indirect"])
@pytest.mark.parametrize("samples", ["row", 1, 4])
@pytest.mark.parametrize("widths", [(1, 1, 1, 1), (1, 3, 2)], ids=str)
def test_the_selectors_epochs_read_nothing(
    monkeypatch: pytest.MonkeyPatch, parameterization: Any, samples: Any, widths: tuple[int, ...]
) -> None:
    """But what is written into an epoch's line of the log, and the loss before the first."""
    monkeypatch.setattr(concrete_fit, "_epoch", lambda *given: FakeEpoch())
    monkeypatch.setattr(concrete_fit, "_hard_loss", lambda *given: 1.0)
    columns = InputColumns(tuple(column for column, width in enumerate(widths) for _ in range(width)))
    how = ConcreteTraining(
        k=2,
        parameterization=parameterization,
        d_inner=3,
        decoder=(8,),
        epochs=2,
        decoder_epochs=2,
        batch_size=16,
        samples=samples,
    )
    n_inputs, n = sum(widths), columns.n_columns
    selection = ConcreteSelection(how.k, n, how.parameterization, how.inner(n))
    network = ConcreteNetwork(selection, columns, n_inputs, how.decoder, how.dropout).to("meta")
    x = torch.ones(40, n_inputs, device="meta")
    data = Data(x, x)
    assert len(list(concrete_fit._relaxed_epochs(network, data, data, how))) == 2
    assert len(concrete_fit._hard_epochs(network, [0, 2], data, data, how, 2).log) == 2


class FakeEpoch:
    validation_loss = 0.5
