"""What a finished run keeps for the prediction of new rows, and where it lies.

In oof/<experiment>, or in a folder that `export` made, which holds the same files and no others:

    heads/<head>/fit_<k>/    the model of every fit that predicts test rows, by the head's own save and load
    dae/training_<k>/        the autoencoders' weights
    models/kept.json         what is read, by what, and the sha256 of the files above
    models/table/            how a file's rows become features
    models/views/<view>/<k>/ a view as it was fitted, and its encoders
    models/dae/<k>/          what encodes rows for autoencoder k
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from swapdae import __version__
from swapdae.autoencoder.config import DaeConfig
from swapdae.base.errors import UserError
from swapdae.base.files import read_json, sha256_of, write_bytes, write_json
from swapdae.base.models import StrictModel
from swapdae.competition.config import Competition
from swapdae.competition.metrics import OWN as OWN_METRIC
from swapdae.competition.own_metric import FILE as METRIC
from swapdae.modelling.features import RawFeatures
from swapdae.modelling.own_features import OWN
from swapdae.modelling.views import VIEWS, MadeFeatures
from swapdae.pipeline.feature_store import FeatureStore
from swapdae.pipeline.run import Run

NAME = "models"
KEPT = "kept.json"
FORMAT = 1
WEIGHTS = "model.safetensors"


class KeptHead(StrictModel):
    """weight: in the blend, above 0: others predict nothing."""

    kind: str
    features: tuple[str, ...]
    weight: float


class Kept(StrictModel):
    """models/kept.json.

    competition: with one target, and no folds. sample: the sample submission's columns. fits: those that predict test.
    n_autoencoders: 0 without, 1 for all folds, or one for each fit. files: sha256 of what other stages made, by path
    from the folder above `models`. device: on which and in which precision networks predicted.
    """

    format: int = FORMAT
    swapdae: str = __version__
    experiment: str
    competition: Competition
    sample: tuple[str, ...]
    classes: tuple[str, ...]
    categorical: tuple[str, ...]
    numerical: tuple[str, ...]
    own: bool
    fits: tuple[int, ...]
    heads: dict[str, KeptHead]
    decision: dict[str, Any] | None
    dae: DaeConfig
    dae_folder: str
    n_autoencoders: int
    files: dict[str, str]
    device: str
    versions: dict[str, str]

    @property
    def views(self) -> tuple[str, ...]:
        """All that heads and autoencoder read as columns, those of files left out."""
        read = [name for head in self.heads.values() for name in head.features]
        return tuple(name for name in dict.fromkeys(read) if VIEWS[name].stage is None)


def fit_folder(fit: int | str) -> str:
    return f"fit_{fit}"


def read_kept(folder: Path) -> Kept:
    """What stands in a folder `models`. Raises UserError where it is none of this version's, and with the reason where
    new rows cannot be predicted."""
    found = read_json(folder / KEPT)
    if found.get("format") != FORMAT:
        raise UserError(f"{folder}: kept by another version of swapdae ({found.get('swapdae')}); make it again")
    if refused := found.get("refused"):
        raise UserError(f"{found['experiment']}: new rows cannot be predicted: {refused}")
    return Kept.model_validate(found)


def keep(run: Run, folder: Path) -> Kept:
    """Writes what lies in `models` into `folder`, an empty one. Raises UserError for what cannot be kept."""
    store, blend, table = FeatureStore(run), run.report("blend").metrics, run.data.table
    heads = _heads(run, blend["weights"])
    root, dae = run.paths.oof(run.experiment.name), run.directory("dae")
    uses_dae = any(run.experiment.heads[name].uses_dae for name in heads)
    kept = Kept(
        experiment=run.experiment.name,
        competition=run.competition,
        sample=tuple(map(str, table.sample.columns)),
        classes=table.classes,
        categorical=table.categorical,
        numerical=table.numerical,
        own=run.own is not None and run.own.make is not None,
        fits=tuple(run.data.folds.of_test),
        heads=heads,
        decision=blend.get("decision"),
        dae=run.experiment.dae,
        dae_folder="dae" if dae.parent == root else "../dae",
        n_autoencoders=store.n_autoencoders if uses_dae else 0,
        files={},
        device=run.device_text(),
        versions=_versions(run, heads, uses_dae=uses_dae),
    )
    (folder / "table").mkdir(parents=True, exist_ok=True)
    assert table.reader is not None
    table.reader.save(folder / "table")
    _keep_own(run, kept, folder)
    _keep_views(store, kept, folder)
    kept = kept.model_copy(update={"files": {name: sha256_of(root / name) for name in _files(run, kept)}})
    write_json(folder / KEPT, kept.model_dump(mode="json", exclude={"competition": {"folds"}}))
    return kept


def _heads(run: Run, weights: Mapping[str, float]) -> dict[str, KeptHead]:
    """Those with a weight in the blend. Raises UserError for one whose models cannot be kept."""
    from swapdae.heads import HEADS

    heads = {
        name: KeptHead(kind=head.kind, features=head.features, weight=weights[name])
        for name, head in run.experiment.heads.items()
        if weights[name] > 0
    }
    if unkept := [name for name, head in heads.items() if HEADS[head.kind].load is None]:
        raise UserError(f"head '{unkept[0]}': models of kind '{heads[unkept[0]].kind}' cannot be kept")
    return heads


def refuse(run: Run, folder: Path, why: str) -> None:
    """Only tells why new rows cannot be predicted."""
    write_json(folder / KEPT, {"format": FORMAT, "experiment": run.experiment.name, "refused": why})


def _keep_own(run: Run, kept: Kept, folder: Path) -> None:
    """The user's own files that are run again."""
    if kept.own and run.own is not None:
        write_bytes(folder / OWN, run.own.file.read_bytes())
    if run.competition.metric == OWN_METRIC:
        write_bytes(folder / METRIC, (run.input / METRIC).read_bytes())


