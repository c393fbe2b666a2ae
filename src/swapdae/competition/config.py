"""What a competition is: input/<name>/competition.toml as a frozen model. A misspelt key is refused."""

from itertools import combinations
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from swapdae.base.models import Name, StrictModel, read_toml
from swapdae.base.paths import Paths
from swapdae.competition.hosts import HOSTS
from swapdae.competition.metrics import METRICS, Metric

Task = Literal["regression", "binary", "multiclass"]


class FoldsConfig(StrictModel):
    """How train rows are cut into folds. Folds belong to the competition, so every experiment shares them."""

    count: int = Field(5, ge=2)
    kind: Literal["shuffle", "stratified", "unshuffled"] = "shuffle"
    seed: int = 0


class Columns(StrictModel):
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


def _file_name(text: str) -> str:
    """The text, if it can name a file in input/<competition>/; our own files there are hidden ones."""
    if not text or text.startswith(".") or set(text) & {"/", "\\"} or not text.isprintable():
        raise ValueError(f"{text[:50]!r} is no plain file name: no folders, no dot in front, nothing unprintable")
    if len(text.encode()) > 200:
        raise ValueError(f"'{text[:50]}...' is too long for a file name: 200 bytes at most")
    return text


FileName = Annotated[str, AfterValidator(_file_name)]
Sha1 = Annotated[str, Field(pattern="^[0-9a-f]{40}$")]


class Files(StrictModel):
    """Names of the competition's CSVs, all in input/<competition>/. solution: answers that were kept back, if any."""

    train: FileName = "train.csv"
    test: FileName = "test.csv"
    sample: FileName = "sample_submission.csv"
    solution: FileName | None = Field(None, exclude=True)  # not in keys: no stage but `score` reads it, by its sha256

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for (a, name), (b, other) in combinations([(key, name) for key, name in self if name], 2):
            if name.casefold() == other.casefold():
                raise ValueError(f"{a} and {b} are named alike, '{name}' and '{other}'")
        return self

    @property
    def all(self) -> tuple[str, str, str]:
        return self.train, self.test, self.sample


def _known_host(name: str) -> str:
    if name not in HOSTS:
        raise ValueError(f"'{name}' is unknown; known are {', '.join(HOSTS)}")
    return name


class Competition(StrictModel):
    """input/<name>/competition.toml. A new competition is this file plus its CSVs."""

    name: Name
    host: Annotated[str, AfterValidator(_known_host)]
    slug: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$")  # the host's name for it
    id: str
    target: str
    task: Task
    metric: str
    columns: Kinds = "auto"
    folds: FoldsConfig = FoldsConfig()
    files: Files = Files()
    git_blob_sha1: dict[str, Sha1] = {}  # of the true files, by name, where they are known

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.slug and self.host != "none":
            raise ValueError(f"slug is missing: what {self.host} calls the competition")
        if self.files.solution and self.host != "none":
            raise ValueError(f"files.solution is for host = 'none'; {self.host} scores by itself")
        if self.metric not in METRICS:
            raise ValueError(f"metric '{self.metric}' is unknown; known are {', '.join(METRICS)}")
        if self.task not in METRICS[self.metric].tasks:
            fitting = ", ".join(name for name, metric in METRICS.items() if self.task in metric.tasks)
            raise ValueError(f"metric '{self.metric}' does not fit task '{self.task}', which takes {fitting}")
        if self.folds.kind == "stratified" and self.task == "regression":
            raise ValueError("folds.kind = 'stratified' needs classes; a regression takes 'shuffle'")
        if strange := sorted(set(self.git_blob_sha1) - set(self.files.all)):
            raise ValueError(f"git_blob_sha1 knows '{strange[0]}', which is none of [files]")
        return self

    @property
    def metric_of(self) -> Metric:
        return METRICS[self.metric]


def read_competition(paths: Paths, name: str) -> Competition:
    """input/<name>/competition.toml. Raises UserError naming file and key."""
    return read_toml(Competition, paths.competition_file(name), name=name)
