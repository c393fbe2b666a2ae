"""What a competition is: input/<name>/competition.toml as a frozen model. A misspelt key is refused."""

from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from swapdae.base.errors import UserError
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


ISO = "ISO8601"  # what pandas calls the format of dates as 2024-12-31

LISTS = ("categorical", "numerical", "drop", "dates", "text")  # of [columns], a column in one of them at most


def _formats(value: object) -> object:
    """A list of date columns as their formats by name."""
    return dict.fromkeys(value, ISO) if isinstance(value, (list, tuple)) else value


class Columns(StrictModel):
    """Kinds of columns by name, where "auto" would get them wrong: it takes numbers as numerical, ISO dates as dates,
    and the rest as categorical.

    drop: left out; may be in train alone. dates: a list of columns with ISO dates, or strptime's formats by column.
    text: free text, hashed into numbers.
    """

    categorical: tuple[str, ...] = ()
    numerical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    dates: Annotated[dict[str, str], BeforeValidator(_formats)] = {}
    text: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: dict[str, str] = {}
        for kind in LISTS:
            for name in getattr(self, kind):
                if name in seen:
                    both = f"twice as {kind}" if kind == seen[name] else f"as {seen[name]} and as {kind}"
                    raise ValueError(f"column '{name}' is named {both}; keep one")
                seen[name] = kind
        return self

    @property
    def kinds(self) -> dict[str, str]:
        """The list that a column is named in, by column."""
        return {name: kind for kind in LISTS for name in getattr(self, kind)}


def _columns(value: object) -> object:
    return {} if value == "auto" else value


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
    """Names of the competition's CSVs, all in input/<competition>/."""

    train: FileName = "train.csv"
    test: FileName = "test.csv"
    sample: FileName = "sample_submission.csv"

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for (a, name), (b, other) in combinations(self, 2):
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
    """input/<name>/competition.toml. A new competition is this file plus its CSVs.

    Where `target` is a list there, it stands in `targets`, and `target` is the one that a view looks at (for_target).
    """

    name: Name
    host: Annotated[str, AfterValidator(_known_host)]
    slug: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    id: str
    target: str
    targets: tuple[Name, ...] = ()  # each becomes a folder
    task: Task
    metric: str
    columns: Annotated[Columns, BeforeValidator(_columns)] = Columns()
    folds: FoldsConfig = FoldsConfig()
    files: Files = Files()
    git_blob_sha1: dict[str, Sha1] = {}  # of the true files, by name, where they are known

    @model_validator(mode="before")
    @classmethod
    def _several(cls, values: Any) -> Any:
        if isinstance(values, dict) and isinstance(values.get("target"), (list, tuple)):
            return {**values, "target": "", "targets": values["target"]}
        return values

    @model_validator(mode="after")
    def _targets_are_several(self) -> Self:
        if self.targets and (len(set(self.targets)) < max(2, len(self.targets)) or self.id in self.targets):
            raise ValueError("target: a list names two or more columns, each once, and not the id")
        if self.targets and self.task == "multiclass":
            raise ValueError("target: a list is for 'regression' and 'binary'; 'multiclass' takes one target")
        if self.targets and self.target and self.target not in self.targets:
            raise ValueError(f"target '{self.target}' is none of {', '.join(self.targets)}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.metric not in METRICS:
            raise ValueError(f"metric '{self.metric}' is unknown; known are {', '.join(METRICS)}")
        if self.task not in METRICS[self.metric].tasks:
            fitting = ", ".join(name for name, metric in METRICS.items() if self.task in metric.tasks)
            raise ValueError(f"metric '{self.metric}' does not fit task '{self.task}', which takes {fitting}")
        if self.folds.kind == "stratified" and self.task == "regression":
            raise ValueError("folds.kind = 'stratified' needs classes; a regression takes 'shuffle'")
        if clash := sorted({self.id, self.target, *self.targets} & set(self.columns.kinds)):
            raise ValueError(f"columns name '{clash[0]}', which is the id or the target; take it out there")
        if strange := sorted(set(self.git_blob_sha1) - set(self.files.all)):
            raise ValueError(f"git_blob_sha1 knows '{strange[0]}', which is none of [files]")
        return self

    def for_target(self, target: str) -> "Competition":
        """The competition as if `target` were its only one. Raises UserError where it is none of several."""
        if target not in self.targets:
            known = f"known are {', '.join(self.targets)}" if self.targets else "it has one target"
            raise UserError(f"competition '{self.name}' has no target '{target}' among several; {known}")
        return self.model_copy(update={"target": target})

    @property
    def others(self) -> tuple[str, ...]:
        """Targets that a view does not look at."""
        return tuple(name for name in self.targets if name != self.target)

    @property
    def metric_of(self) -> Metric:
        return METRICS[self.metric]


def read_competition(paths: Paths, name: str) -> Competition:
    """input/<name>/competition.toml. Raises UserError naming file and key."""
    return read_toml(Competition, paths.competition_file(name), name=name)
