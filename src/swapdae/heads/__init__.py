"""Heads by kind. A new head is a file with Params, make and load (and, if it can be tuned, space), and a line in HEADS.

A head's file imports its library where a model is fitted: whoever reads parameters loads no heavy library.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from swapdae.base.models import StrictModel, one_line
from swapdae.heads import catboost, lightgbm, mlp, ridge, xgboost
from swapdae.modelling.head import Head

HEADS: dict[str, Head] = {
    "ridge": Head("ridge", ridge.Params, ridge.make, load=ridge.load, instead=ridge.INSTEAD),
    "lightgbm": Head("lightgbm", lightgbm.Params, lightgbm.make, lightgbm.space, lightgbm.load),
    "xgboost": Head("xgboost", xgboost.Params, xgboost.make, xgboost.space, xgboost.load, instead=xgboost.INSTEAD),
    "catboost": Head(
        "catboost", catboost.Params, catboost.make, catboost.space, catboost.load, instead=catboost.INSTEAD
    ),
    "mlp": Head("mlp", mlp.Params, mlp.make, mlp.space, mlp.load, uses_device=True),
}


def known_head(kind: str) -> str:
    """`kind`. Raises ValueError, naming the kinds there are, if it is none of them."""
    if kind not in HEADS:
        raise ValueError(f"unknown kind '{kind}'; known are {', '.join(HEADS)}")
    return kind


def head_params(kind: str, params: Mapping[str, Any]) -> StrictModel:
    """`params` over the kind's defaults. Raises ValueError, in one line, on an unknown kind, key or a bad value."""
    model = HEADS[known_head(kind)].params
    try:
        return model.model_validate(params)
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        raise ValueError(f"params.{one_line(error)}; parameters of {kind} are {known}") from None
