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
    report,
    score,
    select,
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
    select.KIND,
    activations.KIND,
    tune.KIND,
    heads.KIND,
    blend.KIND,
    worth.KIND,
    score.KIND,
    tune_noise.KIND,
    select_features.KIND,
    submit.KIND,
    report.KIND,  # last, for it tells of all others
]


def plan_of(run: Run) -> Plan:
    """Every stage of a run, by name. A stage reads only stages before it."""
    folder, stages = run.paths.oof(run.experiment.name), dict[str, Stage]()
    for kind in KINDS:
        stages |= {stage.name: stage for stage in kind.stages(run, Plan(folder, dict(stages)))}
    return Plan(folder, stages)


def run_kinds(run: Run, kinds: Sequence[StageKind]) -> dict[str, StageReport]:
    """Make the stages of these kinds, and before them what they read; reports by name. The experiment's lock must be
    held. With several targets, each by its own run; their CSVs are joined, and reports go by <target>/<stage>."""
    if run.competition.targets and submit.NAME in {kind.name for kind in kinds}:
        csv = run.paths.submission(run.experiment.name.partition("/")[0])
        raise UserError(f"submit: {csv} is joined of several targets; hand it in by hand")
    if len(run.parts) > 1:
        return _run_parts(run, kinds)
    plan, wanted = plan_of(run), {kind.name for kind in kinds}
    names = [name for name, stage in plan.stages.items() if stage.kind in wanted]
    return plan.make(names, force=run.force, strict=run.strict, say=run.say)


def _run_parts(run: Run, kinds: Sequence[StageKind]) -> dict[str, StageReport]:
    reports = {}
    for part in run.parts:
        run.say(f"target {part.competition.target}:")
        for name, made in run_kinds(part, kinds).items():
            reports[f"{part.competition.target}/{name}"] = made
    if blend.NAME in {kind.name for kind in kinds}:
        blend.join(run)
    return reports