def _keep_views(store: FeatureStore, kept: Kept, folder: Path) -> None:
    for name in kept.views:
        view = store.view(name)
        assert isinstance(view, RawFeatures | MadeFeatures)
        for k in (0,) if view.shared else kept.fits:
            place = folder / "views" / name / str(k)
            place.mkdir(parents=True, exist_ok=True)
            view.encoders(k).save(place / "encoders.json")
            if isinstance(view, MadeFeatures):
                view.fitted(k).save(place)
    for k in autoencoders(kept):
        place = folder / "dae" / str(k)
        place.mkdir(parents=True, exist_ok=True)
        write_json(place / "encoder.json", store.encoder(k)[0].state())
        for name in kept.dae.reads:
            view = store.view(name)
            assert isinstance(view, MadeFeatures)
            (place / name).mkdir(exist_ok=True)
            view.fitted(0 if view.shared else k).save(place / name)


def autoencoders(kept: Kept) -> Sequence[int]:
    """Their numbers."""
    return range(kept.n_autoencoders) if kept.n_autoencoders < 2 else kept.fits


def _files(run: Run, kept: Kept) -> list[str]:
    """What other stages made, by path. Raises UserError where they kept nothing."""
    names = []
    for head in kept.heads:
        found = sorted(
            file for fit in kept.fits for file in (run.directory(f"heads/{head}") / fit_folder(fit)).glob("*")
        )
        if not found:
            raise UserError(f"heads/{head}: no models were kept; `swapdae heads {run.stem} --force` keeps them")
        names += [f"heads/{head}/{file.parent.name}/{file.name}" for file in found]
    return names + [f"{kept.dae_folder}/training_{k}/{WEIGHTS}" for k in autoencoders(kept)]


def _versions(run: Run, heads: dict[str, KeptHead], *, uses_dae: bool) -> dict[str, str]:
    """Of the libraries by which these stages computed."""
    stages = ["download", *(f"heads/{name}" for name in heads), *(["dae"] if uses_dae else [])]
    found = {name: version for stage in stages for name, version in run.report(stage).versions.items()}
    return {name: version for name, version in sorted(found.items()) if name not in ("optuna", "python")}


def other_versions(kept: Kept) -> str:
    """Libraries that have another version here, in one line; "" where none has."""
    parts = []
    for name, was in kept.versions.items():
        try:
            now = version(name)
        except PackageNotFoundError:
            now = "absent"
        if now != was:
            parts.append(f"{name} {was} (here {now})")
    return f"made with {', '.join(parts)}" if parts else ""
