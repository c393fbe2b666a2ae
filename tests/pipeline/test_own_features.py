"""Columns of one's own in a whole run: who reads them, and what is stale when their file changes."""

from pathlib import Path

import numpy as np
import pytest

from pipeline_case import make, with_experiment
from swapdae.base.errors import UserError
from swapdae.experiment.config import HeadConfig
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run
from swapdae.pipeline.stages import plan_of

MAKE = "def make(frame):\n    return frame[['x0']].rename(columns={'x0': 'again'}) * 2\n"
TRANSFORMERS = """
from sklearn.preprocessing import StandardScaler
from sklearn.compose import make_column_transformer
def transformers():
    return [make_column_transformer((StandardScaler(), ["x1"]))]
"""


def of_heads(run: Run, **features: list[str]) -> Run:
    """The same experiment with a ridge for each list of views, read anew."""
    heads = {name: HeadConfig.model_validate({"kind": "ridge", "features": views}) for name, views in features.items()}
    return with_experiment(run, heads=heads)


def states(run: Run) -> dict[str, str]:
    return {name: str(state) for name, state in plan_of(run).states().items()}


def written(run: Run, text: str, file: Path | None = None) -> None:
    (file or run.input / "features.py").write_text(text)


def test_made_columns_reach_heads_and_a_change_makes_all_stale(run: Run) -> None:
    def fresh() -> Run:
        return of_heads(run, a=["raw"], b=["raw", "te"])

    first = fresh()
    make(first, "heads")
    written(run, MAKE)
    found = states(fresh())
    assert found["download"].startswith("stale (changed: features.py") and found["heads/a"].startswith("stale")
    again = fresh()
    make(again, "heads")
    assert again.report("download").metrics["numerical"][-1] == "again"
    assert again.data.table.train["again"].to_numpy() == pytest.approx(2 * first.data.table.train["x0"].to_numpy())
    assert "again" in FeatureStore(again).view("raw").native(0).names
    assert states(fresh())["heads/b"] == "done"
    written(run, MAKE.replace("* 2", "* 3"))
    assert states(fresh())["download"].startswith("stale (changed: features.py")


def test_transformers_make_only_their_readers_stale(run: Run) -> None:
    def fresh() -> Run:
        return of_heads(run, a=["raw"], b=["raw", "own"])

    written(run, TRANSFORMERS)
    done = fresh()
    make(done, "heads")
    x1, train = done.data.frame["x1"].to_numpy(), FeatureStore(done).source.training[1]
    column = FeatureStore(done).view("own").native(1).x_num[0][:, 0]
    assert column == pytest.approx((x1 - x1[train].mean()) / x1[train].std(), rel=1e-4, abs=1e-5)
    written(run, TRANSFORMERS.replace("x1", "x2"))
    found = states(fresh())
    assert found["download"] == found["heads/a"] == "done" and found["heads/b"].startswith("stale (changed: own")


def test_transformers_beside_make_make_only_their_readers_stale(run: Run) -> None:
    def fresh() -> Run:
        return of_heads(run, a=["raw"], b=["raw", "own"])

    written(run, MAKE + TRANSFORMERS)
    make(fresh(), "heads")
    written(run, MAKE + TRANSFORMERS.replace("x1", "x2"))
    found = states(fresh())
    assert found["download"] == found["heads/a"] == "done" and found["heads/b"].startswith("stale (changed: own")
    written(run, MAKE.replace("* 2", "* 3") + TRANSFORMERS)
    assert states(fresh())["download"].startswith("stale (changed: features.py")


def test_the_experiments_own_file_wins(run: Run) -> None:
    written(run, "def make(frame): raise RuntimeError('of the competition')\n")
    written(run, MAKE, run.paths.root / "experiments" / "tiny.py")
    assert "again" in of_heads(run, a=["raw"]).data.table.numerical


def test_the_view_is_refused_before_anything_runs(run: Run) -> None:
    reader = of_heads(run, a=["own"])
    with pytest.raises(UserError, match=r"head 'a': view 'own' needs a function transformers\(\) in .*features.py"):
        plan_of(reader)
    written(run, MAKE)
    with pytest.raises(UserError, match="head 'a': view 'own' needs"):
        plan_of(of_heads(run, a=["own"]))


def test_the_same_features_in_two_runs(run: Run) -> None:
    """A transformer that draws at random, without a random_state."""
    written(
        run,
        "from sklearn.preprocessing import FunctionTransformer\nimport numpy as np\n"
        "def transformers(): return [FunctionTransformer(lambda x: np.random.normal(size=(len(x), 1)))]\n",
    )
    first, second = (FeatureStore(of_heads(run, a=["own"])).view("own").dense(1)[0] for _ in range(2))
    assert np.array_equal(first, second)
