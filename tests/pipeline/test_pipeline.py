"""The whole way: both Tabular Playground experiments from a Kaggle of our own, kills, and the shell script."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch  # noqa: F401 (safe_open imports it: seconds in which the short training that is to be killed ends)
from safetensors import safe_open

from conftest import COMPETITION, write_csvs
from fake_kaggle import FakeKaggle
from pipeline_case import make
from swapdae.base.paths import Paths
from swapdae.experiment.config import Experiment, HeadConfig
from swapdae.pipeline.run import Run
from swapdae.pipeline.scores import scores_of
from test_cli import TINY
from tps_case import tps_files

ROOT = Path(__file__).parents[2]
SLUG = "tabular-playground-series-feb-2021"
FEW_TREES = {"lightgbm": "n_estimators", "xgboost": "n_estimators", "catboost": "iterations", "mlp": "epochs"}


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeKaggle]:
    (tmp_path / "home").mkdir()
    with FakeKaggle(files={SLUG: tps_files()}) as fake:
        fake.redirect(monkeypatch, tmp_path / "home")
        yield fake


def shrunk(experiment: Experiment) -> Experiment:
    """The same experiment with a small network, two epochs, few trees and two trials."""
    body = experiment.dae.body
    sizes: dict[str, Any] = {"width": 16} if body.kind != "transformer" else {"d_subspace": 16, "d_feedforward": 16}
    training = experiment.dae.training.model_copy(update={"epochs": 2, "batch_size": 64})
    dae = experiment.dae.model_copy(update={"body": body.model_copy(update=sizes), "training": training})

    def small(head: HeadConfig) -> HeadConfig:
        params = {FEW_TREES[head.kind]: 8} if head.kind in FEW_TREES else head.params
        return head.model_copy(update={"trials": min(head.trials, 2), "params": params})

    heads = {name: small(head) for name, head in experiment.heads.items()}
    return experiment.model_copy(update={"dae": dae, "heads": heads})


def tps_run(root: Path, name: str) -> Run:
    """A shipped experiment, shrunk, in an empty tree; the made-up files have their own hashes."""
    shipped = Run.of(Paths(ROOT), name)
    known = {
        file: hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest() for file, content in tps_files().items()
    }
    competition = shipped.competition.model_copy(update={"git_blob_sha1": known})
    return Run(Paths(root), shrunk(shipped.experiment), competition, "cpu", say=lambda line: None)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tps_feb_2021_reference", "tps_feb_2021"])
def test_tps_from_download_to_score(kaggle: FakeKaggle, tmp_path: Path, name: str) -> None:
    run = tps_run(tmp_path, name)
    make(run)
    make(run, "submit")
    assert run.report("download").metrics["unseen"] == {}
    (training,) = run.report("dae").metrics["trainings"]
    assert (training["n_rows"], training["n_inputs"]) == (450, 70)
    (handed_in,) = kaggle.submissions
    assert handed_in.content == run.paths.submission(name).read_bytes()
    sample = pd.read_csv(run.input / "sample_submission.csv")
    assert pd.read_csv(run.paths.submission(name))["id"].tolist() == sample["id"].tolist()
    blend = scores_of(run)["blend"]
    assert (blend["public"], blend["private"]) == (0.8425, 0.8435)
    assert name in run.paths.submission_log.read_text()
    asked = len(kaggle.log)
    make(replace(run))
    make(replace(run), "submit")
    assert len(kaggle.log) == asked  # a second run asks nobody


def swapdae(root: Path, *arguments: str) -> "subprocess.Popen[bytes]":
    environment = {**os.environ, "SWAPDAE_ROOT": str(root)}
    return subprocess.Popen(
        [sys.executable, "-m", "swapdae", *arguments],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(process: "subprocess.Popen[bytes]") -> int:
    process.communicate(timeout=120)
    return process.returncode


LONG = TINY.replace("epochs = 1", "epochs = 8\nbatch_size = 8")  # 52 steps an epoch


def position(checkpoint: Path) -> tuple[int, int]:
    """Epochs, and steps of the next one, that a checkpoint holds."""
    with safe_open(checkpoint, framework="pt") as stored:
        found = json.loads(stored.metadata()["header"])["progress"]
    return len(found["log"]), found["done"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Paths:
    """A tree with the experiment "whole", made without a kill, and "killed", which is the same one."""
    paths = Paths(tmp_path_factory.mktemp("whole"))
    write_csvs(paths.input("synthetic"))
    paths.competition_file("synthetic").write_text(COMPETITION)
    (paths.root / "experiments").mkdir()
    for name in ("whole", "killed"):
        paths.experiment_file(name).write_text(LONG)
    assert finish(swapdae(paths.root, "blend", "whole", "--device", "cpu")) == 0
    return paths


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_killed_training_goes_on_and_ends_the_same(whole: Paths, number: signal.Signals, code: int) -> None:
    shutil.rmtree(whole.oof("killed"), ignore_errors=True)
    process = swapdae(whole.root, "blend", "killed", "--device", "cpu")
    checkpoint = whole.oof("killed") / ".dae.scratch" / "work" / "training_0" / "checkpoint.safetensors"
    while not checkpoint.exists():
        assert process.poll() is None
        time.sleep(0.005)
    before = position(checkpoint)
    process.send_signal(number)
    assert finish(process) == code
    assert not whole.stage("killed", "dae").exists()
    if number == signal.SIGKILL:
        assert position(checkpoint)[1] == 0
    else:  # the steps up to the signal were kept
        assert position(checkpoint) > before
    assert finish(swapdae(whole.root, "blend", "killed", "--device", "cpu")) == 0
    for file in ("dae/features.npy", "blend/submission.csv"):
        one, other = (whole.stage(name, file).read_bytes() for name in ("whole", "killed"))
        assert one == other, file


@pytest.mark.slow
def test_the_script_runs_the_smoke_experiment_then_has_nothing_to_do(tmp_path: Path) -> None:
    for file in ("experiments/smoke.toml", "input/flights/competition.toml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    environment = {**os.environ, "SWAPDAE_ROOT": str(tmp_path)}
    outputs = [
        subprocess.run(
            [ROOT / "run_all.sh", "smoke"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert (tmp_path / "submissions" / "smoke.csv").exists()
    assert "blend (cross-fitted)" in outputs[0]
    assert "running" in outputs[0] and "running" not in outputs[1]
    tables = [[line for line in output.splitlines() if line.startswith("|")] for output in outputs]
    assert tables[0] == tables[1]
    page = tmp_path / "oof" / "smoke" / "report.html"
    assert [output.splitlines()[-1] for output in outputs] == [str(page)] * 2 and page.exists()


def test_missing_python_is_named_with_the_line_that_installs_it() -> None:
    environment = {**os.environ, "PYTHON": "no-such-python"}
    done = subprocess.run([ROOT / "run_all.sh"], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.splitlines() == [
        "error: no no-such-python here; install it: sudo apt-get install python3 python3-venv"
    ]
