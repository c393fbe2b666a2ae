"""Write an experiment that was made from another one: the other's TOML with some keys replaced."""

import json
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from swapdae.base.errors import UserError
from swapdae.base.files import write_text
from swapdae.base.models import parse
from swapdae.base.paths import Paths
from swapdae.experiment.config import Experiment


def toml_of(values: Mapping[str, Any]) -> str:
    """Values of a TOML file as TOML, tables last. For what an experiment holds: no dates, no tables within arrays."""
    return "\n".join(_table(values, ())).strip("\n") + "\n"


def _table(values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if path and (plain or not values):
        yield f"\n[{'.'.join(map(_key, path))}]"
    yield from (f"{_key(key)} = {_value(value)}" for key, value in plain.items())
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _table(value, (*path, key))


def _key(key: str) -> str:
    bare = key.isascii() and key.replace("-", "a").replace("_", "a").isalnum()
    return key if bare else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, float):
        return repr(value)  # TOML knows inf and nan by these names, JSON by others
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def write_experiment(
    paths: Paths, name: str, source: str, dae: Mapping[str, Any], comment: tuple[str, ...], *, force: bool
) -> None:
    """experiments/<name>.toml: that of the experiment `source` with keys of [dae] replaced, under comment lines.

    Raises UserError where the file exists and says something else, unless `force`, and where it cannot be written.
    """
    values = tomllib.loads(paths.experiment_file(source).read_text(encoding="utf-8"))
    values = {**values, "dae": {**values.get("dae", {}), **dae}}
    file = paths.experiment_file(name)
    parse(Experiment, {**values, "name": name}, str(file))
    text = "".join(f"# {line}\n" for line in comment) + toml_of(values)
    if file.is_file() and file.read_text(encoding="utf-8") != text and not force:
        raise UserError(f"{file}: is there and says something else; move it away, or overwrite it with --force")
    try:
        write_text(file, text)
    except OSError as error:
        raise UserError(f"{file}: cannot be written: {error.strerror}") from error
