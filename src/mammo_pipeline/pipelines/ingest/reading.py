"""Reading a folder: plain headers in this process, everything else behind the guard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib.metadata import version
from itertools import islice
from typing import Any

import pandas as pd
from tqdm import tqdm

from mammo_pipeline.datasets.files import Entry, FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.guard import GuardedFailure, Limits, run_guarded
from mammo_pipeline.imports import digest_code
from mammo_pipeline.mammo.dicom import walk
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.exam import PIXEL_COLUMNS, table_of_found
from mammo_pipeline.mammo.pictures import is_picture
from mammo_pipeline.pipelines.ingest import worker
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters
from mammo_pipeline.pipelines.ingest.rules import describe_file

# Files of one transaction and of one table: large enough to be quick, small enough to lose little.
HEADERS_AT_ONCE = 2048
RESULTS_AT_ONCE = 64
# How a guarded process ended that did not come to its end, as a fate.
FAILURES = {
    "too_long": "decoding_too_long",
    "too_large": "decoding_too_large",
    "crashed": "decoding_crashed",
}
DECODERS = ("pydicom", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls", "python-gdcm", "pillow")
# How the content of a file is examined; `inverted` is a picture whose table says MONOCHROME1.
EXAMINED = ("pixels", "inverted", "mask", "sums")
Facts = dict[str, Any]
UNKNOWN = {"code": "unreadable_file"}
PASSING = {"unreadable_file", *FAILURES.values()}
State = Callable[[Sequence[str], Sequence[Facts]], list[Facts]]


def index_headers(
    folder: FolderOfFiles,
    entries: Sequence[Entry],
    ledger: Ledger,
    parameters: IngestParameters,
    state: State,
) -> pd.DataFrame:
    """Returns one row a file, in the order of the entries: its code and its attributes.

    Headers that were never read are read first; the rules are then applied to every one of them
    anew, so that a changed rule opens no file.

    Args:
        folder: The files.
        entries: What the folder says of them, sorted by name.
        ledger: What is known of them.
        parameters: The room's parameters.
        state: Takes names and header values of a chunk of files; returns what the tables of the
            collection state of each, by DICOM keyword, beside `spacing_mm`, `role` and boxes.
    """
    unusual = list(_walk_headers(folder, entries, ledger, parameters))
    passing = _parse_headers(folder, unusual, ledger, parameters)
    tables = []
    for chunk in batched(entries, HEADERS_AT_ONCE):
        facts = passing | ledger.recall("header", folder.root, chunk, _header_code(parameters))
        known = [facts.get(entry.name, {}) for entry in chunk]
        stated = state([entry.name for entry in chunk], [k.get("values", {}) for k in known])
        rows = zip(chunk, known, stated, strict=True)
        tables.append(table_of_found([describe_file(*row, parameters) for row in rows]))
    return pd.concat(tables, ignore_index=True)


def _walk_headers(
    folder: FolderOfFiles, entries: Sequence[Entry], ledger: Ledger, parameters: IngestParameters
) -> Iterator[Entry]:
    """Records the headers that are plain; yields the files that are not."""
    bar = tqdm(total=len(entries), desc="ingest: headers", unit="file", mininterval=1)
    for chunk in batched(entries, HEADERS_AT_ONCE):
        known = ledger.recall("header", folder.root, chunk, _header_code(parameters))
        new = [e for e in chunk if e.name not in known and _is_plain(e)]
        read = [(entry, _walk(folder, entry)) for entry in new]
        ledger.record(
            "header", folder.root, [(e, f) for e, f in read if f], _header_code(parameters)
        )
        yield from (entry for entry, facts in read if facts is None)
        bar.update(len(chunk))
    bar.close()


def _walk(folder: FolderOfFiles, entry: Entry) -> Facts | None:
    """Returns the header, or None where the file wants a closer look in a guarded process."""
    try:
        with folder.open(entry.name) as stream:
            header = walk.walk_header(stream)
            if header is None:
                stream.seek(0)
                head = stream.read(132)
                plain_other = head[128:] != b"DICM" and not is_picture(head)
                return {"code": "not_dicom", "found": ""} if plain_other else None
    except OSError:
        return None
    return {"values": header.values, "has_pixels": header.pixels_at is not None}


def _parse_headers(
    folder: FolderOfFiles, entries: list[Entry], ledger: Ledger, parameters: IngestParameters
) -> dict[str, Facts]:
    """Records the headers of unusual files, read by guarded processes; returns what may pass."""
    tasks = ((str(folder.path_of(entry.name)), _look(parameters)) for entry in entries)
    found = _guard(worker.read_header_facts, tasks, len(entries), "odd headers", parameters)
    return _record("header", found, entries, folder, ledger, _header_code(parameters))


def read_pixels(
    files: pd.DataFrame,
    folder: FolderOfFiles,
    entries: Sequence[Entry],
    ledger: Ledger,
    parameters: IngestParameters,
) -> pd.DataFrame:
    """Returns the rows with what the guarded processes say of each file's content.

    Accepted images are decoded; of every other plain file the SHA-256 alone is taken.

    Args:
        files: One row a file, in the order of the entries, as headers and labels left it.
        folder: The files.
        entries: What the folder says of them, sorted by name.
        ledger: What is known of them.
        parameters: The room's parameters.
    """
    largest = parameters.limits.file_mb * 2**20
    wanted = _choose_kinds(files)
    kinds = [
        kind if _is_plain(entry) and (kind == "sums" or entry.size_bytes <= largest) else ""
        for kind, entry in zip(wanted, entries, strict=True)
    ]
    passing: dict[str, Facts] = {}
    for kind in EXAMINED:
        chosen = [entry for entry, k in zip(entries, kinds, strict=True) if k == kind]
        passing |= _examine(kind, chosen, folder, ledger, parameters)
    chosen_facts = zip(entries, kinds, strict=True)
    found = _gather_facts(chosen_facts, passing, folder, ledger, _pixel_code(parameters))
    return _join_facts(files, found)


def _choose_kinds(files: pd.DataFrame) -> list[str]:
    """Returns how each file is to be examined; of what is no image the SHA-256 alone is taken."""
    pictures = (files["transfer_syntax"] == "") & (files["photometric"] == "MONOCHROME1")
    kinds = files["code"].map({"accepted": "pixels", "lesion_mask": "mask"}).fillna("sums")
    return list(kinds.mask(pictures & (kinds == "pixels"), "inverted"))


def _examine(
    kind: str,
    entries: list[Entry],
    folder: FolderOfFiles,
    ledger: Ledger,
    parameters: IngestParameters,
) -> dict[str, Facts]:
    """Records the content of files that were never examined so; returns what may pass."""
    code = _pixel_code(parameters)
    new: list[Entry] = []
    for chunk in batched(entries, HEADERS_AT_ONCE):
        known = ledger.recall(kind, folder.root, chunk, code)
        new += [entry for entry in chunk if entry.name not in known]
    tasks = _list_tasks(kind, new, folder, ledger, parameters)
    found = _guard(worker.read_pixel_facts, tasks, len(new), kind, parameters)
    return _record(kind, found, new, folder, ledger, code)


def _record(
    kind: str,
    found: Iterable[tuple[int, Facts]],
    entries: list[Entry],
    folder: FolderOfFiles,
    ledger: Ledger,
    code: str,
) -> dict[str, Facts]:
    """Keeps what will be so tomorrow; returns, by name, what may pass.

    A file that cannot be opened may be so by then, and one that was too much for a busy machine is
    tried again by the next run.
    """
    passing: dict[str, Facts] = {}
    for part in batched(found, RESULTS_AT_ONCE):
        lasting = []
        for number, fact in part:
            if fact.get("code") in PASSING:
                passing[entries[number].name] = fact
            else:
                lasting.append((entries[number], fact))
        ledger.record(kind, folder.root, lasting, code)
    return passing


def _list_tasks(
    kind: str,
    entries: list[Entry],
    folder: FolderOfFiles,
    ledger: Ledger,
    parameters: IngestParameters,
) -> Iterator[tuple[Any, ...]]:
    for chunk in batched(entries, HEADERS_AT_ONCE):
        facts = ledger.recall("header", folder.root, chunk, _header_code(parameters))
        for entry in chunk:
            header = facts.get(entry.name, {}).get("values", {})
            yield str(folder.path_of(entry.name)), kind, header, _look(parameters)


def _gather_facts(
    chosen: Iterable[tuple[Entry, str]],
    passing: dict[str, Facts],
    folder: FolderOfFiles,
    ledger: Ledger,
    code: str,
) -> pd.DataFrame:
    """Returns what is known of the content of each file, one row each."""
    tables = []
    for chunk in batched(chosen, HEADERS_AT_ONCE):
        part = [entry for entry, _ in chunk]
        known = {kind: passing | ledger.recall(kind, folder.root, part, code) for kind in EXAMINED}
        facts = [known[kind].get(e.name, UNKNOWN) if kind else UNKNOWN for e, kind in chunk]
        tables.append(table_of_found(facts))
    return pd.concat(tables, ignore_index=True)


def _join_facts(files: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows with their facts; an image that could not be examined is refused."""
    joined = files.assign(**{name: found[name].to_numpy() for name in PIXEL_COLUMNS})
    judged = (files["code"] == "accepted").to_numpy()
    for name in ("code", "found"):
        joined[name] = joined[name].where(~judged, found[name].to_numpy())
    return joined


