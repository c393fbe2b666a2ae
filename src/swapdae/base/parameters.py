"""Checks of the estimators' parameters. Complaints are ValueErrors of one line, as scikit-learn's users expect them."""

from typing import Any, get_args

from swapdae.base.device import Device, DeviceName, resolve_device
from swapdae.base.errors import UserError
from swapdae.base.models import Model, parse


def checked(model: type[Model], values: dict[str, Any], estimator: str) -> Model:
    """Parameters as a model. Raises ValueError naming estimator and parameter, and the choices if there are any."""
    try:
        return parse(model, values, estimator)
    except UserError as error:
        raise ValueError(str(error)) from None


def device_of(name: DeviceName) -> Device:
    """The device called `name`. Raises ValueError where it is unknown or not there."""
    if name not in (known := get_args(DeviceName)):
        raise ValueError(f"device: {name!r} is none of {', '.join(known)}")
    try:
        return resolve_device(name)
    except UserError as error:
        raise ValueError(str(error)) from None


def config_values(model: type[Model], config: Model | None) -> dict[str, Any]:
    """The values of a config object; None is the model's defaults. Raises TypeError for anything else."""
    if config is None:
        return model().model_dump()
    if not isinstance(config, model):
        raise TypeError(f"config: a {model.__name__} is needed, not {type(config).__name__}")
    return config.model_dump()
