from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import SerializeAsAny

from swapdae.base.errors import UserError
from swapdae.base.models import Name, StrictModel, by_kind, entry, parse, read_toml


class Inner(StrictModel):
    n: int = 1


class Outer(StrictModel):
    name: str
    inner: Inner = Inner()


def test_toml_and_what_it_does_not_say_itself(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[inner]\nn = 3")
    assert read_toml(Outer, tmp_path / "x.toml", name="x") == Outer(name="x", inner=Inner(n=3))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "x", "iner": {}}, "here: iner: unknown key"),
        ({"name": "x", "inner": {"m": 1}}, "here: inner.m: unknown key"),
        ({"name": 5, "inner": {"n": "many"}}, "here: name: Input should be a valid string (and 1 more)"),
        ({}, "here: name: Field required"),
    ],
)
def test_first_complaint_in_one_line(values: dict[str, object], said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Outer, values, "here")
    assert str(caught.value) == said


class Named(StrictModel):
    name: Name
    heads: dict[Name, int] = {}


@pytest.mark.parametrize("name", ["a", "A-1_b", "a.b", "ridge_dae.v2", "x" * 100])
def test_names(name: str) -> None:
    assert parse(Named, {"name": name, "heads": {name: 1}}, "here").name == name


@pytest.mark.parametrize("name", ["", "..", ".a", "a..b", "a.", "../a", "a/b", "a b", "a\n", "x" * 101, "-a", "é"])
def test_what_is_no_name(name: str) -> None:
    for values in ({"name": name}, {"name": "a", "heads": {name: 1}}):
        with pytest.raises(UserError, match=r"^here: .*a name has 1 to 100 letters"):
            parse(Named, values, "here")


class Shape(StrictModel):
    kind: str


class Circle(Shape):
    kind: Literal["circle"] = "circle"
    radius: int = 1


class Square(Shape):
    kind: Literal["square"] = "square"
    side: int = 1


SHAPES: dict[str, type[Shape]] = {"circle": Circle}


class Drawing(StrictModel):
    shape: Annotated[SerializeAsAny[Shape], by_kind(SHAPES)] = Circle()


def test_the_kind_chooses_the_model_and_all_of_it_is_dumped() -> None:
    drawing = parse(Drawing, {"shape": {"kind": "circle", "radius": 3}}, "here")
    assert drawing.shape == Circle(radius=3)
    assert drawing.model_dump(mode="json") == {"shape": {"kind": "circle", "radius": 3}}
    assert Drawing.model_validate(drawing.model_dump()) == drawing == Drawing(shape=Circle(radius=3))


def test_what_is_added_to_the_registry_later_is_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError):
        parse(Drawing, {"shape": {"kind": "square"}}, "here")
    monkeypatch.setitem(SHAPES, "square", Square)
    assert parse(Drawing, {"shape": {"kind": "square"}}, "here").shape == Square()


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"kind": "oval"}, "here: shape: unknown kind 'oval'; known are circle"),
        ({"kind": ["circle"]}, "here: shape: unknown kind ['circle']; known are circle"),
        ({"radius": 3}, "here: shape: kind is missing; known are circle"),
        ({"kind": "circle", "radios": 3}, "here: shape.radios: unknown key"),
        ({"kind": "circle", "radius": "far", "x": 1}, "here: shape.radius: Input should be a valid integer"),
        ("circle", "here: shape: Input should be a valid dictionary"),
    ],
)
def test_no_model_of_the_registry_is_one_line(shape: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Drawing, {"shape": shape}, "here")
    assert str(caught.value).startswith(said) and "\n" not in str(caught.value)


def test_unknown_entry_is_named_by_its_word() -> None:
    assert entry({"auc": 1}, "auc", "metric") == 1
    with pytest.raises(ValueError, match="unknown metric 'acu'; known are auc"):
        entry({"auc": 1}, "acu", "metric")
