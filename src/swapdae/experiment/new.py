"""A competition of one's own from its files: input/<name>/ with competition.toml, and experiments/<name>.toml."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from swapdae.base.errors import UserError
from swapdae.base.files import write_text
from swapdae.base.models import StrictModel, parse
from swapdae.base.paths import Paths
from swapdae.base.text import printable
from swapdae.competition.config import Competition
from swapdae.competition.csv_file import write_csv
from swapdae.competition.guesses import Guess, guess_competition
from swapdae.competition.table import Table, read_table
from swapdae.competition.table_file import read_cells
from swapdae.experiment.config import Experiment
from swapdae.experiment.file import toml_of
from swapdae.experiment.first import Size, first_experiment


class Sources(StrictModel):
    """The user's files."""

    train: Path
    test: Path
    sample: Path | None = None
    solution: Path | None = None


def new_competition(
    paths: Paths,
    name: str,
    sources: Sources,
    told: Mapping[str, str | None],
    *,
    force: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Write files and both TOMLs, and say what was guessed and why.

    told: what the user says of id, target, task and metric. Raises UserError where something is there already, unless
    `force`, and where files or guesses do not make a table.
    """
    parse(Competition, {"name": name, "host": "none", "id": "", "target": "", **_PLAIN}, "the competition's name")
    _refuse_what_is_there(paths, name, sources, force)
    read = {key: _cells(file) for key, file in sources if file is not None}
    guess = guess_competition(read["train"], read["test"], read.get("sample"), told)
    if "solution" in read:
        guess.values["files"] = {"solution": "solution.csv"}
        if lacking := {guess.values["id"], *guess.targets} - set(read["solution"]):
            raise UserError(f"{sources.solution}: no column '{min(lacking)}', as train has it; give it that name")
    competition = parse(Competition, {**guess.values, "name": name}, "what was guessed")
    frames = {"train.csv": guess.train, "test.csv": guess.test, "sample_submission.csv": guess.sample}
    if "solution" in read:
        frames["solution.csv"] = read["solution"]
    for file, frame in frames.items():
        write_csv(frame, paths.input(name) / file)
    try:
        several = [competition.for_target(target) for target in competition.targets]
        tables = [read_table(one, paths.input(name)) for one in several or [competition]]
        table = max(tables, key=lambda table: len(table.classes))
    except UserError:  # so that the same command can be run again on files that are mended
        for file in frames:
            (paths.input(name) / file).unlink()
        raise
    values, sizes = first_experiment(name, _size(table, competition))
    parse(Experiment, {**values, "name": name}, "what was guessed")
    write_text(paths.competition_file(name), _competition_toml(guess))
    write_text(paths.experiment_file(name), "# A first experiment, by the table's size.\n" + toml_of(values))
    for line in [*guess.reasons, *sizes]:
        say(printable(line))
    say(f"written: {paths.competition_file(name)}, {paths.experiment_file(name)}; next: swapdae run {name}")


_PLAIN: dict[str, Any] = {"task": "regression", "metric": "rmse"}


def _refuse_what_is_there(paths: Paths, name: str, sources: Sources, force: bool) -> None:
    files = [paths.input(name) / file for file in ("train.csv", "test.csv", "sample_submission.csv", "solution.csv")]
    given = {file.resolve() for _, file in sources if file is not None}
    for file in files:
        if file.resolve() in given:
            raise UserError(f"{file}: is where the copy goes; move the files out of {paths.input(name)} first")
    for file in (paths.competition_file(name), paths.experiment_file(name), *files):
        if file.exists() and not force:
            raise UserError(f"{file}: is there already; choose another name, or overwrite it with --force")


def _cells(file: Path) -> pd.DataFrame:
    if not file.is_file():
        raise UserError(f"{file}: no such file; name the file by its path")
    return read_cells(file, ["an id", "the features"], "new")


def _size(table: Table, competition: Competition) -> Size:
    n_train = table.n_train * (competition.folds.count - 1) // competition.folds.count
    return Size(table.n_train + table.n_test, n_train, len(table.classes) if len(table.classes) > 2 else 1)


def _competition_toml(guess: Guess) -> str:
    comments = "".join(f"# {printable(line)}\n" for line in guess.comments)
    return toml_of(guess.values) + (f"\n# To be decided by you, under [folds]:\n{comments}" if comments else "")
