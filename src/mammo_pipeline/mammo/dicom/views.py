"""Which breast an image shows, and from which side: laterality and view."""

from __future__ import annotations

import re
from typing import NamedTuple

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import (
    describe_length,
    list_texts,
    read_number,
    read_text,
)
from mammo_pipeline.mammo.fates import RefusedError


class Projection(NamedTuple):
    """One line of the standard's list of views.

    Attributes:
        abbreviation: As ViewPosition (0018,5101) has it.
        code: Of SNOMED CT (scheme SCT).
        older_codes: Of scheme SRT or SNM3, which stand in most archives.
        judged: `CC`, `MLO`, or the code of the fate of such an image.
    """

    abbreviation: str
    code: str
    older_codes: tuple[str, ...]
    judged: str


# PS3.16 context group 4014; the last line's code left it in 2008, the Y- codes in 2004.
PROJECTIONS = (
    Projection("ML", "399260004", ("R-10224",), "lateral_view"),
    Projection("MLO", "399368009", ("R-10226",), "MLO"),
    Projection("LM", "399352003", ("R-10228",), "lateral_view"),
    Projection("LMO", "399099002", ("R-10230",), "lateral_view"),
    Projection("CC", "399162004", ("R-10242",), "CC"),
    Projection("FB", "399196006", ("R-10244",), "other_view"),
    Projection("SIO", "399188001", ("R-102D0",), "other_view"),
    Projection("ISO", "441555000", ("R-40AAA",), "other_view"),
    Projection("XCCL", "399192008", ("R-1024A", "Y-X1770"), "exaggerated_view"),
    Projection("XCCM", "399101009", ("R-1024B", "Y-X1771"), "exaggerated_view"),
    Projection("SPECIMEN", "127457009", ("G-8310",), "specimen"),
    Projection("XCC", "399265009", ("R-102CF",), "exaggerated_view"),
)
# PS3.16 context group 4015, with the place of the abbreviation in a view's name: `M...` before it.
# An implant is pushed out of the way: the whole breast is seen, and the view stays standard.
MODIFIERS = (
    Projection("M...", "399163009", ("R-102D6",), "magnified_view"),
    Projection("S...", "399055006", ("R-102D7",), "spot_view"),
    Projection("...ID", "399209000", ("R-102D5",), ""),
    Projection("CV", "399161006", ("R-102D2",), "modified_view"),
    Projection("AT", "399011000", ("R-102D1",), "modified_view"),
    Projection("...RL", "399197002", ("R-102D3",), "modified_view"),
    Projection("...RM", "399226006", ("R-102D4",), "modified_view"),
    Projection("...RI", "414493004", ("R-102CA",), "modified_view"),
    Projection("...RS", "415670009", ("R-102C9",), "modified_view"),
    Projection("...NP", "442581004", ("R-40AB3",), "modified_view"),
    Projection("...AC", "441752004", ("P2-00161",), "modified_view"),
    Projection("...IMF", "442593008", ("R-40ABE",), "modified_view"),
    Projection("...AX", "442580003", ("R-40AB2",), "modified_view"),
    Projection("TAN", "399110001", ("R-102C2",), "modified_view"),
)
# Values of ImageType (0008,0008) behind the second, PS3.3 section C.8.11.7.1.4.
IMAGE_TYPES = {
    "STEREO_SCOUT": "stereo_view",
    "STEREO_MINUS": "stereo_view",
    "STEREO_PLUS": "stereo_view",
    "TOMO_SCOUT": "biopsy_view",
    **{
        f"{moment}{angle}": "biopsy_view"
        for moment in ("PREFIRE", "POSTFIRE", "POSTBIOPSY", "POSTMARKER")
        for angle in ("", "_MINUS", "_PLUS")
    },
}
# What a unit or a radiographer writes of one exposure, in order: a specimen lies in no paddle.
DESCRIPTIONS = ("ViewPosition", "SeriesDescription", "ProtocolName", "PaddleDescription")
HINTS = (
    (r"\bSPECIMEN", "specimen"),
    (r"\bSTEREO", "stereo_view"),
    (r"\bBIOPS|\bPRE-?FIRE|\bPOST-?FIRE", "biopsy_view"),
    (r"\bMAGNIF|\bMAG\b", "magnified_view"),
    (r"\bSPOT\b", "spot_view"),
)
# A contact view magnifies by its distance from the detector, 1.0 to 1.1; a magnified one 1.4 to 2.
LARGEST_CONTACT_MAGNIFICATION = 1.3
_SIDES = {"L": "L", "LEFT": "L", "R": "R", "RIGHT": "R", "B": "B", "U": "U"}
_WRITTEN_OUT = {
    "CRANIOCAUDAL": "CC",
    "MEDIOLATERALOBLIQUE": "MLO",
    "MEDIOLATERAL": "ML",
    "LATEROMEDIAL": "LM",
}
_BY_CODE = {code: line for line in PROJECTIONS for code in (line.code, *line.older_codes)}
_BY_NAME = {line.abbreviation: line for line in PROJECTIONS}
_MODIFIER_BY_CODE = {code: line for line in MODIFIERS for code in (line.code, *line.older_codes)}
_MODIFIER_BY_NAME = {line.abbreviation.strip("."): line for line in MODIFIERS}
_BASES = "|".join(sorted(_BY_NAME, key=len, reverse=True))
_SUFFIXES = "|".join(line.abbreviation[3:] for line in MODIFIERS if line.abbreviation[0] == ".")
_VIEW_NAME = re.compile(f"([MS]{{0,2}})({_BASES})((?:{_SUFFIXES})*)")


