"""submit: hand in the blended CSV, wait for its score, note it in submissions/LOG.md."""

import datetime
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from swapdae.base.errors import UserError
from swapdae.base.files import sha256_of, write_text
from swapdae.competition.hosts.interface import host_of
from swapdae.competition.submission import read_submission
from swapdae.experiment.stage_report import read_report
from swapdae.pipeline.kind import StageKind
from swapdae.pipeline.plan import Plan
from swapdae.pipeline.publish import Scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stage import Stage

NAME = "submit"
HEADER = "| date | experiment | CV | public | private | commit | ref |\n|---|---|---|---|---|---|---|\n"


def _stages(run: Run, before: Plan) -> list[Stage]:
    """None for one of several targets, which are handed in together."""
    return [] if run.competition.targets else [_stage(run, {"": before})]


def _stage(run: Run, plans: Mapping[str, Plan]) -> Stage:
    """It goes by the CSV's sha256 alone: what is handed in once is not handed in again, however it was made."""
    csv = run.paths.submission(run.experiment.name)
    return Stage(
        NAME,
        lambda scratch: _body(run, csv, scratch),
        config={"host": run.competition.host, "slug": run.competition.slug},
        files=lambda: {"csv": sha256_of(csv) if csv.is_file() else "absent"},
        code=(f"competition.hosts.{run.competition.host}",),
        prepare=lambda: _check(run, plans, csv),
        finish=lambda: _log(run),
    )


def _check(run: Run, plans: Mapping[str, Plan], csv: Path) -> None:
    """Raises UserError unless the CSV is what the blend made, from stages that hold, by the code there is now."""
    name = run.experiment.name
    for target, plan in plans.items():
        for stage, state in plan.needed_for(["blend"]).states(verify=True).items():
            if state.state != "done" or state.drift:
                which, how = f"{target}/{stage}".removeprefix("/"), " --strict" if state.drift else ""
                raise UserError(f"{which} is {state}: `swapdae run {name}{how}` before `swapdae submit {name}`")
    made = run.report("blend").files["submission.csv"]
    if not csv.is_file() or sha256_of(csv) != made:
        raise UserError(f"{csv}: is not the CSV that the blend made; `swapdae blend {name}` puts that back")


def _body(run: Run, csv: Path, scratch: Scratch) -> dict[str, Any]:
    competition, name = run.competition, run.experiment.name
    for part in run.parts:
        read_submission(part.directory("blend") / "submission.csv", part.data.table.sample, part.competition)
    # The message is the same for the same CSV, so a host can tell whether an earlier try arrived; --force means that
    # it is to be handed in deliberately again.
    message = f"swapdae {name} {sha256_of(csv)[:16]}" + (f" again, {_now()}" if run.force else "")
    score = host_of(competition).submit(competition, csv, message, run.paths.oof(name) / ".submissions.json")
    run.say(f"{NAME}: public {_figure(score.public)}, private {_figure(score.private)}")
    cv = run.report("blend").metrics["cross_fitted"]
    return {"cv": cv, "public": score.public, "private": score.private, "ref": score.ref}


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M")


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.5f}"


def _log(run: Run) -> None:
    """A line for the submission, unless there is one: a run killed before this is made up for by the next."""
    report = read_report(run.directory(NAME))
    assert report is not None
    file, found = run.paths.submission_log, report.metrics
    lines = file.read_text(encoding="utf-8") if file.is_file() else HEADER
    if f"| {found['ref']} |\n" in lines:
        return
    figures = (_figure(found[key]) for key in ("cv", "public", "private"))
    cells = [_now(), run.experiment.name, *figures, _commit(run.paths.root), found["ref"]]
    write_text(file, f"{lines}| {' | '.join(cells)} |\n")


def _commit(root: Path) -> str:
    """The checkout's commit, short; "-" outside a git checkout."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "-"
    return done.stdout.strip() or "-"


KIND = StageKind(
    NAME, "Hand in the CSV, wait for its score, note it.", "submissions/LOG.md", _stages, in_run=False, joined=_stage
)
