"""The command line: `swapdae <stage> <experiment>` and a few questions. It says where and how to run, never what."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType, ModuleType
from typing import Annotated

import typer

from swapdae.base import paths
from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.pipeline import compare, scores
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import experiment_lock, state_of
from swapdae.pipeline.stages import (
    STAGES,
    activations,
    blend,
    dae,
    download,
    heads,
    report,
    score,
    select,
    select_features,
    submit,
    tune,
    tune_noise,
)

app = typer.Typer(
    help="Swap-noise denoising autoencoders for tabular competitions: download, train, tune, blend, submit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ExperimentName = Annotated[str, typer.Argument(help="name of a file in experiments/, without .toml")]
Device = Annotated[DeviceName, typer.Option(help="where networks are trained; auto takes CUDA if it works")]
Force = Annotated[bool, typer.Option("--force", help="run even if the stage is done")]
EFFORT = tune_noise.Effort()
SELECTION = select_features.Effort()
Debug = Annotated[bool, typer.Option("--debug", help="show the whole traceback of an error")]


@contextmanager
def _plainly(debug: bool) -> Iterator[None]:
    """One line for what the user can mend, exit 1; exit 130 and 143 for Ctrl-C and SIGTERM."""

    def terminate(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    except (UserError, FloatingPointError) as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        raise typer.Exit(130) from None


def _command(stages: list[ModuleType]) -> Callable[..., None]:
    def command(
        experiment: ExperimentName, device: Device = "auto", force: Force = False, debug: Debug = False
    ) -> None:
        with _plainly(debug):
            tree = paths.here()
            run = Run.of(tree, experiment, device=device, force=force)
            with experiment_lock(tree.oof(experiment)):
                for stage in stages:
                    stage.main(run)

    return command


def _help(stage: ModuleType) -> str:
    """The first line of a stage's module, less its name."""
    line = (stage.__doc__ or "").splitlines()[0].partition(": ")[2]
    return line[:1].upper() + line[1:]


for _stage in (download, dae, select, activations, tune, heads, blend, score, submit, report):
    app.command(_stage.NAME, help=_help(_stage))(_command([_stage]))
app.command("run", help="Every stage up to score, in order; what is done is not done again.")(_command(STAGES))


@app.command("tune-noise", help=_help(tune_noise))
def tune_noise_command(
    experiment: ExperimentName,
    by_rule: Annotated[bool, typer.Option("--rule", help="no search: rates from how predictable columns are")] = False,
    trials: Annotated[int, typer.Option(help="trainings that are finished or pruned")] = EFFORT.trials,
    rows: Annotated[int, typer.Option(help="train rows of a training")] = EFFORT.rows,
    epochs: Annotated[int, typer.Option(help="epochs of a training")] = EFFORT.epochs,
    shrink: Annotated[int, typer.Option(help="divides the body's widths")] = EFFORT.shrink,
    folds: Annotated[int, typer.Option(help="the competition's folds are merged into so many")] = EFFORT.folds,
    groups: Annotated[int, typer.Option(help="rates for each kind of columns")] = EFFORT.groups,
    device: Device = "auto",
    force: Annotated[bool, typer.Option("--force", help="overwrite experiments/<experiment>_noise.toml")] = False,
    debug: Debug = False,
) -> None:
    with _plainly(debug):
        tree = paths.here()
        run = Run.of(tree, experiment, device=device, force=force)
        options = {"trials": trials, "rows": rows, "epochs": epochs, "shrink": shrink, "folds": folds, "groups": groups}
        effort = parse(tune_noise.Effort, options, "tune-noise")
        with experiment_lock(tree.oof(experiment)):
            download.main(replace(run, force=False))
            tune_noise.main(run, None if by_rule else effort)


@app.command("select-features", help=_help(select_features))
def select_features_command(
    experiment: ExperimentName,
    k: Annotated[int | None, typer.Option(help="columns to keep; half of them where not given")] = SELECTION.k,
    rows: Annotated[int, typer.Option(help="train rows, drawn anew for each seed")] = SELECTION.rows,
    seeds: Annotated[int, typer.Option(help="how often all is done")] = SELECTION.seeds,
    epochs: Annotated[int, typer.Option(help="epochs of a selector's training")] = SELECTION.epochs,
    device: Device = "auto",
    force: Force = False,
    debug: Debug = False,
) -> None:
    with _plainly(debug):
        tree = paths.here()
        run = Run.of(tree, experiment, device=device, force=force)
        options = {"k": k, "rows": rows, "seeds": seeds, "epochs": epochs}
        effort = parse(select_features.Effort, options, "select-features")
        with experiment_lock(tree.oof(experiment)):
            download.main(replace(run, force=False))
            select_features.main(run, effort)


@app.command()
def status(experiment: ExperimentName, debug: Debug = False) -> None:
    """Each stage: done, stale and why, or missing."""
    with _plainly(debug):
        run = Run.of(paths.here(), experiment)
        for module in (*STAGES, submit, report):
            for stage in module.stages(run):
                state = state_of(stage.directory, stage.inputs, verify=False)
                print(f"{stage.name:28} {state.state:8} {state.why}".rstrip())


@app.command("scores")
def show_scores(
    experiment: ExperimentName,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    debug: Debug = False,
) -> None:
    """The result table: every head and the blend, out of fold and on the host's rows."""
    with _plainly(debug):
        run = Run.of(paths.here(), experiment)
        found = scores.scores_of(run)
        print(json.dumps(found) if as_json else scores.table_of(run, found))


@app.command("compare")
def compare_experiments(
    experiments: Annotated[list[str], typer.Argument(help="names of finished experiments; the first is the yardstick")],
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object")] = False,
    debug: Debug = False,
) -> None:
    """Experiments of one competition side by side, with paired differences over folds and their uncertainty."""
    with _plainly(debug):
        found = compare.compare([Run.of(paths.here(), name) for name in experiments])
        print(json.dumps(found) if as_json else compare.table_of(found))


@app.command("list")
def list_experiments() -> None:
    """The experiments and competitions that there are."""
    tree = paths.here()
    print("experiments:", ", ".join(sorted(file.stem for file in (tree.root / "experiments").glob("*.toml"))))
    print(
        "competitions:",
        ", ".join(sorted(file.parent.name for file in tree.root.glob("input/*/competition.toml"))),
    )


def main() -> None:
    app()
