"""`kedro deidentify`: a copy of every accepted image that may leave the house."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from kedro.framework.startup import ProjectMetadata

from mammo_pipeline.closing import closing_block

if TYPE_CHECKING:
    import pandas as pd

    from mammo_pipeline.datasets.files import FolderOfFiles

MARK = ".deidentified"
_MADE = "De-identified copies, made by `kedro deidentify`; a rerun goes on where this one stopped."
_PSEUDONYM = "[0-9a-f]{16}"
_COPY = re.compile(rf"{_PSEUDONYM}/{_PSEUDONYM}/{_PSEUDONYM}\.dcm")
_SCRATCH = re.compile(rf"\.{_PSEUDONYM}\.\d+\.part\.dcm")
WRITTEN, THERE, REMOVED = "written", "already there", "removed, no longer in the study"


class CopyError(ValueError):
    """Copies cannot be written; the message says what to do."""


def write_copies(images: pd.DataFrame, folder: FolderOfFiles, key: bytes, target: Path) -> Counter:
    """Returns what became of each image; its copy is `<patient_id>/<exam_id>/<image_id>.dcm`.

    Every run reads every file again, for a file may have changed since `ingest` or since its copy
    was made: no list of what was copied is kept that could be wrong. Equal files make equal copies,
    so a copy of the same bytes stays as it is and another one is replaced in one step. A copy that
    this run cannot make is removed, and so is that of an image which is no longer in the table:
    what was accepted then may have been found to carry a name since.

    Args:
        images: One row an accepted image, as `ingest` made it; a file whose pixels are not those
            of `pixel_sha256` is `changed_since_ingest`.
        folder: The folder that `ingest` read.
        key: The secret of the pseudonyms.
        target: Where the copies go: an empty folder, a new one, or one of an earlier run.

    Returns:
        Counts of `WRITTEN`, `THERE` and `REMOVED`, and of each code of refusal.

    Raises:
        CopyError: The target is the raw folder, holds other files or copies by another key or
            other rules.
        FileNotFoundError: Files that `ingest` found are gone.
    """
    names = folder.find_again(list(images["file_id"]), key)
    prepare_target(target, folder.root, key)
    wanted = {f"{row.patient_id}/{row.exam_id}/{row.image_id}.dcm" for row in images.itertuples()}
    counts = Counter({REMOVED: _remove_others(target, wanted)})
    counts.update(_write_each(images, folder, names, key, target))
    return counts


def prepare_target(target: Path, raw: Path, key: bytes) -> None:
    """Makes the folder and its mark.

    Raises:
        CopyError: It overlaps the raw folder, or this command did not make what it holds.
    """
    from mammo_pipeline.mammo.dicom.deidentify.profile import digest_rules
    from mammo_pipeline.mammo.pseudonym import pseudonym

    here, there = target.resolve(), raw.resolve()
    if here == there or here in there.parents or there in here.parents:
        raise CopyError(f"{target} and the raw folder lie in one another. Name a folder apart.")
    if target.exists() and not target.is_dir():
        raise CopyError(f"{target} is no folder. Name another one.")
    mark = target / MARK
    stamp = f"{_MADE}\n{pseudonym(key, 'copies', digest_rules())}\n"
    if mark.is_file():
        if mark.read_text() != stamp:
            raise CopyError(
                f"{target} holds copies that were made with another key or by other rules. "
                "Name another folder."
            )
        return
    if target.exists() and any(target.iterdir()):
        raise CopyError(
            f"{target} holds files that this command did not make. Name another folder."
        )
    target.mkdir(parents=True, exist_ok=True)
    mark.write_text(stamp)


def _remove_others(target: Path, wanted: set[str]) -> int:
    """Removes copies that are not wanted, and what a killed run left half written."""
    removed = 0
    for path in sorted(target.glob("*/*/*.dcm")):
        name = path.relative_to(target).as_posix()
        if _SCRATCH.fullmatch(path.name):
            path.unlink()
        elif _COPY.fullmatch(name) and name not in wanted:
            path.unlink()
            removed += 1
    return removed


def _write_each(
    images: pd.DataFrame, folder: FolderOfFiles, names: dict[str, str], key: bytes, target: Path
) -> Iterator[str]:
    from tqdm import tqdm

    rows = images.to_dict("records")
    for row in tqdm(rows, desc="deidentify", unit="image", mininterval=1):
        path = target / row["patient_id"] / row["exam_id"] / f"{row['image_id']}.dcm"
        yield _write_one(folder, names[row["file_id"]], row, key, path)


def _write_one(
    folder: FolderOfFiles, name: str, row: dict[str, Any], key: bytes, path: Path
) -> str:
    from mammo_pipeline.datasets.atomic import replace_file
    from mammo_pipeline.mammo.fates import RefusedError

    try:
        copy = _make_copy(folder, name, row, key)
    except RefusedError as refusal:
        path.unlink(missing_ok=True)
        return refusal.code
    if path.is_file() and path.read_bytes() == copy:
        return THERE
    with replace_file(path) as scratch:
        scratch.write_bytes(copy)
    return WRITTEN


def _make_copy(folder: FolderOfFiles, name: str, row: dict[str, Any], key: bytes) -> bytes:
    """Returns the copy of a file that still has the pixels of its row.

    Raises:
        RefusedError: `unreadable_file`, `changed_since_ingest`, and what the copying and the
            decoding raise.
    """
    from mammo_pipeline.mammo.dicom.deidentify.profile import deidentify_file
    from mammo_pipeline.mammo.dicom.examine import digest_pixels
    from mammo_pipeline.mammo.dicom.pixels import decode_pixels
    from mammo_pipeline.mammo.fates import RefusedError

    try:
        with folder.open(name) as stream:
            content = stream.read()
    except OSError:
        raise RefusedError("unreadable_file") from None
    copy = deidentify_file(content, key, row["patient_id"])
    accepted = row.get("pixel_sha256", "")
    if accepted and digest_pixels(decode_pixels(content)[1]) != accepted:
        raise RefusedError("changed_since_ingest")
    return copy


def describe(counts: Counter, target: Path) -> str:
    """Returns the closing block.

    >>> print(describe(Counter({"written": 3, "not_dicom": 1}), Path("out")))
    <BLANKLINE>
    == deidentify ==
      written                          3
      already there                    0
      removed, no longer in the study  0
      left out                         1
        not a DICOM file               1
      folder                           out
      note                             a picture without a DICOM header has no copy
      note on names in pixels          not looked for here: `ingest` quarantines what it sees
    """
    from mammo_pipeline.mammo.fates import FATES

    rows = {name: str(counts[name]) for name in (WRITTEN, THERE, REMOVED)}
    refused = {code: n for code, n in counts.most_common() if code not in rows}
    rows["left out"] = str(sum(refused.values()))
    rows |= {f"  {FATES[code].reason}": str(n) for code, n in refused.items()}
    rows["folder"] = str(target)
    if "not_dicom" in refused:
        rows["note"] = "a picture without a DICOM header has no copy"
    rows["note on names in pixels"] = "not looked for here: `ingest` quarantines what it sees"
    return closing_block("deidentify", rows)


@click.command()
@click.option("--to", "target", required=True, type=click.Path(path_type=Path), help="The folder.")
@click.option("--env", "-e", default=None, help="Configuration environment, such as demo.")
@click.pass_obj
def deidentify(metadata: ProjectMetadata, target: Path, env: str | None) -> None:
    """Write a de-identified copy of every accepted image.

    DICOM PS3.15 annex E; docs/decisions/007 says which options. Run `ingest` first.
    """
    from kedro.framework.session import KedroSession
    from kedro.io import DatasetError

    session = KedroSession.create(metadata.project_path, env=env, save_on_close=False)
    catalog = session.load_context().catalog
    try:
        images = catalog.load("images")
        folder, key = catalog.load("raw_dicom"), catalog.load("pseudonym_key")
        counts = write_copies(images, folder, key, target)
    except (CopyError, DatasetError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(describe(counts, target))