def read_laterality(header: Header) -> str:
    """Returns `L` or `R`: ImageLaterality (0020,0062), else Laterality (0020,0060).

    Raises:
        RefusedError: `no_laterality`; both breasts in one image have none.

    >>> read_laterality({"ImageLaterality": "", "Laterality": " r"})
    'R'
    """
    found = "nothing"
    for keyword in ("ImageLaterality", "Laterality"):
        text = read_text(header, keyword).upper()
        side = _SIDES.get(text, "")
        if side in {"L", "R"}:
            return side
        if side:
            raise RefusedError("no_laterality", side)
        found = describe_length(text) if text else found
    raise RefusedError("no_laterality", found)


def read_view(header: Header) -> str:
    """Returns `CC` or `MLO` for a whole breast in a standard view.

    ViewCodeSequence (0054,0220) goes before ViewPosition (0018,5101); ImageType and descriptions
    tell stereo pairs and biopsies, whose views are named as if they were standard.

    Raises:
        RefusedError: The kind of view, or `no_view`.

    >>> read_view({"ViewPosition": "MLO", "ViewCodeSequence": [{"CodeValue": "R-10242"}]})
    'CC'
    """
    refuse_hints(header)
    view, modifiers = _read_codes(header) or _read_position(header)
    for line in sorted(modifiers, key=MODIFIERS.index):
        if line.judged:
            raise RefusedError(line.judged, f"{view.abbreviation}, {line.abbreviation.strip('.')}")
    if view.judged not in {"CC", "MLO"}:
        raise RefusedError(view.judged, view.abbreviation)
    magnification = read_number(header, "EstimatedRadiographicMagnificationFactor")
    if magnification > LARGEST_CONTACT_MAGNIFICATION:
        raise RefusedError("magnified_view", f"{view.abbreviation}, factor {magnification:g}")
    if read_text(header, "PartialView").upper() == "YES":
        raise RefusedError("modified_view", f"{view.abbreviation}, PartialView (0028,1350) YES")
    return view.judged


def refuse_hints(header: Header) -> None:
    """Returns nothing where neither ImageType nor a description tells of another kind of view.

    Raises:
        RefusedError: The kind of view that they tell of.
    """
    for value in list_texts(header, "ImageType")[2:]:
        if value.upper() in IMAGE_TYPES:
            raise RefusedError(IMAGE_TYPES[value.upper()], f"ImageType {value.upper()}")
    for keyword in DESCRIPTIONS:
        text = " ".join(list_texts(header, keyword)).upper()
        for pattern, code in HINTS:
            if match := re.search(pattern, text):
                raise RefusedError(code, f"{keyword} with the word {match[0]}")


def _read_codes(header: Header) -> tuple[Projection, list[Projection]] | None:
    """Returns the view and its modifiers by their codes, None where no view is coded."""
    items = [item for item in header.get("ViewCodeSequence") or [] if item.get("CodeValue")]
    codes = [read_text(item, "CodeValue") for item in items]
    if not any(codes):
        return None
    views = [_BY_CODE.get(code) for code in codes]
    if len(set(views)) > 1 or views[0] is None:
        found = "an unknown code" if None in views else "codes of several views"
        raise RefusedError("other_view", found)
    inner = [line for item in items for line in item.get("ViewModifierCodeSequence") or []]
    outer = header.get("ViewModifierCodeSequence") or []
    modifiers = [text for line in [*inner, *outer] if (text := read_text(line, "CodeValue"))]
    known = [_MODIFIER_BY_CODE[code] for code in modifiers if code in _MODIFIER_BY_CODE]
    if len(known) < len(modifiers):
        raise RefusedError("modified_view", f"{views[0].abbreviation}, an unknown modifier")
    return views[0], known


def _read_position(header: Header) -> tuple[Projection, list[Projection]]:
    """Returns the view and its modifiers by the names of ViewPosition, such as `SMLO` or `CCID`."""
    text = re.sub(r"[^A-Z]", "", read_text(header, "ViewPosition").upper())
    if not text:
        raise RefusedError("no_view", "nothing")
    text = _WRITTEN_OUT.get(text, text)
    if text in _MODIFIER_BY_NAME:
        raise RefusedError(_MODIFIER_BY_NAME[text].judged or "other_view", text)
    # Some units write the side before the view.
    match = _VIEW_NAME.fullmatch(text) or _VIEW_NAME.fullmatch(text[1:] if text[0] in "LR" else "")
    if not match:
        raise RefusedError("other_view", describe_length(read_text(header, "ViewPosition")))
    names = [*match[1], *re.findall(_SUFFIXES, match[3])]
    return _BY_NAME[match[2]], [_MODIFIER_BY_NAME[name] for name in names]
