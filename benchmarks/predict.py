"""New rows predicted from a cold start, `swapdae predict`: rows a second and peak memory, of a run that is made first.

python benchmarks/predict.py [--quick] [--folder FOLDER]: the experiment `smoke` with all of its heads in equal parts,
on 100,000 rows of the flights' test rows (quick: 10,000), in a process of its own that imports, reads the models, the
rows, and writes the predictions. FOLDER keeps the run, so that a second time only predicts.
Prints a table, then one line of JSON: rows_per_s, seconds, peak_rss_gb, model_mb, largest_difference.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd

from swapdae.base.paths import Paths
from swapdae.experiment.shipped import bring_shipped
from swapdae.modelling import blend
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import KINDS, run_kinds

EXPERIMENT = "smoke"
PREDICT = """
import sys
from pathlib import Path
from swapdae.base.memory import peak_rss_gb
from swapdae.base.paths import Paths
from swapdae.pipeline.predict import predict
predict(Paths(Path(sys.argv[1])), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), say=lambda line: None)
print(peak_rss_gb())
"""


def finished(paths: Paths) -> Run:
    """The run up to its kept models, every head of the same weight."""
    bring_shipped(paths, EXPERIMENT, print)
    run = Run.of(paths, EXPERIMENT)
    alike = dict.fromkeys(blend.METHODS, lambda oofs, *rest: np.full(len(oofs), 1 / len(oofs)))
    with mock.patch.dict(blend.METHODS, alike):
        run_kinds(run, [kind for kind in KINDS if kind.name == "models"])
    return run


def measured(run: Run, rows: int, folder: Path) -> dict[str, float]:
    """Of `rows` test rows, drawn at random."""
    cells = pd.read_csv(run.input / run.competition.files.test, dtype=str, keep_default_na=False)
    new, out = folder / "new.csv", folder / "predictions.csv"
    cells.sample(min(rows, len(cells)), random_state=0).to_csv(new, index=False)
    started = time.perf_counter()
    arguments = [sys.executable, "-c", PREDICT, str(run.paths.root), EXPERIMENT, str(new), str(out)]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    found, wanted = (pd.read_csv(file, index_col=0) for file in (out, run.paths.submission(EXPERIMENT)))
    return {
        "rows_per_s": len(found) / seconds,
        "seconds": seconds,
        "peak_rss_gb": float(done.stdout),
        "model_mb": run.report("models").metrics["bytes"] / 1e6,
        "largest_difference": float((found - wanted.loc[found.index]).abs().to_numpy().max()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--folder", type=Path, help="where the run is made, or lies already; else it is thrown away")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        run = finished(Paths(given.folder or Path(scratch)))
        figures = measured(run, 10_000 if given.quick else 100_000, Path(scratch))
    for name, value in figures.items():
        print(f"{name:20} {value:12.4g}")
    print(json.dumps({name: float(f"{value:.4g}") for name, value in figures.items()}))


if __name__ == "__main__":
    main()
