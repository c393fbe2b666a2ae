"""What a competition is: input/<name>/competition.toml as a frozen model. A misspelt key is refused."""

from itertools import combinations
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    InstanceOf,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from swapdae.base.errors import UserError
from swapdae.base.models import Name, StrictModel, read_toml
from swapdae.base.paths import Paths
from swapdae.competition.hosts import HOSTS
from swapdae.competition.metrics import OWN, Metric, metric_named, metrics_of
from swapdae.competition.own_metric import read_own_metric

Task = Literal["regression", "binary", "multiclass"]


LISTS = ("categorical", "numerical", "drop", "dates", "text")  # of [columns], a column in one of them at most
ISO = "ISO8601"  # what pandas calls the format of dates as 2024-12-31


def _formats(value: object) -> object:
    """A list of date columns as their formats by name."""
    return dict.fromkeys(value, ISO) if isinstance(value, (list, tuple)) else value


class Columns(StrictModel):
    """Kinds of columns by name, where "auto" would get them wrong: it takes numbers as numerical, ISO dates as dates,
    and the rest as categorical.

    drop: left out; may be in train alone. dates: a list of columns with ISO dates, or strptime's formats by column.
    text: free text, whose letters become numbers. weight: the column of train with its rows' weights, no feature.
    """

    categorical: tuple[str, ...] = ()
    numerical: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    dates: Annotated[dict[str, str], BeforeValidator(_formats)] = {}
    text: tuple[str, ...] = ()
    weight: str | None = None

    @model_validator(mode="after")
    def _once(self) -> Self:
        seen: dict[str, str] = {}
        for name, kind in self._named():
            if name in seen:
                both = f"twice as {kind}" if kind == seen[name] else f"as {seen[name]} and as {kind}"
                raise ValueError(f"column '{name}' is named {both}; keep one")
            seen[name] = kind
        if self.weight in seen:
            raise ValueError(f"weight = '{self.weight}' is named as {seen[self.weight]}, too; take it out of there")
        return self

    @property
    def kinds(self) -> dict[str, str]:
        """The list that a column is named in, by column."""
        return dict(self._named())

    def _named(self) -> list[tuple[str, str]]:
        return [(name, kind) for kind in LISTS for name in getattr(self, kind)]


def _columns(value: object) -> object:
    return {} if value == "auto" else value


def _file_name(text: str) -> str:
    """The text, if it can name a file in input/<competition>/; our own files there are hidden ones."""
    if not text or text.startswith(".") or set(text) & {"/", "\\"} or not text.isprintable():
        raise ValueError(f"{text[:50]!r} is no plain file name: no folders, no dot in front, nothing unprintable")
    if len(text.encode()) > 200:
        raise ValueError(f"'{text[:50]}...' is too long for a file name: 200 bytes at most")
    return text


FoldKind = Literal["shuffle", "stratified", "unshuffled", "group", "stratified_group", "time", "column", "file"]
UNSTRATIFIED = {"stratified": "shuffle", "stratified_group": "group"}  # what a regression takes instead
BY = {  # kinds that are drawn by something in the data
    "group": "the column, or columns, whose rows stay together",
    "stratified_group": "the column, or columns, whose rows stay together",
    "time": "the column with the number or date that rows follow each other in",
    "column": "the column with the fold numbers",
    "file": "the CSV with id and fold",
}
DRAWN = ("shuffle", "stratified", "group", "stratified_group")  # at random, so that a seed draws other ones


def _names(value: object) -> object:
    """One name or several, as several."""
    return (value,) if isinstance(value, str) else value


