"""What every head's parameters are: made from the Params classes, so it says what is refused and what is taken."""

import inspect
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel, entry
from swapdae.base.text import markdown_table
from swapdae.heads import HEADS

# A name means the same in every head that has it. A field's own description, as of a head from outside, goes first.
MEANINGS = {
    "alpha": "penalty on the squared weights, as in scikit-learn's Ridge",
    "learning_rate": "step size: of each round of boosting, or of the network's optimizer",
    "num_leaves": "leaves of a tree at most",
    "min_child_samples": "rows in a leaf at least",
    "feature_fraction": "share of columns that a tree may use",
    "bagging_fraction": "share of rows that a tree is grown on",
    "lambda_l1": "penalty on the absolute values of leaves",
    "lambda_l2": "penalty on the squared values of leaves",
    "cat_smooth": "rows by which a category's statistics are drawn to the mean",
    "cat_l2": "penalty on the squared values of leaves, in splits on categories",
    "min_data_per_group": "rows of a category at least, for it to be split on",
    "path_smooth": "draws leaves of few rows to their parents",
    "extra_trees": "draw each split's threshold at random",
    "n_estimators": "rounds of boosting at most",
    "patience": "rounds, or epochs, without gain on the stop rows after which fitting ends",
    "max_depth": "depth of a tree at most",
    "min_child_weight": "sum of the loss's second derivatives in a leaf at least",
    "subsample": "share of rows that a tree is grown on",
    "colsample_bytree": "share of columns that a tree may use",
    "reg_alpha": "penalty on the absolute values of leaves",
    "reg_lambda": "penalty on the squared values of leaves",
    "max_cat_to_onehot": "levels up to which a category is split on one by one",
    "depth": "depth of the trees, which are symmetric",
    "l2_leaf_reg": "penalty on the squared values of leaves",
    "random_strength": "noise on the gains of splits",
    "rsm": "share of columns that a split may use",
    "one_hot_max_size": "levels up to which a category is one-hot encoded",
    "max_ctr_complexity": "categories that are combined at most",
    "iterations": "rounds of boosting at most",
    "od_wait": "rounds without gain on the stop rows after which fitting ends",
    "width": "units of a layer",
    "n_layers": "hidden layers",
    "n_members": "networks trained side by side, whose mean predicts",
    "dropout": "share of units that are dropped in training",
    "weight_decay": "AdamW's decay of weights",
    "batch_size": "rows of a training step",
    "epochs": "passes over the rows at most, and the length of the cosine schedule",
}
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def params_text(kind: str | None = None) -> str:
    """A Markdown table for one kind of head, or one for each. Raises UserError for a kind that there is not."""
    try:
        kinds = list(HEADS) if kind is None else [entry(HEADS, kind).kind]
    except ValueError as error:
        raise UserError(str(error)) from None
    return "\n\n".join(f"{name}: {_about(HEADS[name].params)}\n\n{_table(HEADS[name].params)}" for name in kinds)


def _about(params: type[StrictModel]) -> str:
    """The class's docstring on one line."""
    return " ".join((inspect.getdoc(params) or "").split())


def _table(params: type[StrictModel]) -> str:
    rows = [
        (name, _default(field), _range(field), field.description or MEANINGS.get(name, ""))
        for name, field in params.model_fields.items()
    ]
    return markdown_table([("name", "default", "range", "meaning"), *rows])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return "must be given"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _range(field: FieldInfo) -> str:
    """The choices, or the bounds after the type's name."""
    kind: Any = field.annotation
    if type(None) in get_args(kind):  # what need not be given: None is told as the default
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    told = ((sign, getattr(bound, key, None)) for bound in field.metadata for key, sign in SIGNS.items())
    bounds = ", ".join(f"{sign} {value}" for sign, value in told if value is not None)
    if kind is bool:
        return "true or false"
    named = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
    return f"{named} {bounds}".rstrip()
