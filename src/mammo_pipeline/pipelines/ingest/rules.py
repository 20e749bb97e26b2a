"""The rules of the room on one file: from what is known of it to its code and attributes."""

from __future__ import annotations

from typing import Any

from mammo_pipeline.datasets.files import Entry
from mammo_pipeline.mammo.dicom.read import describe_header
from mammo_pipeline.mammo.dicom.values import read_whole_number
from mammo_pipeline.mammo.fates import RefusedError
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
    keywords = {name: value for name, value in stated.items() if name[0].isupper()}
    if facts.get("picture"):
        keywords = {"SOPInstanceUID": f"picture {entry.name}", **keywords}
    try:
        described = describe_header(
            facts["values"] | keywords,
            has_pixels=facts["has_pixels"],
            stated_spacing_mm=stated.get("spacing_mm") or parameters.spacing_for(entry.name),
            minimum_field_mm=parameters.minimum_field_mm,
            maximum_pixels=parameters.maximum_pixels,
        )
    except RefusedError as refusal:
        return {**row, "code": refusal.code, "found": refusal.found}
    return {**row, **described}


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
