"""The package's public face."""

import subprocess
import sys

import pytest

import swapdae


def test_public_names_are_there() -> None:
    assert set(swapdae.__all__) == {
        "ConcreteConfig",
        "ConcreteSelector",
        "DaeConfig",
        "DenoisingAutoencoder",
        "__version__",
    }
    for name in swapdae.__all__:
        assert getattr(swapdae, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'ConcreteAutoencoder'"):
        _ = swapdae.ConcreteAutoencoder


@pytest.mark.parametrize("name", ["__version__", "ConcreteConfig", "DaeConfig"])
def test_torch_is_loaded_by_the_estimators_alone(name: str) -> None:
    ask = f"import sys, swapdae; swapdae.{name}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
