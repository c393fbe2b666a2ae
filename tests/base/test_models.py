from pathlib import Path

import pytest

from swapdae.base.errors import UserError
from swapdae.base.models import Name, Strict, parse, read_toml


class Inner(Strict):
    n: int = 1


class Outer(Strict):
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


class Named(Strict):
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