def _guard(
    function: Callable[..., Facts],
    tasks: Iterable[tuple[Any, ...]],
    count: int,
    what: str,
    parameters: IngestParameters,
) -> Iterator[tuple[int, Facts]]:
    """Yields number and facts of each task; what broke the guard's limits has a fate of its own."""
    if not count:
        return
    bounds = Limits(seconds=parameters.limits.seconds, memory_mb=parameters.limits.memory_mb)
    done = run_guarded(function, tasks, bounds, parameters.jobs)
    for number, result in tqdm(
        done, total=count, desc=f"ingest: {what}", unit="file", mininterval=1
    ):
        if isinstance(result, GuardedFailure):
            yield number, {"code": FAILURES[result.kind], "found": result.detail}
        else:
            yield number, result


def _is_plain(entry: Entry) -> bool:
    return entry.kind == "file" and entry.size_bytes > 0


def batched(items: Iterable[Any], size: int) -> Iterator[tuple[Any, ...]]:
    """Yields the items in tuples of `size`, the last one shorter (itertools.batched of 3.12).

    >>> list(batched("abc", 2))
    [('a', 'b'), ('c',)]
    """
    source = iter(items)
    while part := tuple(islice(source, size)):
        yield part


def _look(parameters: IngestParameters) -> worker.Look:
    return worker.Look(
        parameters.maximum_pixels, parameters.look_for_text, parameters.second_decoder
    )


def _header_code(parameters: IngestParameters) -> str:
    return _reading_code() + str(parameters.maximum_pixels)


def _pixel_code(parameters: IngestParameters) -> str:
    return _reading_code() + digest_record({"look": str(_look(parameters))})[:16]


@cache
def _reading_code() -> str:
    """Returns the version of what reads files: our code, made once a run, and the decoders."""
    code = {name: digest_code(name) for name in (walk.__name__, worker.__name__)}
    return digest_record(code | {name: version(name) for name in DECODERS})[:16]
