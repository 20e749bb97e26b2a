"""The rules of the room on one file: from what is known of it to its code and attributes."""

from __future__ import annotations

from typing import Any

from mammo_pipeline.datasets.files import Entry
from mammo_pipeline.mammo.dicom.read import describe_header, read_identity
from mammo_pipeline.mammo.dicom.values import read_whole_number
from mammo_pipeline.mammo.fates import FATES, RefusedError
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters

Facts = dict[str, Any]
# What a listing states of a file beside its header: name there, column of the table of files.
LISTED = {"key": "listing_key", "lesion_boxes": "image_boxes", "line": "listing_line"}


def describe_file(entry: Entry, facts: Facts, stated: Facts, parameters: IngestParameters) -> Facts:
    """Returns one file's row: its code, what was found, identity and attributes.

    Args:
        entry: What the folder says of the file.
        facts: Its header, or the code by which reading refused it; empty where it was not read.
        stated: What the tables of the collection say of it; empty where they do not name it.
        parameters: The room's parameters.
    """
    row = {"name": entry.name, "size_bytes": entry.size_bytes, "code": "accepted", "found": ""}
    row |= {column: stated[name] for name, column in LISTED.items() if name in stated}
    code = _refuse(entry, facts, stated, parameters)
    if code == "lesion_mask":
        return {**row, **_describe_mask(facts["values"], stated)}
    if code:
        return {**row, "code": code, "found": facts.get("found", "")}
    values = facts["values"] | {k: v for k, v in stated.items() if k[0].isupper()}
    if facts.get("picture"):
        values = {"SOPInstanceUID": f"picture {entry.name}", **values}
    try:
        described = describe_header(
            values,
            has_pixels=facts["has_pixels"],
            stated_spacing_mm=stated.get("spacing_mm") or parameters.spacing_for(entry.name),
            minimum_field_mm=parameters.minimum_field_mm,
            maximum_pixels=parameters.maximum_pixels,
            accept_raw=parameters.for_processing == "accept",
        )
    except RefusedError as refusal:
        told = {"code": refusal.code, "found": refusal.found}
        return {**row, **told, **_identify(values, refusal.code)}
    return {**row, **described}


def _identify(values: Facts, code: str) -> Facts:
    """Returns patient and exam of a refused file: a label of hers is not a stranger's.

    What is no mammogram makes no exam.
    """
    try:
        identity = read_identity(values)
    except RefusedError:
        return {}
    exam = "" if FATES[code].fate == "other" else identity["exam"]
    return {"patient": identity["patient"], "exam": exam}


def _describe_mask(values: Facts, stated: Facts) -> Facts:
    try:
        matrix = {
            "rows_px": read_whole_number(values, "Rows"),
            "columns_px": read_whole_number(values, "Columns"),
        }
    except RefusedError as refusal:
        return {"code": refusal.code, "found": refusal.found}
    facts = {"mask_of": "of", "mask_kind": "kind", "mask_pathology": "pathology"}
    return {"code": "lesion_mask", **matrix} | {c: stated.get(n, "") for c, n in facts.items()}


def _refuse(entry: Entry, facts: Facts, stated: Facts, parameters: IngestParameters) -> str | None:
    """Returns why a file is refused before its header is judged, or None."""
    if entry.kind != "file":
        return "special_file" if entry.kind == "special" else "unreadable_file"
    if not entry.size_bytes:
        return "empty_file"
    if not facts or "code" in facts:
        return str(facts.get("code", "unreadable_file"))
    if stated.get("role") == "mask":
        return "lesion_mask"
    if facts.get("picture") and not stated:
        return "unlisted_picture"
    return "large_file" if entry.size_bytes > parameters.limits.file_mb * 2**20 else None
