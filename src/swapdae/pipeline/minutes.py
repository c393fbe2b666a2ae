"""A run that has so many minutes: it is planned, made step by step, and ends with a submission when time runs out.

Whatever the clock changes is recorded before it takes effect, and follows from recorded seconds wherever it can: those
at the end of the last step, and those of a search's finished trials.
"""

import time
from dataclasses import replace

from swapdae.base.errors import TimeIsUp
from swapdae.competition.download import ensure_files, file_hashes, folds_file_hash
from swapdae.experiment.budget import planned
from swapdae.experiment.planned import LAST, MAX_TRIALS, PLAN, Planned, asked_of, read_plan, write_plan
from swapdae.experiment.stage_report import digest
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.probe import measured, size_of
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import plan_of

FIXED = ("download", "folds", *LAST)


def plan_for(run: Run, minutes: float) -> Planned:
    """The recorded plan, where it was made for the same table, experiment, minutes and device; else a new one, which is
    recorded. `run` must be of the experiment as its TOML has it; its lock must be held."""
    started, folder = time.perf_counter(), run.paths.oof(run.experiment.name)
    for part in run.parts:
        ensure_files(part.competition, run.input, run.say)
    asked = {
        "experiment": asked_of(run.experiment),
        "minutes": f"{minutes:g}",
        "device": run.device,
        "competition": digest(run.competition.model_dump(mode="json")),
        "files": digest(file_hashes(run.competition, run.input) | folds_file_hash(run.competition, run.input)),
        "own": run.own.sha256 if run.own is not None else "",
    }
    found = None if run.force else read_plan(folder)
    if found is not None and found.asked == asked:
        run.say(f"plan: goes on by {folder / PLAN}")
    else:
        size, machine = size_of(run), measured(run)
        found = planned(run.experiment, size, machine, minutes, time.perf_counter() - started)
        found = found.model_copy(update={"asked": asked})
        write_plan(folder, found)
    for line in (*found.why, *found.changes):
        run.say(line)
    return found


def run_planned(run: Run, plan: Planned) -> Planned:
    """Make all steps. The experiment's lock must be held. Returns the plan as it was carried out."""
    clock = _Clock(plan.spent)
    run = replace(run, device="cuda" if plan.machine.gpu else "cpu")  # raises where the GPU is gone
    made, begun = set[str](), set[str]()
    while step := next((step for step in plan.steps if step not in made), None):
        now = replace(run, experiment=plan.experiment)
        if not plan.finished and step not in FIXED and not _is_done(now, step):
            before, plan = plan, _settled(plan, step, made, clock.spent)
            _record(run, before, plan)
            if step not in plan.steps:
                continue
        limits = {} if plan.finished else _limits(plan, step, clock.spent)
        trying = _with_all_trials(plan, step) if step in plan.limits else plan
        try:
            _make(
                replace(run, experiment=trying.experiment, limits=limits, force=run.force and step not in begun), step
            )
        except TimeIsUp as up:
            begun.add(step)
            before, plan = plan, _cut(plan, step, up.keep)
            _record(run, before, plan)
            continue
        made.add(step)
        if step in plan.limits:
            plan = trying
        plan = plan.model_copy(update={"spent": plan.spent if plan.finished else clock.spent})
        write_plan(run.paths.oof(run.experiment.name), plan)
    if not plan.finished:
        run.say(f"plan: took {clock.spent:.0f} s, forecast {plan.forecast:.0f} s, of {60 * plan.minutes:.0f} s")
        plan = plan.model_copy(update={"finished": True})
        write_plan(run.paths.oof(run.experiment.name), plan)
    return plan


class _Clock:
    """Seconds that the run has taken, those of killed processes up to their last finished step."""

    def __init__(self, before: float) -> None:
        self._before, self._started = before, time.perf_counter()

    @property
    def spent(self) -> float:
        return self._before + time.perf_counter() - self._started


def _plans(run: Run) -> list[Plan]:
    """Of each target, and of all together."""
    return [plan_of(part) for part in run.parts] + ([plan_of(run)] if len(run.parts) > 1 else [])


def _is_done(run: Run, step: str) -> bool:
    of_step = [plan for plan in _plans(run) if step in plan.stages]
    return all(plan.states()[step].state == "done" for plan in of_step)


def _make(run: Run, step: str) -> None:
    for plan in _plans(run):
        if step in plan.stages:
            plan.make([step], force=run.force, strict=run.strict, say=run.say)


def _settled(plan: Planned, step: str, made: set[str], spent: float) -> Planned:
    """As the clock leaves it before a step: a search gets its share of what is left, what does not fit goes."""
    if step in plan.settled or step in plan.limits or _is_required(plan, step):
        return plan
    left = plan.left(spent)
    if not step.startswith("tune/"):
        needed = plan.seconds[step]
        if step == "dae":  # it is trained for a head
            needed += min(
                plan.seconds[f"heads/{name}"] for name, head in plan.experiment.heads.items() if head.uses_dae
            )
        gone = f"{step}: left out, {needed:.0f} s are more than the {max(left, 0):.0f} s left"
        return plan.without(step, gone) if needed > left else plan
    pending = [name for name in plan.steps if name not in made and name not in LAST]
    searches = [name for name in pending if name.startswith("tune/") and name not in plan.settled]
    share = (left - sum(plan.seconds[name] for name in pending if name not in searches)) / len(searches)
    head = step.removeprefix("tune/")
    if share < plan.seconds[step] / plan.experiment.heads[head].trials:
        return plan.with_trials(head, 0, f"{step}: left out, {max(share, 0):.0f} s are too few for a trial")
    return plan.model_copy(update={"limits": {**plan.limits, step: share}})


def _limits(plan: Planned, step: str, spent: float) -> dict[str, float]:
    """Seconds that a stage may take, by its name; none for what is made whatever it takes."""
    if step in FIXED or _is_required(plan, step):
        return {}
    if step.startswith("tune/"):
        return {step: plan.limits[step] / plan.size.n_targets} if step in plan.limits else {}
    return {step: plan.left(spent)}


def _is_required(plan: Planned, step: str) -> bool:
    """The first head, and the autoencoder if it reads one."""
    first = plan.experiment.heads[plan.required.removeprefix("heads/")]
    return step == plan.required or (step == "dae" and first.uses_dae)


def _with_all_trials(plan: Planned, step: str) -> Planned:
    """As many as the search's seconds allow, up to MAX_TRIALS."""
    return plan.with_trials(step.removeprefix("tune/"), MAX_TRIALS)


def _cut(plan: Planned, step: str, keep: int) -> Planned:
    """The plan without what a stage had no time for."""
    if step.startswith("tune/"):
        return plan.with_trials(step.removeprefix("tune/"), keep, f"{step}: {keep} trials, its time is up")
    if step == "dae" and keep:
        return plan.with_epochs(keep, f"{step}: {keep} epochs, for it is slower than was forecast")
    return plan.without(step, f"{step}: left out, for it is slower than was forecast")


def _record(run: Run, before: Planned, plan: Planned) -> None:
    """Before it takes effect."""
    if plan is not before:
        write_plan(run.paths.oof(run.experiment.name), plan)
        for line in plan.changes[len(before.changes) :]:
            run.say(line)
