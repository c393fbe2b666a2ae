"""Competition metrics by name. A new metric is a line in METRICS: it names the loss that heads minimize for it.

A metric with a parameter is written with it, as "quantile:0.9"; it is a line in FAMILIES.
"""

from collections.abc import Callable
from functools import cache

from swapdae.competition.class_metrics import CLASS_METRICS, fbeta, map_at_k
from swapdae.competition.metric import LOSSES, Array, Loss, Metric
from swapdae.competition.regression_metrics import REGRESSION_METRICS, quantile

__all__ = ["FAMILIES", "LOSSES", "METRICS", "OWN", "Array", "Loss", "Metric", "metric_named", "metrics_of"]

OWN = "mine"  # is read from the competition's metric.py

METRICS: dict[str, Metric] = {metric.name: metric for metric in (*REGRESSION_METRICS, *CLASS_METRICS)}

FAMILIES: dict[str, tuple[str, Callable[[str], Metric]]] = {  # an example's parameter, and parameter -> metric
    "quantile": ("0.9", quantile),
    "fbeta": ("2", fbeta),
    "map": ("3", map_at_k),
}


def metric_named(name: str) -> Metric:
    """The metric of a name such as "rmse" or "quantile:0.9". Raises ValueError, naming the known ones."""
    family, colon, parameter = name.partition(":")
    if name in METRICS:
        return METRICS[name]
    if colon and family in FAMILIES:
        return _of_family(family, parameter)
    raise ValueError(f"metric '{name}' is unknown; known are {', '.join(_names())}, {OWN}")


def metrics_of(task: str) -> list[str]:
    """Names of the metrics that judge a task, examples of those with a parameter among them."""
    return [name for name in _names() if task in metric_named(name).tasks]


def _names() -> list[str]:
    return [*METRICS, *(f"{family}:{example}" for family, (example, _) in FAMILIES.items())]


@cache
def _of_family(family: str, parameter: str) -> Metric:
    return FAMILIES[family][1](parameter)
