"""What can become of a file, and why: the closed list that every refusal is taken from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fate:
    """One entry of the list.

    Attributes:
        fate: `quarantined` for a mammogram that cannot be used as it is, `duplicate`, or `other`
            for what is no mammogram of this study.
        tag: The DICOM attribute that decided, or an empty text.
        reason: What is wrong, in the words of a radiographer.
        remedy: What the user can do.
    """

    fate: str
    tag: str
    reason: str
    remedy: str


_ASK_PACS = "Export the image again from the archive."
_NO_2D = "Nothing to do: the study reads two-dimensional mammograms."

FATES: dict[str, Fate] = {
    "not_dicom": Fate("other", "", "not a DICOM file", "Nothing to do, or remove the file."),
    "dose_report": Fate("other", "SOPClassUID (0008,0016)", "radiation dose report", _NO_2D),
    "structured_report": Fate("other", "SOPClassUID (0008,0016)", "structured report", _NO_2D),
    "secondary_capture": Fate(
        "other", "SOPClassUID (0008,0016)", "secondary capture, not an acquired mammogram", _NO_2D
    ),
    "tomosynthesis": Fate(
        "other", "SOPClassUID (0008,0016)", "tomosynthesis object of several frames", _NO_2D
    ),
    "presentation_state": Fate("other", "SOPClassUID (0008,0016)", "presentation state", _NO_2D),
    "several_frames": Fate(
        "other", "NumberOfFrames (0028,0008)", "image of several frames", _NO_2D
    ),
    "other_object": Fate(
        "other", "SOPClassUID (0008,0016)", "another kind of DICOM object", _NO_2D
    ),
    "not_mammography": Fate("other", "Modality (0008,0060)", "not a mammogram", _NO_2D),
    "unreadable_header": Fate("quarantined", "", "the header cannot be read", _ASK_PACS),
    "unreadable_file": Fate(
        "quarantined",
        "",
        "the file cannot be opened",
        "Check the rights of the file, or where a link points.",
    ),
    "no_identity": Fate(
        "quarantined",
        "PatientID (0010,0020), SOPInstanceUID (0008,0018), StudyDate (0008,0020)",
        "patient, image or study date is not stated",
        "Fill the attribute at the source and export again.",
    ),
    "for_processing": Fate(
        "quarantined",
        "PresentationIntentType (0008,0068)",
        "raw image FOR PROCESSING; the study reads FOR PRESENTATION",
        "Export the FOR PRESENTATION image of the same view.",
    ),
    "no_pixels": Fate("quarantined", "PixelData (7FE0,0010)", "the image has no pixels", _ASK_PACS),
    "colour": Fate(
        "quarantined",
        "PhotometricInterpretation (0028,0004)",
        "not a grey-scale image",
        "Export the original MONOCHROME1 or MONOCHROME2 image.",
    ),
    "no_laterality": Fate(
        "quarantined",
        "ImageLaterality (0020,0062), Laterality (0020,0060)",
        "left or right is not stated",
        "State the laterality at the source and export again.",
    ),
    "other_view": Fate(
        "quarantined",
        "ViewPosition (0018,5101), ViewCodeSequence (0054,0220)",
        "not a standard CC or MLO view",
        "Nothing to do for a spot, magnified or exaggerated view; correct a wrong view name.",
    ),
    "no_spacing": Fate(
        "quarantined",
        "ImagerPixelSpacing (0018,1164)",
        "the size of a pixel is not stated and the device is not known by its spacing",
        "State the spacing of the folder in mm: parameter ingest.stated_spacing_mm.",
    ),
    "small_field": Fate(
        "quarantined",
        "Rows (0028,0010), Columns (0028,0011)",
        "the imaged field is too small for a breast: a cut, spot or empty image",
        "Export the whole image; a header alone cannot be scored.",
    ),
    "truncated": Fate(
        "quarantined",
        "PixelData (7FE0,0010)",
        "the pixels end before their stated length",
        _ASK_PACS,
    ),
    "undecodable": Fate(
        "quarantined", "PixelData (7FE0,0010)", "the pixels cannot be decoded", _ASK_PACS
    ),
    "no_breast": Fate(
        "quarantined",
        "PixelData (7FE0,0010)",
        "no breast is found in the image",
        "Look at the image: an empty exposure, a test pattern or an inverted photometric.",
    ),
    "no_label": Fate(
        "quarantined",
        "",
        "the label table has no row for this breast",
        "Add a row (patient_id, laterality, cancer, study_date) or leave the exam out.",
    ),
    "duplicate": Fate(
        "duplicate", "SOPInstanceUID (0008,0018)", "the same image came before", "Nothing to do."
    ),
}


def describe_fate(code: str, found: str = "") -> dict[str, str]:
    """Returns the row that tells a reader what became of a file.

    Args:
        code: A key of `FATES`, or `accepted`.
        found: What stood in the file, without anything that names a patient.

    >>> describe_fate("no_pixels")["fate"]
    'quarantined'
    >>> describe_fate("accepted")["reason"]
    ''
    """
    if code == "accepted":
        return {
            "fate": "accepted",
            "code": code,
            "reason": "",
            "tag": "",
            "found": "",
            "remedy": "",
        }
    entry = FATES[code]
    return {
        "fate": entry.fate,
        "code": code,
        "reason": entry.reason,
        "tag": entry.tag,
        "found": found,
        "remedy": entry.remedy,
    }


class RefusedError(Exception):
    """An image that cannot be used, with its place in the closed list.

    Args:
        code: A key of `FATES`.
        found: What stood in the file.
    """

    def __init__(self, code: str, found: str = "") -> None:
        super().__init__(f"{FATES[code].reason}{f': found {found}' if found else ''}")
        self.code = code
        self.found = found
