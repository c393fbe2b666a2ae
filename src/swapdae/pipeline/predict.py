"""`swapdae predict` and `swapdae export`: new rows by a finished run, or by the folder that it was exported to."""

import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from swapdae.base.device import DeviceName
from swapdae.base.errors import UserError
from swapdae.base.files import read_json, sha256_of, write_json, written_aside
from swapdae.base.paths import Paths
from swapdae.competition.csv_file import write_csv
from swapdae.competition.packed import DAMAGES, MOST_BYTES
from swapdae.experiment.stage_report import REPORT, read_report
from swapdae.pipeline.kept import KEPT, NAME, other_versions, read_kept

EXPORT = "export.json"
ZIP = ".zip"
EPOCH = (1980, 1, 1, 0, 0, 0)  # of files in an archive, so that the same files make the same archive


def predict(
    paths: Paths,
    source: str,
    file: Path,
    out: Path,
    *,
    device: DeviceName = "auto",
    say: Callable[[str], None] = print,
) -> pd.DataFrame:
    """Predicts the rows of `file` and writes them to `out`, in the shape of the submission.

    source: an experiment, or a folder or zip that was exported. Raises UserError.
    """
    from swapdae.pipeline.predictor import Predictor

    with _opened(paths, source) as root:
        frames: list[pd.DataFrame] = []
        for folder in parts_of(root, source):
            predictor = Predictor.load(folder, device)
            if (said := other_versions(predictor.kept)) and not frames:
                say(f"predict: {said}")
            frames.append(predictor.predict_file(file))
        header = list(predictor.reader.sample) if len(frames) > 1 else list(frames[0])
    joined = pd.concat([frames[0], *(frame.iloc[:, 1:] for frame in frames[1:])], axis=1)[header]
    write_csv(joined, out)
    say(f"predict: {len(joined)} rows, {out}")
    return joined


def export(paths: Paths, experiment: str, out: Path | None, say: Callable[[str], None] = print) -> Path:
    """Copies what prediction needs to a folder, or into a zip where `out` ends so. Raises UserError where there is
    something already, and where a file is not what was kept."""
    root, out = paths.oof(experiment), out or Path(f"{experiment}_models")
    if out.exists():
        raise UserError(f"{out}: is there already; name another with -o, or take it away")
    files = {name: root / name for folder in parts_of(root, experiment) for name in _files(root, folder)}
    hashes = {name: sha256_of(file) for name, file in sorted(files.items())}
    with tempfile.TemporaryDirectory(dir=out.absolute().parent, prefix=".export") as made:
        top = Path(made) / "out"
        for name, file in files.items():
            (top / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, top / name)
        write_json(top / EXPORT, {"experiment": experiment, "files": hashes})
        if out.suffix == ZIP:
            _pack(top, out)
        else:
            top.rename(out)
    size = sum(file.stat().st_size for file in files.values())
    say(f"export: {out}, {len(files)} files, {size / 1e6:.1f} MB")
    return out


def parts_of(root: Path, source: str) -> list[Path]:
    """The folder of a run with one target, or those of all its targets. Raises UserError where one has kept nothing."""
    if (root / NAME / KEPT).is_file():
        return [root]
    found = sorted(file.parents[1] for file in root.glob(f"*/{NAME}/{KEPT}"))
    targets = read_kept(found[0] / NAME).competition.targets if found else ()
    if lacking := [target for target in targets if root / target not in found]:
        raise UserError(f"{root}: target '{lacking[0]}' has kept no models; `swapdae run {source}` makes them")
    if not found:
        what = "it has not run to its end, was run before models were kept, or says keep_models = false"
        raise UserError(f"{root}: no models are kept: {what}; `swapdae run {source}` keeps them")
    return [root / target for target in targets]


def _files(root: Path, folder: Path) -> list[str]:
    """What one target's prediction reads, by path from `root`."""
    kept, models = read_kept(folder / NAME), folder / NAME
    report = read_report(models)
    if report is None:
        raise UserError(f"{models}: is not as it was made; `swapdae run {kept.experiment}` makes it again")
    named = {folder / name: sha256 for name, sha256 in kept.files.items()}
    named |= {models / name: sha256 for name, sha256 in report.files.items()}
    if bad := [file for file, sha256 in named.items() if not file.is_file() or sha256_of(file) != sha256]:
        raise UserError(f"{bad[0]}: is not what was kept; `swapdae run {kept.experiment}` keeps it anew")
    return [str(file.resolve().relative_to(root.resolve())) for file in (*named, models / REPORT)]


def _pack(folder: Path, out: Path) -> None:
    with written_aside(out) as aside, zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(file for file in folder.rglob("*") if file.is_file()):
            entry = zipfile.ZipInfo(str(file.relative_to(folder)), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, file.read_bytes())


@contextmanager
def _opened(paths: Paths, source: str) -> Iterator[Path]:
    """The folder with what was kept: an archive's while it is unpacked."""
    given = Path(source)
    if given.suffix == ZIP:
        with tempfile.TemporaryDirectory() as folder:
            try:
                with zipfile.ZipFile(given) as archive:
                    if sum(entry.file_size for entry in archive.infolist()) > MOST_BYTES:
                        raise UserError(f"{given}: unpacks to over {MOST_BYTES:,} bytes; export to a folder instead")
                    archive.extractall(folder)
            except DAMAGES as error:
                reason = str(error) or type(error).__name__
                raise UserError(f"{given}: cannot be unpacked ({reason}); export it again") from None
            yield _whole(Path(folder), given)
    elif (given / EXPORT).is_file():
        yield _whole(given, given)
    else:
        yield paths.oof(source)


def _whole(folder: Path, given: Path) -> Path:
    """Raises UserError where a file of the export is gone or another."""
    if not (folder / EXPORT).is_file():
        raise UserError(f"{given}: is no export: it lacks {EXPORT}")
    for name, sha256 in read_json(folder / EXPORT)["files"].items():
        if not (folder / name).is_file() or sha256_of(folder / name) != sha256:
            raise UserError(f"{given}: {name} is not what was exported; export it again")
    return folder
