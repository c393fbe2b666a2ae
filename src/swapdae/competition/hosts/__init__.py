"""The hosts that there are, by the name that competition.toml gives: one module and one line here for each.

Imports nothing of ours, for `competition.config` checks names against it; the interface is in `hosts.interface`.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any


def _when_asked(module: str, host: str) -> Callable[[], Any]:
    """Imported only when asked for: a run that needs no host loads no client."""
    return lambda: getattr(import_module(f"swapdae.competition.hosts.{module}"), host)()


# Each makes a `hosts.interface.Host`.
HOSTS: dict[str, Callable[[], Any]] = {
    "kaggle": _when_asked("kaggle", "KaggleHost"),
    "none": _when_asked("none", "NoHost"),
    "nycflights13": _when_asked("nycflights13", "Nycflights13Host"),
}
