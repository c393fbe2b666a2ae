"""Strict models: immutable, every key known, every complaint one line."""

import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from swapdae.base.errors import UserError

Rate = Annotated[float, Field(ge=0, le=1)]


def _name(text: str) -> str:
    """The text, if it can be the name of a folder and of nothing else."""
    if len(text) > 100 or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*", text):
        raise ValueError("a name has 1 to 100 letters, digits, '_' and '-', and single dots inside")
    return text


Name = Annotated[str, AfterValidator(_name)]  # of a competition, an experiment, a head: each becomes a folder


class Strict(BaseModel):
    """Base of every model of ours: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Model = TypeVar("Model", bound=Strict)


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
        raise UserError(f"{where}: {_one_line(error)}") from None


def _one_line(error: ValidationError) -> str:
    """The first complaint, with the key's path in front, and how many more there are."""
    problems = error.errors()
    first = problems[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    message = "unknown key" if first["type"] == "extra_forbidden" else first["msg"].removeprefix("Value error, ")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return " ".join(f"{key}: {message}{more}".removeprefix(": ").split())
