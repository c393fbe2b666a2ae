import numpy as np
import pytest

from pipeline_case import make, with_dae
from swapdae.autoencoder.fit import read_features
from swapdae.base.device import resolve_device
from swapdae.base.errors import UserError
from swapdae.modelling.features import FileFeatures, JoinedFeatures, RawFeatures
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run


def test_views_by_name(run: Run) -> None:
    store = FeatureStore(run)
    assert isinstance(store.views(["raw"]), RawFeatures)
    assert isinstance(store.views(["dae"]), FileFeatures)
    assert isinstance(store.views(["raw", "dae"]), JoinedFeatures)


def test_made_views_of_a_run(run: Run) -> None:
    """Those that read labels differ by fold, and never see a fold's held-out rows."""
    store = FeatureStore(run)
    assert store.view("freq").shared and not store.view("te").shared
    for fold, rows in enumerate(store.source.training):
        assert np.array_equal(rows, np.flatnonzero(run.data.folds.labels != fold))
    per_fold = FeatureStore(with_dae(run, scope="per_fold"))
    assert not per_fold.view("freq").shared, "what the autoencoder of a fold may not see, frequencies do not count"


def test_an_autoencoder_is_there_when_the_stage_has_run(run: Run) -> None:
    store = FeatureStore(run)
    with pytest.raises(UserError, match="stage dae has not run"):
        store.autoencoder(0)
    make(run, "dae")
    model, codes = store.autoencoder(0)
    (block,) = read_features(model, codes, model.layout, resolve_device("cpu"))
    stored = np.load(store.dae_files[0])
    assert block.shape == stored.shape and np.abs(block - stored).max() < 0.01 * stored.std()


def test_label_free_rows_are_all_or_without_the_held_out(run: Run) -> None:
    assert [len(rows) for rows in FeatureStore(run).rows] == [420]
    per_fold = with_dae(run, scope="per_fold", test_rows=False)
    for fold, rows in enumerate(FeatureStore(per_fold).rows):
        assert np.array_equal(rows, np.flatnonzero(run.data.folds.labels != fold))
