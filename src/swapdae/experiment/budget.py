"""A budget in minutes: which heads, trials and epochs of an experiment fit, and why. Nothing is learned from labels.

First comes the cheapest head, which makes a valid submission by itself; then one head after another that still fits, in
the order of RANK; then the stages that only tell something; what is left goes to searches, in equal parts.
"""

from collections.abc import Iterator

from swapdae.experiment.config import Experiment, HeadConfig
from swapdae.experiment.costs import Costs, Machine, TableSize
from swapdae.experiment.planned import MAX_TRIALS, Planned
from swapdae.heads import HEADS

RESERVE = 0.04  # of the minutes, for what no formula knows
DAE_SHARE = 0.5  # of the minutes, which the autoencoder's training may take at most
TELLS = 0.1  # of the minutes, which a stage that changes no prediction may take at most
LEAST_STEPS = 300  # of a training that is worth it
LEAST_TRIALS = 3  # the first is what would be fitted anyway
TUNE_ROWS = 20_000
TRIAL = 1.3  # of the first trial: what those drawn take
RANK = {"ridge": 0, "lightgbm": 1, "xgboost": 2, "catboost": 5, "mlp": 6}
OF_DAE = 3  # the rank of ridge on the autoencoder's features; other heads on them come last


def planned(experiment: Experiment, size: TableSize, machine: Machine, minutes: float, taken: float = 0.0) -> Planned:
    """The plan, and lines that say what it holds and what 10 minutes more would buy. taken: seconds that are spent."""
    plan = _filled(experiment, size, machine, minutes, taken)
    more = _filled(experiment, size, machine, minutes + 10, taken)
    why = (*_lines(experiment, plan, size), f"10 minutes more would buy {_bought(plan, more)}")
    return plan.model_copy(update={"why": why})


def _filled(experiment: Experiment, size: TableSize, machine: Machine, minutes: float, taken: float) -> Planned:
    experiment = _on(experiment, machine)
    costs = Costs(experiment, size, machine)
    seconds = {"blend": costs.blend(len(experiment.heads)), "score": size.n_targets * costs.stage}
    if experiment.keep_models:
        seconds["models"] = 2 * size.n_targets * costs.stage
    left = 60 * minutes * (1 - RESERVE) - taken - costs.start - sum(seconds.values())
    heads = dict[str, HeadConfig]()
    first, *others = _in_order(experiment, costs)
    for name in (first, *others):
        head, needed = experiment.heads[name], costs.head(experiment.heads[name])
        if head.uses_dae and "dae" not in seconds:
            epochs = _epochs(experiment, costs, min(left - needed, DAE_SHARE * 60 * minutes), required=name == first)
            if not epochs:
                continue
            experiment = _with_epochs(experiment, epochs)
            dae = {"dae": costs.dae(epochs)}
        else:
            dae = {}
        if name != first and needed + sum(dae.values()) > left:
            continue
        seconds |= {**dae, f"heads/{name}": needed}
        heads[name] = head.model_copy(update={"trials": 0})
        left -= needed + sum(dae.values())
    told = _told(costs, left, TELLS * 60 * minutes) if "dae" in seconds else {}
    seconds |= told
    heads, searches = _searched(heads, costs, left - sum(told.values()))
    heads_in_order = {name: heads[name] for name in experiment.heads if name in heads}
    return Planned(
        asked={},
        minutes=minutes,
        size=size,
        machine=machine,
        experiment=experiment.model_copy(update={"heads": heads_in_order, "minutes": None}),
        steps=tuple(_steps(heads, first, seconds)),
        seconds=seconds | searches,
        start=taken + costs.start,
        why=(),
        spent=taken,
    )


def _told(costs: Costs, left: float, most: float) -> dict[str, float]:
    """Seconds of the stages that only tell something, of those that fit."""
    found = dict[str, float]()
    for step, needed in (("worth", costs.worth), ("activations", costs.activations)):
        if needed <= min(left - sum(found.values()), most):
            found[step] = needed
    return found


def _on(experiment: Experiment, machine: Machine) -> Experiment:
    """XGBoost on the GPU where there is one: said in its parameters, so it is part of the keys. CatBoost there has no
    `rsm`, and LightGBM's package no kernels: both stay on the CPU."""
    if not machine.gpu:
        return experiment
    heads = dict(experiment.heads)
    for name, head in heads.items():
        if head.kind == "xgboost":
            native = {"device": "cuda", **head.params.get("native", {})}
            heads[name] = head.model_copy(update={"params": {**head.params, "native": native}})
    return experiment.model_copy(update={"heads": heads})


def _in_order(experiment: Experiment, costs: Costs) -> list[str]:
    """The cheapest head first; then by rank."""

    def whole(name: str) -> float:
        head = experiment.heads[name]
        return costs.head(head) + (costs.dae(1) if head.uses_dae else 0.0)

    def rank(name: str) -> tuple[int, float]:
        head = experiment.heads[name]
        of_dae = OF_DAE if head.kind == "ridge" else 10
        return of_dae if head.uses_dae else RANK.get(head.kind, max(RANK.values())), costs.head(head)

    first = min(experiment.heads, key=whole)
    return [first, *sorted((name for name in experiment.heads if name != first), key=rank)]


