"""The plan of a run that has so many minutes, as it is recorded: what to make, in which order, and what was changed.

oof/<experiment>/plan.json is written before anything starts, and again before any change of it takes effect, so a run
that was killed goes on by the plan that it had. While the plan is in force, its experiment is the one that stages see.
"""

import json
from pathlib import Path

from pydantic import ValidationError

from swapdae.base.files import write_text
from swapdae.base.models import StrictModel
from swapdae.experiment.config import Experiment
from swapdae.experiment.costs import Machine, TableSize
from swapdae.experiment.stage_report import digest

PLAN = "plan.json"
MAX_TRIALS = 200  # of one search


class Planned(StrictModel):
    """asked: a hash of each thing that it was made for, by name. experiment: what the stages see. steps: stages in
    order; the first head of them is made whatever it takes. seconds: the forecast of each. start: seconds of what is
    no step. why: lines for the user.

    limits: seconds of the searches that have begun. settled: the searches whose number of trials is final. spent:
    seconds at the end of the last step. changes: what the clock has changed. finished: all was made; from then on the
    clock changes nothing.
    """

    asked: dict[str, str]
    minutes: float
    size: TableSize
    machine: Machine
    experiment: Experiment
    steps: tuple[str, ...]
    seconds: dict[str, float]
    start: float
    why: tuple[str, ...]
    limits: dict[str, float] = {}
    settled: tuple[str, ...] = ()
    spent: float = 0.0
    changes: tuple[str, ...] = ()
    finished: bool = False

    @property
    def forecast(self) -> float:
        """Seconds of all of it."""
        return self.start + sum(self.seconds.values())

    @property
    def required(self) -> str:
        """The head that is made whatever it takes."""
        return next(step for step in self.steps if step.startswith("heads/"))

    def left(self, spent: float) -> float:
        """Seconds that remain for steps that may be left out."""
        return 60 * self.minutes - spent - sum(self.seconds[step] for step in self.steps if step in LAST)

    def with_trials(self, head: str, trials: int, why: str = "") -> "Planned":
        """The number of trials is final; 0 leaves the search out."""
        step = f"tune/{head}"
        changed = self.experiment.heads[head].model_copy(update={"trials": trials})
        experiment = self.experiment.model_copy(update={"heads": {**self.experiment.heads, head: changed}})
        steps = tuple(name for name in self.steps if trials or name != step)
        update = {"experiment": experiment, "steps": steps, "settled": (*self.settled, step)}
        return self._changed(why, **update, limits={k: v for k, v in self.limits.items() if k != step})

    def with_epochs(self, epochs: int, why: str) -> "Planned":
        training = self.experiment.dae.training.model_copy(update={"epochs": epochs})
        dae = self.experiment.dae.model_copy(update={"training": training})
        return self._changed(why, experiment=self.experiment.model_copy(update={"dae": dae}))

    def without(self, step: str, why: str) -> "Planned":
        """Without this stage and all that read it. A stage that the first head reads cannot go."""
        heads = self.experiment.heads
        gone = {name for name, head in heads.items() if step == f"heads/{name}" or (step == "dae" and head.uses_dae)}
        stages = {step} | {f"{kind}/{name}" for name in gone for kind in ("tune", "heads")}
        kept = {name: head for name, head in heads.items() if name not in gone}
        if not any(head.uses_dae for head in kept.values()):
            stages |= {"dae", "worth", "activations"}
        experiment = self.experiment.model_copy(update={"heads": kept})
        return self._changed(why, experiment=experiment, steps=tuple(name for name in self.steps if name not in stages))

    def _changed(self, why: str, **update: object) -> "Planned":
        return self.model_copy(update={**update, "changes": (*self.changes, why) if why else self.changes})


LAST = ("blend", "models", "score")  # steps that are never left out, beside the first head


def asked_of(experiment: Experiment) -> str:
    """The hash of an experiment as its TOML has it."""
    return digest(experiment.model_dump(mode="json", exclude={"minutes"}))


def read_plan(folder: Path) -> Planned | None:
    """The plan in oof/<experiment>; None where there is none, or one that cannot be read."""
    try:
        return Planned.model_validate_json((folder / PLAN).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValidationError, ValueError):
        return None


def write_plan(folder: Path, planned: Planned) -> None:
    """Write plan.json in one step."""
    write_text(folder / PLAN, json.dumps(planned.model_dump(mode="json"), indent=1) + "\n")


def in_force(folder: Path, experiment: Experiment) -> Experiment:
    """The experiment as it was planned last; as it is, where there is no plan of it."""
    planned = read_plan(folder)
    if planned is None or planned.asked.get("experiment") != asked_of(experiment):
        return experiment
    return planned.experiment
