"""Complaints about an estimator's parameters."""

from typing import Any

import pytest
import torch

from swapdae.base.models import StrictModel
from swapdae.base.parameters import checked, config_values, device_of


class Settings(StrictModel):
    size: int = 1


def test_values_become_a_model_or_a_complaint_of_one_line() -> None:
    assert checked(Settings, {"size": 3}, "Estimator") == Settings(size=3)
    with pytest.raises(ValueError, match=r"^Estimator: size: Input should be a valid integer") as raised:
        checked(Settings, {"size": "wide"}, "Estimator")
    assert "\n" not in str(raised.value)


def test_config_is_of_its_model_or_none() -> None:
    assert config_values(Settings, None) == {"size": 1}
    assert config_values(Settings, Settings(size=2)) == {"size": 2}
    with pytest.raises(TypeError, match="config: a Settings is needed, not dict"):
        config_values(Settings, {"size": 2})  # type: ignore[arg-type]


def test_device_must_be_known_and_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert device_of("cpu").kind == "cpu"
    wrong: Any = "gpu"
    with pytest.raises(ValueError, match="device: 'gpu' is none of auto, cpu, cuda"):
        device_of(wrong)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="no CUDA device"):
        device_of("cuda")
