"""An experiment with its competition's files in place, for the measurements that read its table."""

from swapdae.base.files import locked
from swapdae.base.paths import here
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import download, run_kinds


def downloaded(experiment: str) -> Run:
    """The run of an experiment, its stage download made."""
    run = Run.of(here(), experiment)
    with locked(run.paths.oof(experiment)):
        run_kinds(run, [download.KIND])
    return run