class FoldsConfig(StrictModel):
    """How train rows are cut into folds. Folds belong to the competition, so every experiment shares them.

    by: the column, or columns, whose rows stay together (group); the number or ISO date that rows follow each other in
    (time); one's own fold numbers (column), or a CSV with id and fold (file). window, gap, embargo: of time, see
    fold_windows. gap and embargo count in the column's unit, days of dates, or in rows.
    """

    count: int = Field(5, ge=2)
    kind: FoldKind = "shuffle"
    seed: int = 0
    by: Annotated[tuple[str, ...], BeforeValidator(_names)] = ()
    window: Literal["expanding", "sliding", "purged"] = "expanding"
    gap: float = Field(0.0, ge=0, allow_inf_nan=False)
    embargo: float = Field(0.0, ge=0, allow_inf_nan=False)
    unit: Literal["column", "rows"] = "column"
    repeats: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        kind, given = self.kind, self.model_fields_set
        if kind in BY and not self.by:
            raise ValueError(f"kind = '{kind}' needs by = {BY[kind]}")
        if kind not in BY and self.by:
            raise ValueError(f"kind = '{kind}' takes no by")
        if kind in ("time", "column", "file") and len(self.by) > 1:
            raise ValueError(f"kind = '{kind}' takes one name as by")
        if kind != "time" and (strange := {"window", "gap", "embargo", "unit"} & given):
            raise ValueError(f"'{min(strange)}' is of kind = 'time'; this kind is '{kind}'")
        if self.embargo and self.window != "purged":
            raise ValueError("embargo is of window = 'purged', which trains on later rows, too")
        if self.repeats > 1 and kind not in DRAWN:
            raise ValueError(f"repeats draws anew, and kind = '{kind}' draws nothing")
        if kind in ("column", "file") and "count" in given:
            raise ValueError(f"kind = '{kind}' takes the count of folds from the numbers; leave count out")
        if kind == "file":
            _file_name(self.by[0])
        return self

    @model_serializer(mode="wrap")
    def _without_what_is_not_used(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What decides the folds: without keys at their defaults, so that a new key makes no stage stale."""
        kept, fields = ("count", "kind", "seed"), type(self).model_fields
        decisive = {name for name, field in fields.items() if name in kept or getattr(self, name) != field.default}
        return {name: value for name, value in dump(self).items() if name in decisive}


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
    """input/<name>/competition.toml. A new competition is this file plus its CSVs.

    Where `target` is a list there, it stands in `targets`, and `target` is the one that a view looks at (for_target).
    """

    name: Name
    host: Annotated[str, AfterValidator(_known_host)]
    slug: str = Field("", pattern=r"^([a-z0-9][a-z0-9-]*)?$")  # the host's name for it
    id: str
    target: str
    targets: tuple[Name, ...] = ()  # each becomes a folder
    task: Task
    metric: str
    columns: Annotated[Columns, BeforeValidator(_columns)] = Columns()
    folds: FoldsConfig = FoldsConfig()
    files: Files = Files()
    git_blob_sha1: dict[str, Sha1] = {}  # of the true files, by name, where they are known
    metric_sha256: str = ""  # of one's own metric's source; read_competition fills in both
    own_metric: InstanceOf[Metric] | None = Field(None, exclude=True, repr=False)

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
        if self.targets and self.target and self.target not in self.targets:
            raise ValueError(f"target '{self.target}' is none of {', '.join(self.targets)}")
        return self

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.slug and self.host != "none":
            raise ValueError(f"slug is missing: what {self.host} calls the competition")
        if self.files.solution and self.host != "none":
            raise ValueError(f"files.solution is for host = 'none'; {self.host} scores by itself")
        if self.metric != OWN and self.task not in metric_named(self.metric).tasks:
            fitting = ", ".join(metrics_of(self.task))
            raise ValueError(f"metric '{self.metric}' does not fit task '{self.task}', which takes {fitting}")
        if (kind := self.folds.kind) in UNSTRATIFIED and self.task == "regression":
            raise ValueError(f"folds.kind = '{kind}' needs classes; a regression takes '{UNSTRATIFIED[kind]}'")
        if self.target in self.folds.by:
            raise ValueError(f"folds.by = '{self.target}' is the target; name another column")
        if self.columns.weight in (self.id, self.target, *self.targets):
            raise ValueError(f"columns.weight = '{self.columns.weight}' is the id or the target; name another column")
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
        return self.own_metric or metric_named(self.metric)

    @property
    def metric_key(self) -> str:
        """What of the metric decides a stage's output: its name, and one's own metric's source."""
        return f"{self.metric} {self.metric_sha256}".rstrip()


def read_competition(paths: Paths, name: str) -> Competition:
    """input/<name>/competition.toml, and the metric.py beside it where `metric = "mine"`.

    Raises UserError naming file and key.
    """
    competition = read_toml(Competition, paths.competition_file(name), name=name, metric_sha256="", own_metric=None)
    if competition.metric != OWN:
        return competition
    metric, sha256 = read_own_metric(paths.input(name), competition.task)
    return competition.model_copy(update={"own_metric": metric, "metric_sha256": sha256})
