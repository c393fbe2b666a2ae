from pathlib import Path

import numpy as np
import pandas as pd

from swapdae.modelling.features import FileFeatures, FoldwiseFeatures, JoinedFeatures, RawFeatures


def raw(n_selections: int) -> RawFeatures:
    frame = pd.DataFrame({"c": [*list("abab"), "z"], "x": [1.0, 2.0, 3.0, np.nan, 100.0]})
    selections = [np.arange(5)] if n_selections == 1 else [np.array([0, 1]), np.array([0, 1, 2, 4])]
    return RawFeatures(frame, ("c",), ("x",), selections)


def test_native_raw_keeps_codes_and_missing_numbers() -> None:
    native = raw(1).native(0)
    assert native.names == ("c", "x") and native.n_levels == (3,)
    assert native.x_cat[:, 0].tolist() == [1, 2, 1, 2, 3]
    assert np.isnan(native.x_num[0][3, 0])


def test_native_as_one_table() -> None:
    table = raw(1).native(0).table(np.array([2, 3]))
    assert table.dtype == np.float32 and table[:, 0].tolist() == [1, 2]
    assert table[0, 1] == 3 and np.isnan(table[1, 1])


def test_dense_raw_of_a_fold_is_scaled_by_its_own_rows() -> None:
    features = raw(2)
    assert not features.shared
    (first,), (second,) = features.dense(0), features.dense(1)
    assert first.shape == (5, 2 + 1) and second.shape == (5, 3 + 1)  # "z" is a level of the second fold only
    assert first[:2, -1].tolist() == [-1, 1]  # (x - 1.5) / .5
    assert np.isfinite(first).all() and first[4, :2].sum() == 0


def test_shared_raw_is_the_same_for_every_fold() -> None:
    features = raw(1)
    assert features.shared and features.dense(0)[0] is features.dense(3)[0]


def test_files_are_mapped_and_told_apart_by_fold(tmp_path: Path) -> None:
    files = [tmp_path / "a.npy", tmp_path / "b.npy"]
    for value, file in enumerate(files):
        np.save(file, np.full((5, 2), value, dtype=np.float16))
    features = FileFeatures(files, "dae")
    assert not features.shared and features.dense(1)[0][0, 0] == 1
    assert isinstance(features.dense(0)[0], np.memmap)
    assert features.native(0).names == ("dae_0", "dae_1") and features.native(0).x_cat.shape == (5, 0)
    assert FileFeatures(files[:1], "dae").dense(4)[0][0, 0] == 0


def test_joined_sets_stand_side_by_side_categories_first(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 2), dtype=np.float16))
    joined = JoinedFeatures([FileFeatures([tmp_path / "a.npy"], "dae"), raw(1)])
    native = joined.native(0)
    assert native.names == ("c", "dae_0", "dae_1", "x") and native.n_levels == (3,)
    assert [block.shape[1] for block in native.x_num] == [2, 1] and native.x_cat.shape == (5, 1)
    assert joined.shared and [block.shape[1] for block in joined.dense(0)] == [2, 4 + 1]
    assert not JoinedFeatures([raw(1), raw(2)]).shared


def test_every_fold_has_a_set_of_its_own(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones((5, 2), dtype=np.float16))
    foldwise = FoldwiseFeatures([raw(1), FileFeatures([tmp_path / "a.npy"], "dae")])
    assert not foldwise.shared and foldwise.native(0).names == ("c", "x")
    assert foldwise.native(1).names == ("dae_0", "dae_1") and foldwise.dense(1)[0].shape == (5, 2)
