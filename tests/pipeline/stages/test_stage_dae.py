import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline_case import make, with_dae, with_table
from swapdae.base.errors import UserError
from swapdae.pipeline.feature_store import FeatureStore, write_npy
from swapdae.pipeline.publish import open_scratch
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import dae, plan_of


def test_one_autoencoder_writes_features_of_all_rows(run: Run) -> None:
    (report,) = make(run, "dae")
    x = np.load(run.directory("dae") / "features.npy", mmap_mode="r")
    assert x.shape == (420, 48) and x.dtype == np.float16 and np.isfinite(x).all()
    (training,) = report.metrics["trainings"]
    assert training["n_rows"] == 420 and report.device.startswith("CPU, ")
    log = (run.directory("dae") / "training_0" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in log] == [1, 2]
    assert not list(run.directory("dae").rglob("checkpoint.safetensors"))


@pytest.mark.parametrize(("test_rows", "n_rows"), [(True, 200 + 120), (False, 200)])
def test_per_fold_autoencoders_do_not_see_their_held_out_rows(run: Run, test_rows: bool, n_rows: int) -> None:
    run = with_dae(run, scope="per_fold", test_rows=test_rows)
    (report,) = make(run, "dae")
    assert [training["n_rows"] for training in report.metrics["trainings"]] == [n_rows] * 3
    for fold, rows in enumerate(FeatureStore(run).rows):
        assert not np.isin(np.flatnonzero(run.data.folds.labels == fold), rows).any()
    first, second = (np.load(file) for file in FeatureStore(run).dae_files[:2])
    assert first.shape == second.shape == (420, 48) and not np.array_equal(first, second)
    features = FeatureStore(run).view("dae")
    assert not features.shared and np.array_equal(features.dense(1)[0], second)


def test_held_out_rows_decide_nothing_of_their_folds_features(run: Run) -> None:
    """Change the held-out rows of fold 0: its autoencoder must come out the same, and so must other rows' features."""
    run = with_dae(run, scope="per_fold")
    make(run, "dae")
    before = np.load(FeatureStore(run).dae_files[0]).copy()
    held_out = np.flatnonzero(run.data.folds.labels == 0)
    changed = run.data.table.train.copy()
    changed.loc[held_out, "x0"] = 50.0
    scratch = open_scratch(run.paths.root / "again", "k")
    dae._body(with_table(run, train=changed), scratch)
    after = np.load(scratch.out / "features_0.npy")
    others = np.setdiff1d(np.arange(len(before)), held_out)
    assert np.array_equal(before[others], after[others])
    assert not np.array_equal(before[held_out], after[held_out])


def test_no_head_reads_features_no_autoencoder_is_trained(run: Run) -> None:
    raw = {name: head for name, head in run.experiment.heads.items() if head.features == ("raw",)}
    run = replace(run, experiment=run.experiment.model_copy(update={"heads": raw}))
    assert not make(run, "dae")


def test_write_npy_refuses_another_number_of_rows(tmp_path: Path) -> None:
    blocks = [np.full((2, 3), 1e9, dtype=np.float32)]
    with pytest.raises(ValueError, match="2 rows came, 5 were announced"):
        write_npy(tmp_path / "x.npy", iter(blocks), (5, 3))
    assert not (tmp_path / "x.npy").exists()
    write_npy(tmp_path / "x.npy", iter(blocks), (2, 3))
    assert np.load(tmp_path / "x.npy").tolist() == [[65504.0] * 3] * 2  # clipped, not infinite


def test_it_reads_label_free_views_beside_the_table(run: Run) -> None:
    plain, reader = run, with_dae(run, reads=("freq", "bins"))
    (_, before), (codes, layout) = FeatureStore(plain).encoded(0), FeatureStore(reader).encoded(0)
    assert layout.categorical == (*before.categorical, *(f"bin_x{j}" for j in range(5)))
    assert layout.numbers == (*before.numbers, *(f"freq_c{j}" for j in range(4)))
    frequency = FeatureStore(reader).view("freq").dense(0)[0]
    assert codes.x_num[:, -4:] == pytest.approx(frequency, abs=1e-5)
    (report,) = make(reader, "dae")
    assert report.metrics["trainings"][0]["n_inputs"] == layout.n_inputs
    make(plain, "dae")
    assert plain.report("dae").key != report.key


def test_a_view_of_labels_is_read_by_the_autoencoder_of_its_fold(run: Run) -> None:
    reader = with_dae(run, reads=("te",), scope="per_fold")
    for fold in range(3):
        codes, layout = FeatureStore(reader).encoded(fold)
        assert layout.numbers[-4:] == ("te_c0", "te_c1", "te_c2", "te_c3")
        y = reader.data.table.y.copy()
        y[reader.data.folds.labels == fold] += 1000.0
        other, _ = FeatureStore(with_table(reader, y=y)).encoded(fold)
        assert np.array_equal(codes.x_num, other.x_num), "no target of a held-out row is seen"
        others, _ = FeatureStore(with_table(reader, y=y)).encoded((fold + 1) % 3)
        assert not np.array_equal(FeatureStore(reader).encoded((fold + 1) % 3)[0].x_num, others.x_num)


def test_a_made_column_of_the_tables_own_name_is_refused(run: Run) -> None:
    table = run.data.table
    named = with_table(
        with_dae(run, reads=("freq",)),
        train=table.train.rename(columns={"x0": "freq_c0"}),
        test=table.test.rename(columns={"x0": "freq_c0"}),
        numerical=("freq_c0", *table.numerical[1:]),
    )
    with pytest.raises(UserError, match="column 'freq_c0' is made under a name that the table has"):
        FeatureStore(named).encoded(0)


def test_own_transformers_that_it_reads_are_part_of_its_key(run: Run) -> None:
    reader = with_dae(run, reads=("own",), scope="per_fold")
    with pytest.raises(UserError, match=r"dae.reads: view 'own' needs a function transformers"):
        dae._stages(reader, plan_of(run))
    text = "from sklearn.preprocessing import FunctionTransformer as F\n"
    text += "def transformers(): return [F(lambda x: x[['x0']])]\n"
    keys = []
    for body in (text, text.replace("x0", "x1")):
        (reader.input / "features.py").write_text(body)
        (stage,) = dae._stages(with_dae(reader), plan_of(run))
        keys.append(stage.config["own"])
    assert keys[0] != keys[1]
