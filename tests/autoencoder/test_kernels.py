"""Without a compiler, or with one that fails, training goes on without the compiled code and says so."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from swapdae.autoencoder.kernels import kernels
from swapdae.autoencoder.layers.transformer import Block


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    kernels.cache_clear()
    yield
    kernels.cache_clear()


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert kernels() is None and "no C++ compiler" in caplog.text
    assert Block(16, 1, 16)(torch.ones(1, 2, 16)).shape == (1, 2, 16)


@pytest.mark.parametrize("compiler", ["/nowhere/g++", "/bin/false"])
def test_compiler_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path, compiler: str
) -> None:
    monkeypatch.setenv("CXX", compiler)
    assert kernels() is None and "does not build" in caplog.text
    assert not list(tmp_path.rglob("*.so"))


def test_library_is_built_once(tmp_path: Path) -> None:
    if kernels() is None:
        pytest.skip("needs a C++ compiler")
    (library,) = tmp_path.rglob("*.so")
    built = library.stat().st_mtime_ns
    kernels.cache_clear()
    assert kernels() is not None and library.stat().st_mtime_ns == built
    assert [entry.name for entry in library.parent.iterdir()] == [library.name]
