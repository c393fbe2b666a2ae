"""The stages of a run, in order: the one list of them. A new stage is a file here and a line in KINDS."""

from collections.abc import Sequence

from swapdae.base.errors import UserError
from swapdae.experiment.stage_report import StageReport
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage
from swapdae.pipeline.stages import (
    activations,
    blend,
    dae,
    download,
    folds,
    heads,
    models,
    report,
    score,
    select_features,
    submit,
    tune,
    tune_noise,
    worth,
)

KINDS: list[StageKind] = [
    download.KIND,
    folds.KIND,
    dae.KIND,
    activations.KIND,
    tune.KIND,
    heads.KIND,
    blend.KIND,
    models.KIND,
    worth.KIND,
    score.KIND,
    tune_noise.KIND,
    select_features.KIND,
    submit.KIND,
    report.KIND,  # last, for it tells of all others
]


def plan_of(run: Run) -> Plan:
    """Every stage of a run, by name; with several targets, those for all. A stage reads only stages before it."""
    folder, stages = run.paths.oof(run.experiment.name), dict[str, Stage]()
    plans = {part.competition.target: plan_of(part) for part in run.parts} if len(run.parts) > 1 else {}
    for kind in KINDS:
        before = Plan(folder, dict(stages))
        if not plans:
            stages |= {stage.name: stage for stage in kind.stages(run, before)}
        elif kind.joined is not None:
            stages[kind.name] = kind.joined(run, {**plans, "": before})
    return Plan(folder, stages)


def run_kinds(run: Run, kinds: Sequence[StageKind]) -> dict[str, StageReport]:
    """Make the stages of these kinds, and before them what they read; reports by name. The experiment's lock must be
    held. With several targets, each by its own run, whose reports go by <target>/<stage>; then those for all."""
    reports, wanted = dict[str, StageReport](), {kind.name for kind in kinds}
    if len(run.parts) > 1:
        reports = _run_parts(run, [kind for kind in kinds if kind.name != submit.NAME])
    elif run.competition.targets and submit.NAME in wanted:
        raise UserError(f"submit: targets are handed in together: `swapdae submit {run.stem}`")
    plan = plan_of(run)
    names = [name for name, stage in plan.stages.items() if stage.kind in wanted]
    if names and len(run.parts) > 1:
        run.say("all targets:")
    return reports | plan.make(names, force=run.force, strict=run.strict, say=run.say)


def _run_parts(run: Run, kinds: Sequence[StageKind]) -> dict[str, StageReport]:
    reports = {}
    for part in run.parts if kinds else ():
        run.say(f"target {part.competition.target}:")
        for name, made in run_kinds(part, kinds).items():
            reports[f"{part.competition.target}/{name}"] = made
    return reports
