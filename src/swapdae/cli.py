"""The command line: `swapdae <stage> <experiment>` and a few questions. It says where and how to run, never what.

Every kind of stage has a command; its options are the fields of the kind's options model.
"""

import inspect
import json
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.files import locked
from swapdae.base.models import StrictModel, parse
from swapdae.base.paths import here
from swapdae.experiment.planned import PLAN
from swapdae.experiment.shipped import bring_shipped
from swapdae.heads.params import params_text
from swapdae.pipeline.compare import compare, comparison_table
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.minutes import plan_for, run_planned
from swapdae.pipeline.predict import export, predict
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import score_line, score_table, scores_of
from swapdae.pipeline.stages import KINDS, plan_of, run_kinds

app = typer.Typer(
    help="Swap-noise denoising autoencoders for tabular competitions: download, train, tune, blend, submit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ExperimentName = Annotated[str, typer.Argument(help="name of a file in experiments/, without .toml")]
Device = Annotated[DeviceName, typer.Option(help="where networks are trained; auto takes CUDA if it works")]
Force = Annotated[bool, typer.Option("--force", help="run even if it is done")]
Strictly = Annotated[bool, typer.Option("--strict", help="remake what other code or library versions have made")]
Debug = Annotated[bool, typer.Option("--debug", help="show the whole traceback of an error")]
AsJson = Annotated[bool, typer.Option("--json", help="one JSON object")]


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


def _command(kinds: Sequence[StageKind], options: type[StrictModel] | None = None) -> Callable[..., None]:
    """A command that makes the stages of these kinds. options: of the one kind that has them, as command-line options
    named, described and defaulted as the model's fields."""

    def command(experiment: str, device: DeviceName, force: bool, strict: bool, debug: bool, **values: Any) -> None:
        with _plainly(debug):
            paths, name = here(), experiment.partition("/")[0]
            bring_shipped(paths, name, print)
            told = {kinds[0].name: parse(options, values, kinds[0].command)} if options else {}
            run = Run.of(paths, experiment, device=device, force=force, strict=strict, options=told)
            with locked(paths.oof(name)):
                if minutes := run.experiment.minutes:  # of the TOML, of which no plan has been made yet
                    plan_for(Run.of(paths, name, planned=False, device=device), minutes)
                    run = Run.of(paths, experiment, device=device, force=force, strict=strict, options=told)
                run_kinds(run, kinds)

    common = [
        ("experiment", ExperimentName, inspect.Parameter.empty),
        ("device", Device, "auto"),
        ("force", Force, False),
        ("strict", Strictly, False),
        ("debug", Debug, False),
    ]
    own = [
        (name, Annotated[field.annotation, typer.Option(help=field.description)], field.default)
        for name, field in (options.model_fields if options else {}).items()
    ]
    parameters = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, annotation, default in common + own
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {}
    return command


for _kind in KINDS:
    app.command(_kind.command, help=_kind.does)(_command([_kind], _kind.options))


@app.command("run")
def run_all(
    experiment: ExperimentName,
    minutes: Annotated[float | None, typer.Option(min=0.01, help="plan it for so many; else those of the TOML")] = None,
    device: Device = "auto",
    force: Force = False,
    strict: Strictly = False,
    debug: Debug = False,
) -> None:
    """Every stage up to score, in order; what is done is not done again."""
    with _plainly(debug):
        paths = here()
        bring_shipped(paths, experiment.partition("/")[0], print)
        run = Run.of(paths, experiment, planned=False, device=device, force=force, strict=strict)
        with locked(paths.oof(run.stem)):
            if minutes := minutes or run.experiment.minutes:
                if run.experiment.name != run.stem:
                    raise UserError(
                        f"minutes are of all targets together: `swapdae run {run.stem} --minutes {minutes:g}`"
                    )
                run_planned(run, plan_for(run, minutes))
            else:
                (paths.oof(run.stem) / PLAN).unlink(missing_ok=True)
                run_kinds(run, [kind for kind in KINDS if kind.in_run])


@app.command("new")
def new(
    competition: Annotated[str, typer.Argument(help="a name for it, and for its first experiment")],
    train: Annotated[Path, typer.Option(help="CSV of train rows")],
    test: Annotated[Path, typer.Option(help="CSV of test rows")],
    sample: Annotated[Path | None, typer.Option(help="sample submission; made if not given")] = None,
    solution: Annotated[Path | None, typer.Option(help="answers kept back, read by `score` alone")] = None,
    id_: Annotated[str | None, typer.Option("--id", help="column that tells rows apart")] = None,
    target: Annotated[str | None, typer.Option(help="column to predict")] = None,
    task: Annotated[str | None, typer.Option(help="regression, binary or multiclass")] = None,
    metric: Annotated[str | None, typer.Option(help="what the competition judges by")] = None,
    force: Annotated[bool, typer.Option("--force", help="overwrite what is there")] = False,
    debug: Debug = False,
) -> None:
    """Set up a competition of your own from its CSVs: guesses, each with its reason, as TOMLs to look at."""
    with _plainly(debug):
        from swapdae.experiment.new import Sources, new_competition

        sources = Sources(train=train, test=test, sample=sample, solution=solution)
        told = {"id": id_, "target": target, "task": task, "metric": metric}
        new_competition(here(), competition, sources, told, force=force)


@app.command()
def status(experiment: ExperimentName, debug: Debug = False) -> None:
    """Each stage: done (and by which other code or libraries), stale and why, or missing."""
    with _plainly(debug):
        run = Run.of(here(), experiment)
        for part in run.parts:
            target = f"{part.competition.target}/" if part is not run else ""
            for name, state in plan_of(part).states().items():
                print(f"{target + name:28} {state}")
        for name, state in plan_of(run).states().items() if len(run.parts) > 1 else ():
            print(f"{name:28} {state}")


@app.command()
def scores(experiment: ExperimentName, as_json: AsJson = False, debug: Debug = False) -> None:
    """The result table: every head and the blend, out of fold and on the host's rows."""
    with _plainly(debug):
        run = Run.of(here(), experiment)
        parts = run.parts
        if as_json:
            found = {part.competition.target: scores_of(part) for part in parts}
            print(json.dumps(found if len(parts) > 1 else scores_of(parts[0])))
            return
        for part in parts:
            title = f"{part.competition.target}:\n" if len(parts) > 1 else ""
            print(title + score_table(part, scores_of(part)))
        if len(parts) > 1:
            print(score_line(run))


@app.command("compare")
def compare_experiments(
    experiments: Annotated[list[str], typer.Argument(help="names of finished experiments; the first is the yardstick")],
    as_json: AsJson = False,
    debug: Debug = False,
) -> None:
    """Experiments of one table side by side, with differences over folds and their uncertainty."""
    with _plainly(debug):
        found = compare([Run.of(here(), name) for name in experiments])
        print(json.dumps(found) if as_json else comparison_table(found))


@app.command("predict")
def predict_rows(
    source: Annotated[str, typer.Argument(help="a finished experiment, or a folder or zip that `export` made")],
    file: Annotated[Path, typer.Argument(help="CSV of new rows: the columns of test")],
    out: Annotated[Path, typer.Option("-o", "--out", help="CSV of predictions")] = Path("predictions.csv"),
    device: Device = "auto",
    debug: Debug = False,
) -> None:
    """Predict rows that did not exist at training, in the shape of the submission."""
    with _plainly(debug):
        predict(here(), source, file, out, device=device)


@app.command("export")
def export_models(
    experiment: ExperimentName,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="a folder, or a .zip; else <experiment>_models")
    ] = None,
    debug: Debug = False,
) -> None:
    """Copy what `predict` needs to one folder or zip: it works there without the data and without this tree."""
    with _plainly(debug):
        export(here(), experiment, out)


@app.command()
def params(
    kind: Annotated[str | None, typer.Argument(help="a kind of head; without it, all of them")] = None,
    debug: Debug = False,
) -> None:
    """What a head's `params` in an experiment may say: name, default, range and meaning of each."""
    with _plainly(debug):
        print(params_text(kind))


@app.command("list")
def list_experiments() -> None:
    """The experiments and competitions that there are."""
    root = here().root
    print("experiments:", ", ".join(sorted(file.stem for file in (root / "experiments").glob("*.toml"))))
    print("competitions:", ", ".join(sorted(file.parent.name for file in root.glob("input/*/competition.toml"))))


def main() -> None:
    app()
