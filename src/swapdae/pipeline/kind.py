"""A kind of stage: what a file in pipeline/stages/ offers. Adding one is that file and a line in its registry."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from swapdae.base.models import StrictModel
from swapdae.experiment.stage_report import read_report
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

Options = TypeVar("Options", bound=StrictModel)


@dataclass(frozen=True)
class StageKind:
    """name: of its command, and of its folder under oof/<experiment>/. does, writes: what README and --help say of it.

    stages: (run, stages before it) -> its stages in this run; none where the experiment has no use for it.
    options: what its command can be told, with descriptions; Run.options then holds them under `name`.
    in_run: whether `swapdae run` makes it. joined: (run, plans) -> its one stage for all of several targets; plans: of
    the stages before it, by target, and under "" of those for all.
    """

    name: str
    does: str
    writes: str
    stages: Callable[[Run, Plan], list[Stage]]
    options: type[StrictModel] | None = None
    in_run: bool = True
    joined: Callable[[Run, Mapping[str, Plan]], Stage] | None = None

    @property
    def command(self) -> str:
        return self.name.replace("_", "-")


def told_or_recorded(run: Run, name: str, options: type[Options]) -> Options | None:
    """What the stage's command was told; else what it was told when it ran; None where it has not."""
    if isinstance(told := run.options.get(name), options):
        return told
    report = read_report(run.directory(name))
    return None if report is None else options.model_validate(report.config["options"])
