"""Strict models: immutable, every key known, every complaint one line."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from swapdae.base.errors import UserError

Rate = Annotated[float, Field(ge=0, le=1)]


def _name(text: str) -> str:
    """The text, if it can be the name of a folder and of nothing else."""
    if len(text) > 100 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", text):
        raise ValueError("a name has 1 to 100 letters, digits, '_' and '-', and single dots inside")
    return text


Name = Annotated[str, AfterValidator(_name)]  # of a competition, an experiment, a head: each becomes a folder


class StrictModel(BaseModel):
    """Base of every model of ours: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=StrictModel)
Entry = TypeVar("Entry")


def entry(registry: Mapping[str, Entry], name: object, word: str = "kind") -> Entry:
    """registry[name]. Raises ValueError, in one line, naming the known ones."""
    if isinstance(name, str) and name in registry:
        return registry[name]
    raise ValueError(f"unknown {word} {name!r}; known are {', '.join(registry)}")


def by_kind(registry: Mapping[str, type[Model]]) -> BeforeValidator:
    """Of a field that takes any model of `registry`: the value's `kind` says which.

    The registry is asked at validation, so what is added to it later is accepted. Annotate such a field with pydantic's
    SerializeAsAny, so that the chosen model's own fields are dumped, too.
    """

    def validate(value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        if "kind" not in value:
            raise ValueError(f"kind is missing; known are {', '.join(registry)}")
        return entry(registry, value["kind"]).model_validate(value)

    return BeforeValidator(validate)


def read_toml(model: type[Model], file: Path, **more: Any) -> Model:
    """A TOML file, and `more` that it does not say itself, as a model. Raises UserError naming file and key."""
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{file}: no such file; `swapdae list` names what there is") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not valid TOML: {error}") from None
    return parse(model, {**values, **more}, str(file))


def parse(model: type[Model], values: dict[str, Any], where: str) -> Model:
    """Values as a model. Raises UserError, in one line, naming `where` and the key."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {one_line(error)}") from None


def one_line(error: ValidationError) -> str:
    """The first complaint, with the key's path in front, and how many more there are."""
    (key, message), *others = _complaints(error)
    more = f" (and {len(others)} more)" if others else ""
    return " ".join(f"{key}: {message}{more}".removeprefix(": ").split())


def _complaints(error: ValidationError, above: tuple[int | str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Key and message of each, those of a model inside (see `by_kind`) with its own keys."""
    for problem in error.errors():
        path, inner = (*above, *problem["loc"]), problem.get("ctx", {}).get("error")
        if isinstance(inner, ValidationError):
            yield from _complaints(inner, path)
        else:
            unknown = problem["type"] == "extra_forbidden"
            message = "unknown key" if unknown else problem["msg"].removeprefix("Value error, ")
            yield ".".join(str(part) for part in path if part != "[key]"), message
