"""The parameters that are told are those that are taken."""

from dataclasses import replace

import pytest
from pydantic import Field, ValidationError

from swapdae.base.errors import UserError
from swapdae.base.models import StrictModel
from swapdae.heads import HEADS
from swapdae.heads.params import MEANINGS, params_text


def rows(kind: str) -> dict[str, list[str]]:
    lines = [line for line in params_text(kind).splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {name: rest for name, *rest in cells}


@pytest.mark.parametrize("kind", sorted(HEADS))
def test_every_parameter_is_told_with_default_and_meaning(kind: str) -> None:
    found, fields = rows(kind), HEADS[kind].params.model_fields
    assert list(found) == list(fields)
    for name, (default, _, meaning) in found.items():
        assert default.lower() == str(fields[name].default).lower() and meaning, name


def test_range_is_what_is_taken() -> None:
    assert rows("catboost")["depth"][1] == "int ≥ 1, ≤ 16"
    assert rows("lightgbm")["feature_fraction"][1] == "float > 0, ≤ 1"
    assert rows("ridge")["alpha"][:2] == ["None", "float > 0"]
    assert rows("lightgbm")["extra_trees"] == ["false", "true or false", MEANINGS["extra_trees"]]
    assert rows("lightgbm")["monotone"][1] == "dict[str, Literal[-1, 0, 1]]"
    HEADS["catboost"].params.model_validate({"depth": 16})
    with pytest.raises(ValidationError):
        HEADS["catboost"].params.model_validate({"depth": 17})


def test_a_head_from_outside_tells_by_its_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    class Params(StrictModel):
        """Of mine."""

        k: int = Field(ge=1, description="neighbours")

    monkeypatch.setitem(HEADS, "mine", replace(HEADS["ridge"], kind="mine", params=Params))
    assert rows("mine") == {"k": ["must be given", "int ≥ 1", "neighbours"]}
    assert params_text("mine").startswith("mine: Of mine.\n") and "mine: " in params_text()


def test_no_meaning_is_left_over_and_an_unknown_kind_is_refused() -> None:
    assert set(MEANINGS) <= {name for head in HEADS.values() for name in head.params.model_fields}
    with pytest.raises(UserError, match=r"unknown kind 'forest'; known are ridge, lightgbm"):
        params_text("forest")
