import tomllib
from typing import Any

import pytest

from swapdae.autoencoder.config import NoiseConfig
from swapdae.base.errors import UserError
from swapdae.base.paths import Paths
from swapdae.experiment.config import read_experiment
from swapdae.experiment.file import toml_of, write_experiment

SOURCE = """
competition = "synthetic" # a comment
seed = 3
[dae]
scope = "per_fold"
noise.categorical = 0.3
[dae.noise.columns]
c0 = 0.5
[dae.training]
learning_rate = 1.5e-3
[heads."a.b"]
kind = "lightgbm"
features = ["raw", "dae"]
params = { num_leaves = 7 }
"""
NOISE = {"noise": NoiseConfig(donor="row", columns={"a column": 0.25, "c0": 0.1}).model_dump(mode="json")}


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"a": 1, "b": True, "c": 1.5e-300, "d": 'line\nbreak "quoted" \\ é \x7f 🙂', "e": [1, [2.5, "x"]]},
        {"t": {"u": {"v": 1}, "w": {}}, "a": 1, "dotted.key": {"a b": 2, "": 3, "ü": 4}},
        {"inf": float("inf"), "big": 1e16, "int": 10**18},
    ],
)
def test_toml_of_is_read_as_the_same(values: dict[str, Any]) -> None:
    assert tomllib.loads(toml_of(values)) == values


def source(tree: Paths) -> Paths:
    tree.experiment_file("tiny").write_text(SOURCE)
    return tree


def write(tree: Paths, force: bool = False, comment: tuple[str, ...] = ("found", "by search")) -> None:
    write_experiment(tree, "tiny_noise", "tiny", NOISE, comment, force=force)


def test_written_is_the_source_with_other_noise(tree: Paths) -> None:
    write(source(tree))
    written, before = read_experiment(tree, "tiny_noise"), read_experiment(tree, "tiny")
    noise = NoiseConfig.model_validate(NOISE["noise"])
    expected = before.model_copy(update={"name": "tiny_noise", "dae": before.dae.model_copy(update={"noise": noise})})
    assert written == expected
    text = tree.experiment_file("tiny_noise").read_text()
    assert text.startswith("# found\n# by search\n") and "epochs" not in text, "only what differs from the defaults"


def test_another_file_is_not_overwritten_unasked(tree: Paths) -> None:
    write(source(tree))
    write(tree)
    with pytest.raises(UserError, match=r"tiny_noise\.toml: is there and says something else; .*--force"):
        write(tree, comment=("other",))
    assert "by search" in tree.experiment_file("tiny_noise").read_text()
    write(tree, force=True, comment=("other",))
    assert "by search" not in tree.experiment_file("tiny_noise").read_text()
    assert [file.name for file in (tree.root / "experiments").iterdir() if file.name.startswith(".")] == []


def test_what_is_no_experiment_is_not_written(tree: Paths) -> None:
    with pytest.raises(UserError, match=r"tiny_noise\.toml: dae\.noise\.categorical: .* less than or equal to 1"):
        write_experiment(source(tree), "tiny_noise", "tiny", {"noise": {"categorical": 2}}, (), force=False)
    assert not tree.experiment_file("tiny_noise").exists()


def test_unwritable_is_named(tree: Paths) -> None:
    source(tree)
    tree.experiment_file("tiny_noise").mkdir()
    with pytest.raises(UserError, match=r"tiny_noise\.toml: cannot be written: "):
        write(tree)