def _epochs(experiment: Experiment, costs: Costs, left: float, *, required: bool) -> int:
    """As many of the experiment's as fit; 0 where those would train nothing."""
    wanted, batch = experiment.dae.training.epochs, experiment.dae.training.batch_size
    steps = max(costs.size.n_rows // max(min(batch, costs.size.n_rows), 1), 1)
    least = 1 if required else min(wanted, -(-LEAST_STEPS // steps))
    per_epoch = max(costs.dae(1) - costs.dae(0), 1e-9)
    fit = min(wanted, int((left - costs.dae(0)) / per_epoch))
    return fit if fit >= least else least if required else 0


def _with_epochs(experiment: Experiment, epochs: int) -> Experiment:
    training = experiment.dae.training.model_copy(update={"epochs": epochs})
    return experiment.model_copy(update={"dae": experiment.dae.model_copy(update={"training": training})})


def _searched(
    heads: dict[str, HeadConfig], costs: Costs, left: float
) -> tuple[dict[str, HeadConfig], dict[str, float]]:
    """Trials for every head that can be tuned, of equal seconds; where they are too few for one, for the others."""

    def tuned(head: HeadConfig) -> HeadConfig:
        fewer = TUNE_ROWS if costs.size.n_fit > TUNE_ROWS else None
        return head.model_copy(update={"tune_rows": head.tune_rows or fewer})

    needed = {name: costs.trial(tuned(head)) for name, head in heads.items() if HEADS[head.kind].space is not None}
    chosen = sorted(needed, key=lambda name: needed[name])
    while chosen and _trials(left / len(chosen), needed[chosen[-1]]) < LEAST_TRIALS:
        chosen.pop()
    found, seconds = dict(heads), dict[str, float]()
    for i, name in enumerate(chosen):  # what a search with all its trials leaves goes to the dearer ones
        trials = _trials(left / (len(chosen) - i), needed[name])
        found[name] = tuned(heads[name]).model_copy(update={"trials": trials})
        seconds[f"tune/{name}"] = needed[name] * (1 + TRIAL * (trials - 1))
        left -= seconds[f"tune/{name}"]
    return found, seconds


def _trials(seconds: float, first: float) -> int:
    return min(MAX_TRIALS, int(1 + (seconds / max(first, 1e-9) - 1) / TRIAL)) if seconds > first else 0


def _steps(heads: dict[str, HeadConfig], first: str, seconds: dict[str, float]) -> Iterator[str]:
    """The first head; then what has a fixed size, the autoencoder before all; searches last, the dearest behind: they
    take what is left. A search of the first head is none."""
    yield "download"
    yield "folds"
    if heads[first].uses_dae:
        yield "dae"
    if heads[first].trials:
        yield f"tune/{first}"
    yield f"heads/{first}"
    others = [name for name in heads if name != first]
    if "dae" in seconds and not heads[first].uses_dae:
        yield "dae"
    yield from (f"heads/{name}" for name in others if not heads[name].trials)
    for name in sorted((name for name in others if heads[name].trials), key=lambda name: seconds[f"heads/{name}"]):
        yield f"tune/{name}"
        yield f"heads/{name}"
    yield "blend"
    yield from (step for step in ("models", "worth", "activations") if step in seconds)
    yield "score"


def _lines(experiment: Experiment, plan: Planned, size: TableSize) -> Iterator[str]:
    machine, now = plan.machine, plan.experiment
    yield (
        f"plan: {plan.minutes:g} minutes for {size.n_train} train and {size.n_test} test rows, {machine.cores} cores, "
        f"networks on {machine.device}; forecast {plan.forecast:.0f} s"
    )
    yield "heads: " + ", ".join(f"{name} {plan.seconds[f'heads/{name}']:.0f} s" for name in now.heads)
    if "dae" in plan.seconds:
        epochs = now.dae.training.epochs
        yield f"dae: {epochs} of {experiment.dae.training.epochs} epochs, {plan.seconds['dae']:.0f} s"
    trials = [
        f"{name} about {head.trials} in {plan.seconds[f'tune/{name}']:.0f} s"
        for name, head in now.heads.items()
        if head.trials
    ]
    yield f"trials: {', '.join(trials) or 'none'}"
    yield f"folds: {size.n_fits} fits a head, as the competition has them; seeds: 1, {experiment.seed}"
    told = [step for step in ("worth", "activations") if experiment.uses_dae and step not in plan.seconds]
    out = [*(name for name in experiment.heads if name not in now.heads), *told]
    yield f"left out: {', '.join(out) or 'nothing'}"


def _bought(plan: Planned, more: Planned) -> str:
    heads, now = plan.experiment.heads, more.experiment
    found = [f"head {name}" for name in now.heads if name not in heads]
    found += [step for step in ("worth", "activations") if step in more.seconds and step not in plan.seconds]
    epochs = now.dae.training.epochs - plan.experiment.dae.training.epochs
    found += [f"{epochs} epochs"] if "dae" in more.seconds and "dae" in plan.seconds and epochs > 0 else []
    gained = {name: head.trials - (heads[name].trials if name in heads else 0) for name, head in now.heads.items()}
    found += [f"{n} trials of {name}" for name, n in gained.items() if n > 0]
    return ", ".join(found) or "nothing: all of the experiment is in the plan"
