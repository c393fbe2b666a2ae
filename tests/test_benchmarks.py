"""Every program in benchmarks/ still fits the code that it measures: it is read, and its configurations are built."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.parametrize("name", sorted(file.stem for file in FOLDER.glob("*.py")))
def test_a_benchmark_can_be_read(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(f"benchmark_{name}", FOLDER / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look for their module there
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        pytest.skip(f"needs {error.name}, an extra")
    assert (module.__doc__ or "").startswith(tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"))


@pytest.mark.parametrize("labels", [False, True])
def test_sequential_attention_chooses_what_tells_most(labels: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of twelve columns the target follows two, the stronger first; a copy of that one tells nothing more."""
    monkeypatch.syspath_prepend(str(FOLDER))
    from concrete_rivals import sequential_attention

    x = np.random.default_rng(0).standard_normal((512, 12))
    x[:, 5] = x[:, 3]
    score = 2 * x[:, 3] + x[:, 8]
    wanted = (score > 0).astype(int) if labels else score[:, None]
    chosen = sequential_attention(x, wanted, 2, epochs=20, batch=32, seed=0)
    assert chosen[0] in (3, 5) and chosen[1] == 8
