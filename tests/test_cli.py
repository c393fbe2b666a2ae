import json

import pytest
from typer.testing import CliRunner

from swapdae.base.paths import Paths
from swapdae.cli import app

TINY = """
competition = "synthetic"
[dae.body]
kind = "stack"
width = 8
[dae.training]
epochs = 1
[heads.ridge_raw]
kind = "ridge"
[heads.ridge_dae]
kind = "ridge"
features = "dae"
"""


def swapdae(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def tiny(tree: Paths) -> Paths:
    tree.experiment_file("tiny").write_text(TINY)
    return tree


def test_run_then_nothing_to_do_then_status_and_scores(tiny: Paths) -> None:
    code, out, _ = swapdae("run", "tiny", "--device", "cpu")
    assert code == 0 and "blend: finished" in out
    code, out, _ = swapdae("run", "tiny", "--device", "cpu")
    assert code == 0 and "running" not in out
    assert out.count("done, nothing to do") == 10
    code, out, _ = swapdae("status", "tiny")
    assert [line.split()[1] for line in out.splitlines()] == ["done"] * 10 + ["missing"] * 2
    found = json.loads(swapdae("scores", "tiny", "--json")[1])
    assert set(found) == {"heads", "blend", "worth", "rows_left_out"}
    assert set(found["heads"]) == {"ridge_raw", "ridge_dae"}
    assert set(found["heads"]["ridge_dae"]) == {"features", "oof", "public", "private", "seconds"}
    assert set(found["blend"]) == {"oof", "oof_cross_fitted", "public", "private", "weights"}
    table = swapdae("scores", "tiny")[1]
    assert f"{found['heads']['ridge_raw']['oof']:.5f}" in table and "blend (cross-fitted)" in table
    assert table.splitlines()[-1] == found["worth"]["sentence"] and " Ridge has " in found["worth"]["sentence"]


def test_status_says_which_input_changed(tiny: Paths) -> None:
    swapdae("run", "tiny", "--device", "cpu")
    tiny.experiment_file("tiny").write_text(TINY.replace("epochs = 1", "epochs = 2"))
    lines = {line.split()[0]: line for line in swapdae("status", "tiny")[1].splitlines()}
    assert "stale (changed: dae)" in lines["dae"] and "stale (dae is stale)" in lines["heads/ridge_dae"]
    assert lines["heads/ridge_raw"].split()[1] == "done" and "stale (heads/ridge_dae is stale)" in lines["blend"]


def test_one_stage_at_a_time(tiny: Paths) -> None:
    assert swapdae("download", "tiny")[0] == 0
    assert (tiny.stage("tiny", "download") / "report.json").exists()
    assert not tiny.stage("tiny", "blend").exists()


def test_scores_before_anything_ran(tiny: Paths) -> None:
    found = json.loads(swapdae("scores", "tiny", "--json")[1])
    assert found["heads"]["ridge_raw"]["oof"] is found["blend"]["weights"] is None
    assert swapdae("scores", "tiny")[0] == 0


def test_error_is_one_line_on_stderr_and_exit_1(tiny: Paths) -> None:
    code, out, err = swapdae("run", "tinny")
    assert (code, out) == (1, "") and err.count("\n") == 1 and err.startswith("error: ") and "tinny.toml" in err


def test_debug_shows_the_traceback(tiny: Paths) -> None:
    result = CliRunner().invoke(app, ["run", "tinny", "--debug"])
    assert result.exit_code == 1 and result.exception is not None and "tinny" in str(result.exception)


def test_list_names_what_there_is(tiny: Paths) -> None:
    assert swapdae("list")[1].splitlines() == ["experiments: tiny", "competitions: synthetic"]


def test_help_names_every_stage() -> None:
    out = swapdae("--help")[1]
    stages = ("download", "dae", "activations", "tune", "heads", "blend", "score", "submit", "report")
    others = ("run", "status", "scores", "compare", "tune-noise", "select-features", "new", "params")
    for word in (*stages, "worth", *others):
        assert f" {word} " in out


def test_tune_noise_by_search_and_by_rule(tiny: Paths) -> None:
    short = ("--trials", "2", "--rows", "150", "--epochs", "1", "--device", "cpu")
    code, out, _ = swapdae("tune-noise", "tiny", *short)
    assert code == 0 and out.splitlines()[-1].endswith("tiny_noise.toml")
    assert swapdae("tune-noise", "tiny", *short)[0] == 0, "the same again is no conflict"
    code, _, err = swapdae("tune-noise", "tiny", "--rule")
    assert code == 1 and err.startswith("error: ") and "--force" in err
    assert swapdae("tune-noise", "tiny", "--rule", "--force")[0] == 0
    assert swapdae("download", "tiny_noise")[0] == 0
    code, _, err = swapdae("tune-noise", "tiny", "--folds", "1")
    assert code == 1 and "tune-noise: folds: Input should be greater than or equal to 2" in err


def test_select_features_prints_its_table_and_names_a_bad_option(tiny: Paths) -> None:
    short = ("--k", "2", "--rows", "100", "--seeds", "1", "--epochs", "1", "--device", "cpu")
    code, out, _ = swapdae("select-features", "tiny", *short)
    assert code == 0 and "drop: " in out and (tiny.stage("tiny", "select_features") / "table.txt").exists()
    code, _, err = swapdae("select-features", "tiny", "--seeds", "0")
    assert code == 1 and "select-features: seeds: Input should be greater than or equal to 1" in err


def test_report_ends_with_its_path_and_compare_shows_both(tiny: Paths) -> None:
    tiny.experiment_file("tinier").write_text(TINY.replace("width = 8", "width = 4"))
    for name in ("tiny", "tinier"):
        assert swapdae("run", name, "--device", "cpu")[0] == 0
    code, out, _ = swapdae("report", "tiny")
    page = tiny.oof("tiny") / "report.html"
    assert code == 0 and out.splitlines()[-1] == str(page) and page.exists()
    found = json.loads(swapdae("compare", "tiny", "tinier", "--json")[1])
    assert list(found["experiments"]) == ["tiny", "tinier"]
    assert "its 95% interval" in swapdae("compare", "tiny", "tinier")[1]
    assert swapdae("compare", "tiny")[2] == "error: compare takes two experiments or more, by name\n"


def test_several_targets_are_told_one_after_the_other(tiny: Paths) -> None:
    file = tiny.competition_file("synthetic")
    file.write_text(file.read_text().replace('target = "target"', 'target = ["target", "x0"]'))
    code, out, _ = swapdae("status", "tiny")
    assert code == 0 and {"target/download", "x0/blend"} <= {line.split()[0] for line in out.splitlines()}
    assert list(json.loads(swapdae("scores", "tiny", "--json")[1])) == ["target", "x0"]
    assert swapdae("scores", "tiny")[1].count("ridge_raw") == 2 * swapdae("scores", "tiny/x0")[1].count("ridge_raw") > 0
    code, _, err = swapdae("download", "tiny")
    assert (code == 1 and "holds the target 'x0'" in err) or "no column 'x0'" in err
