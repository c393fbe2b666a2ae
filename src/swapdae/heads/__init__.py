"""Heads by kind. A new head is a file with Params, make and space, and a line here."""

from swapdae.heads import catboost, lightgbm, mlp, ridge, xgboost
from swapdae.modelling.head import Head

HEADS: dict[str, Head] = {
    "ridge": Head("ridge", ridge.Params, ridge.make, ridge.space),
    "lightgbm": Head("lightgbm", lightgbm.Params, lightgbm.make, lightgbm.space),
    "xgboost": Head("xgboost", xgboost.Params, xgboost.make, xgboost.space),
    "catboost": Head("catboost", catboost.Params, catboost.make, catboost.space),
    "mlp": Head("mlp", mlp.Params, mlp.make, mlp.space, is_network=True),
}
