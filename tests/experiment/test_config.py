"""Shipped TOMLs load; every refusal names the file and the key."""

from pathlib import Path
from typing import Any

import pytest

from swapdae.autoencoder.bodies.transformer import TransformerConfig
from swapdae.base.errors import UserError
from swapdae.base.models import parse
from swapdae.base.paths import Paths
from swapdae.competition.config import Competition, read_competition
from swapdae.experiment.config import Experiment, read_experiment
from swapdae.heads import HEADS
from swapdae.pipeline.run import Run

ROOT = Paths(Path(__file__).parents[2])
SHIPPED = ["flights", "flights_full", "flights_random", "smoke", "tps_feb_2021", "tps_feb_2021_reference"]
COMPETITION = {
    "name": "c",
    "host": "kaggle",
    "slug": "a-slug",
    "id": "id",
    "target": "y",
    "task": "regression",
    "metric": "rmse",
}


def test_shipped_experiments_are_there_beside_those_of_the_user() -> None:
    """Such as flights_noise, which tune-noise writes: all are read below."""
    found = {file.stem for file in ROOT.root.glob("experiments/*.toml")}
    assert found >= set(SHIPPED)


@pytest.mark.parametrize("name", sorted(file.stem for file in ROOT.root.glob("experiments/*.toml")))
def test_shipped_experiment_loads(name: str) -> None:
    run = Run.of(ROOT, name)
    for head in run.experiment.heads.values():
        assert isinstance(head.start, HEADS[head.kind].params)


def test_reference_experiment_is_the_published_recipe() -> None:
    experiment = read_experiment(ROOT, "tps_feb_2021_reference")
    dae, noise = experiment.dae, experiment.dae.noise
    assert (noise.per, noise.donor, noise.numerical) == ("one_hot", "row", 0.25)
    rates = [noise.columns.get(f"cat{j}", noise.categorical) for j in range(10)]
    assert rates == [0.95, 0.4, 0.7, *[0.9] * 7]
    assert isinstance(dae.body, TransformerConfig)
    assert (dae.body.n_subspaces, dae.body.d_subspace, dae.body.n_blocks) == (8, 128, 3)
    assert (dae.body.n_heads, dae.body.d_feedforward) == (8, 512)
    training = dae.training
    assert (training.optimizer, training.learning_rate, training.schedule) == ("adam", 3e-4, "exponential")
    assert (training.decay, training.batch_size, training.epochs, training.warmup) == (0.998, 384, 2001, 0)
    assert (dae.loss.categories, dae.loss.emphasis, dae.loss.mask, dae.scope) == (
        "binary",
        0.75,
        2,
        "transductive",
    )
    (head,) = experiment.heads.values()
    assert (head.kind, head.features, head.trials, head.params) == ("ridge", ("dae",), 0, {"alpha": 1250})
    folds = read_competition(ROOT, experiment.competition).folds
    assert (folds.count, folds.kind) == (5, "unshuffled")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("competition = 'c'\nrow = 5\n[heads.r]\nkind = 'ridge'", "row: unknown key"),
        (
            "competition = 'c'\n[heads.r]\nkind = 'rigde'",
            "heads.r.kind: unknown kind 'rigde'; known are ridge, lightgbm, xgboost, catboost, mlp",
        ),
        ("competition = 'c'\n[heads.r]\nkind = 'ridge'\nparams.alhpa = 1.0", "heads.r.params.alhpa: unknown key"),
        ("competition = 'c'\n[heads.r]\nkind = 'ridge'\nfeatures = []", "heads.r.features"),
        ("competition = 'c'\n[heads.r]\nkind = 'ridge'\nfeatures = ['raw', 'raw']", "names a view twice: raw, raw"),
        ("competition = 'c'\n[heads.r]\nkind = 'ridge'\nfeatures = 'raw+dae'", "heads.r.features.0"),
        (
            "competition = 'c'\n[heads.r]\nkind = 'ridge'\nfeatures = ['raw', 'tee']",
            "heads.r.features.1: unknown view 'tee'; known are raw, dae, freq, bins, pieces, te",
        ),
        ("competition = 'c'\n[heads]", "heads"),
        (
            "competition = 'c'\n[dae]\nreads = ['te']\n[heads.r]\nkind = 'ridge'",
            "dae.reads: view 'te' sees the target, which needs dae.scope = 'per_fold'",
        ),
        ("competition = 'c'\n[dae]\nreads = ['dae']\n[heads.r]\nkind = 'ridge'", "cannot read 'dae' beside"),
        ("competition = 'c'\n[dae]\nreads = ['frq']\n[heads.r]\nkind = 'ridge'", "unknown view of dae.reads 'frq'"),
        ("competition = 'c'\n[dae.noise]\nnumerical = 1.5\n[heads.r]\nkind = 'ridge'", "dae.noise.numerical"),
        (
            "competition = 'c'\n[dae.body]\nkind = 'transformer'\nd_subspace = 10\n[heads.r]\nkind = 'ridge'",
            "d_subspace",
        ),
        (
            "competition = 'c'\n[heads.r]\nkind = 'ridge'\ntrials = 5",
            "heads.r: trials: ridge has nothing to tune, it searches by itself; leave trials out",
        ),
        ("competition = ", "not valid TOML"),
    ],
)
def test_bad_experiment_is_refused_by_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "experiments").mkdir()
    Paths(tmp_path).experiment_file("e").write_text(text)
    with pytest.raises(UserError) as caught:
        read_experiment(Paths(tmp_path), "e")
    assert said in str(caught.value) and "e.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_missing_and_undecodable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_experiment(Paths(tmp_path), "none")
    (tmp_path / "experiments").mkdir()
    Paths(tmp_path).experiment_file("e").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(UserError, match="cannot be read"):
        read_experiment(Paths(tmp_path), "e")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"metric": "rsme"}, "metric 'rsme' is unknown"),
        ({"metric": "auc"}, "does not fit"),
        ({"slug": "https://www.kaggle.com/c/x"}, "slug"),
        ({"folds": {"count": 1}}, "folds.count"),
        ({"folds": {"kind": "stratified"}}, "stratified"),
        ({"columns": {"categorical": ["a"], "numerical": ["a"]}}, "as categorical and as numerical"),
    ],
)
def test_bad_competition_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError) as caught:
        parse(Competition, {**COMPETITION, **changes}, "here")
    assert said in str(caught.value) and str(caught.value).startswith("here: ")


def test_models_are_frozen() -> None:
    experiment = Experiment.model_validate({"name": "e", "competition": "c", "heads": {"r": {"kind": "ridge"}}})
    with pytest.raises(ValueError, match="frozen"):
        setattr(experiment, "rows", 3)  # noqa: B010 (a checker of types would refuse the statement)
