"""Bodies are found by their kind; one added from outside the package is configured, dumped and trained like ours."""

import subprocess
import sys
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from swapdae.autoencoder.bodies import BODIES
from swapdae.autoencoder.bodies.body import Body
from swapdae.autoencoder.bodies.stack import StackConfig
from swapdae.autoencoder.bodies.transformer import TransformerConfig
from swapdae.autoencoder.config import DaeConfig
from swapdae.autoencoder.fit import fit_autoencoder, read_features
from swapdae.autoencoder.layers.body import BodyNetwork
from swapdae.base.device import Device
from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.encoding.encoder import Codes, Layout

CPU = Device(torch.device("cpu"), torch.float32)
LAYOUT = Layout((3,), 0, 2, ("a",), (), ("x", "y"))


class Mine(Body):
    """A single layer of tanh."""

    kind: Literal["mine"] = "mine"
    width: int = 4

    def network(self, n_inputs: int, *, compiled: bool) -> "Tanh":
        return Tanh(n_inputs, self.width)


class Tanh(BodyNetwork):
    def __init__(self, n_inputs: int, width: int) -> None:
        super().__init__(width, width)
        self.linear = nn.Linear(n_inputs, width)

    def forward(self, x: Tensor) -> list[Tensor]:
        return [self.linear(x).tanh()]


def test_a_body_from_outside_is_added_by_one_line_and_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BODIES, "mine", Mine)
    given = {"body": {"kind": "mine", "width": 5}, "training": {"epochs": 1, "batch_size": 16}}
    config = parse(DaeConfig, given, "here")
    assert config.body == Mine(width=5) and config.body.shrunk(2) == config.body
    assert config.decisive()["body"] == {"kind": "mine", "width": 5}
    assert DaeConfig.model_validate(config.model_dump(mode="json")) == config
    rng = np.random.default_rng(0)
    x_num = rng.normal(size=(64, 2)).astype(np.float32)
    codes = Codes(rng.integers(1, 4, (64, 1)).astype(np.int16), np.zeros((64, 0), dtype=bool), x_num)
    model, log = fit_autoencoder(codes, LAYOUT, config, seed=0, device=CPU, show_progress=False)
    (features,) = read_features(model, codes, LAYOUT, CPU)
    assert features.shape == (64, 5) and len(log) == 1 and 0 < np.abs(features).max() <= 1


def test_unknown_kind_is_refused_by_the_known_ones() -> None:
    with pytest.raises(UserError) as caught:
        parse(DaeConfig, {"body": {"kind": "mine"}}, "x.toml")
    assert str(caught.value) == "x.toml: body: unknown kind 'mine'; known are stack, transformer"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"kind": "stack", "widht": 3}, "x.toml: body.widht: unknown key"),
        ({"kind": "transformer", "d_subspace": 12}, "x.toml: body: d_subspace = 12 is not a multiple of n_heads = 8"),
    ],
)
def test_bad_sizes_are_named_with_their_key(body: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(DaeConfig, {"body": body}, "x.toml")
    assert str(caught.value) == said


@pytest.mark.parametrize("kind", BODIES)
def test_every_kind_is_that_of_its_configuration(kind: str) -> None:
    assert DaeConfig.model_validate({"body": {"kind": kind}}).body.kind == kind
    assert DaeConfig(body=BODIES[kind](kind=kind)).model_dump()["body"]["kind"] == kind


@pytest.mark.parametrize(
    ("body", "factor", "expected"),
    [
        (StackConfig(), 2, StackConfig(width=768)),
        (StackConfig(), 10**6, StackConfig(width=1)),
        (TransformerConfig(), 2, TransformerConfig(d_subspace=64, d_feedforward=256)),
        (TransformerConfig(), 100, TransformerConfig(d_subspace=8, d_feedforward=8)),
    ],
)
def test_shrunk_bodies_are_narrower_and_valid(body: Body, factor: int, expected: Body) -> None:
    assert body.shrunk(factor) == expected


def test_what_decides_no_number_is_not_decisive() -> None:
    plain, changed = (
        DaeConfig.model_validate({"training": {"compile": not on, "cuda_graph": on}}) for on in (False, True)
    )
    assert plain != changed and plain.decisive() == changed.decisive()
    assert plain.decisive() != DaeConfig.model_validate({"training": {"epochs": 7}}).decisive()


def test_configuration_loads_no_torch() -> None:
    code = "import sys, swapdae.autoencoder.config; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
