"""Where everything lies: every path is derived from a competition's or an experiment's name."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Paths:
    """The tree of one solution repository."""

    root: Path

    def input(self, competition: str) -> Path:
        return self.root / "input" / competition

    def competition_file(self, competition: str) -> Path:
        return self.input(competition) / "competition.toml"

    def own_features(self, competition: str, experiment: str) -> tuple[Path, Path]:
        """Where columns of one's own are made: for one experiment, for all of a competition. The first counts."""
        return self.root / "experiments" / f"{experiment}.py", self.input(competition) / "features.py"

    def experiment_file(self, experiment: str) -> Path:
        return self.root / "experiments" / f"{experiment}.toml"

    def oof(self, experiment: str) -> Path:
        return self.root / "oof" / experiment

    def stage(self, experiment: str, stage: str) -> Path:
        return self.oof(experiment) / stage

    def submission(self, experiment: str) -> Path:
        return self.root / "submissions" / f"{experiment}.csv"

    @property
    def submission_log(self) -> Path:
        return self.root / "submissions" / "LOG.md"


def here() -> Paths:
    """The tree named by SWAPDAE_ROOT, else the nearest folder upwards with experiments/ and input/, else this one."""
    if root := os.environ.get("SWAPDAE_ROOT"):
        return Paths(Path(root).resolve())
    cwd = Path.cwd()
    for folder in (cwd, *cwd.parents):
        if (folder / "experiments").is_dir() and (folder / "input").is_dir():
            return Paths(folder)
    return Paths(cwd)
