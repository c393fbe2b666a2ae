"""Experiments that come with the package, for a folder that has none: those of the repository, also in a wheel.

templates/ holds links to the repository's experiments/ and input/, which a wheel gets the contents of.
"""

from collections.abc import Callable
from pathlib import Path

from swapdae.base.files import write_text
from swapdae.base.models import read_toml
from swapdae.base.paths import Paths
from swapdae.experiment.config import Experiment

SHIPPED = Paths(Path(__file__).parents[1] / "templates")


def bring_shipped(paths: Paths, name: str, say: Callable[[str], None]) -> None:
    """Put a shipped experiment and its competition where they are missing; nothing for a name that is not shipped."""
    shipped = SHIPPED.experiment_file(name)
    if paths.experiment_file(name).exists() or not shipped.is_file():
        return
    competition = read_toml(Experiment, shipped, name=name).competition
    for source, file in (
        (SHIPPED.competition_file(competition), paths.competition_file(competition)),
        (shipped, paths.experiment_file(name)),
    ):
        if not file.exists():
            write_text(file, source.read_text(encoding="utf-8"))
            say(f"{file}: brought from the package")
