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


_AGAIN = "Export the image again from the archive."
_NO_2D = "Nothing to do: the study reads two-dimensional mammograms."
_LOOK = "Look at the image; if it is sound, export it again from the archive."
_SOURCE = "Correct the attribute at the source and export again."
_PART = "Nothing to do: a part of the breast cannot stand for the whole; correct a wrong view name."
_SOP_CLASS = "SOPClassUID (0008,0016)"
_PIXELS = "PixelData (7FE0,0010)"
_VIEW = "ViewCodeSequence (0054,0220), ViewPosition (0018,5101)"
_MATRIX = "Rows (0028,0010), Columns (0028,0011)"

# Code: attribute that decided, reason, remedy.
_OTHER = {
    "not_dicom": ("", "not a DICOM file", "Nothing to do, or remove the file."),
    "special_file": ("", "no plain file: a pipe, a socket or a device", "Remove it."),
    "manifest": ("", "the list of SHA-256 sums that came with the folder", "Nothing to do."),
    "directory_object": (_SOP_CLASS, "DICOMDIR, a table of contents", "Nothing to do."),
    "dose_report": (_SOP_CLASS, "radiation dose report", _NO_2D),
    "structured_report": (_SOP_CLASS, "structured report", _NO_2D),
    "secondary_capture": (_SOP_CLASS, "secondary capture, not an acquired mammogram", _NO_2D),
    "tomosynthesis": (_SOP_CLASS, "tomosynthesis object of several frames", _NO_2D),
    "presentation_state": (_SOP_CLASS, "presentation state", _NO_2D),
    "several_frames": ("NumberOfFrames (0028,0008)", "image of several frames", _NO_2D),
    "contrast_image": (
        "ImageType (0008,0008)",
        "difference or high-energy picture of a contrast-enhanced mammogram",
        "Nothing to do: the low-energy picture of the same view is read.",
    ),
    "other_object": (_SOP_CLASS, "another kind of DICOM object", _NO_2D),
    "not_mammography": ("Modality (0008,0060)", "not a mammogram", _NO_2D),
    "test_pattern": (
        "QualityControlImage (0028,0300)",
        "test pattern or quality-control image of a phantom",
        "Nothing to do.",
    ),
    "specimen": (_VIEW, "image of a specimen, not of a breast", "Nothing to do."),
    "lesion_mask": ("", "mask or crop of a lesion that the collection ships", "Nothing to do."),
    "left_out": ("", "left out by a parameter of the room ingest", "Nothing to do."),
}
_DUPLICATE = {
    "duplicate": ("SOPInstanceUID (0008,0018)", "the same image came before", "Nothing to do."),
    "duplicate_pixels": (_PIXELS, "the same picture came before", "Nothing to do."),
}
_QUARANTINED = {
    "unreadable_file": (
        "",
        "the file cannot be opened",
        "Check the rights of the file, or where a link points.",
    ),
    "empty_file": ("", "the file is empty", _AGAIN),
    "changed_since_ingest": (
        _PIXELS,
        "the pixels are no longer those that the room ingest read",
        "Run the rooms ingest and check again, or put the file back.",
    ),
    "large_file": (
        "",
        "the file is larger than a mammogram can be",
        "Look at the file; a sound one is let through by ingest.limits.file_mb.",
    ),
    "changed_since_manifest": (
        "",
        "the file is not the one whose SHA-256 the folder's list states",
        "Copy the file again from where the list was made.",
    ),
    "unreadable_header": ("", "the header cannot be read", _AGAIN),
    "no_identity": (
        "PatientID (0010,0020), SOPInstanceUID (0008,0018), StudyDate (0008,0020)",
        "patient, image or exam is not stated",
        "Fill the attribute at the source and export again.",
    ),
    "for_processing": (
        "PresentationIntentType (0008,0068)",
        "raw image FOR PROCESSING; the study reads FOR PRESENTATION",
        "Export the FOR PRESENTATION image of the same view, or let raw images in where there is "
        "none: ingest.for_processing accept, and standardize.show.for_processing attenuation.",
    ),
    "unknown_intent": (
        "PresentationIntentType (0008,0068)",
        "neither FOR PRESENTATION nor FOR PROCESSING is stated",
        _SOURCE,
    ),
    "no_pixels": (_PIXELS, "the image has no pixels", _AGAIN),
    "colour": (
        "PhotometricInterpretation (0028,0004)",
        "not a grey-scale image",
        "Export the original MONOCHROME1 or MONOCHROME2 image.",
    ),
    "no_laterality": (
        "ImageLaterality (0020,0062), Laterality (0020,0060)",
        "left or right is not stated",
        "State the laterality at the source and export again.",
    ),
    "no_view": (_VIEW, "the view is not stated", "State the view at the source and export again."),
    "exaggerated_view": (_VIEW, "exaggerated cranio-caudal view (XCC)", _PART),
    "lateral_view": (_VIEW, "lateral view (ML or LM)", _PART),
    "spot_view": (_VIEW, "spot compression", _PART),
    "magnified_view": (_VIEW, "magnified view", _PART),
    "biopsy_view": (_VIEW, "image taken during a biopsy", _PART),
    "stereo_view": (_VIEW, "stereo pair or its scout", _PART),
    "modified_view": (
        _VIEW,
        "a standard view, modified (rolled, tangential, cleavage, ...)",
        _PART,
    ),
    "other_view": (_VIEW, "not a standard CC or MLO view", _PART),
    "no_spacing": (
        "ImagerPixelSpacing (0018,1164)",
        "the size of a pixel is not stated and the device is not known by its spacing",
        "State the spacing of the folder in mm: parameter ingest.stated_spacing_mm.",
    ),
    "small_field": (
        _MATRIX,
        "the imaged field is too small for a breast: a cut, spot or empty image",
        "Export the whole image; a header alone cannot be scored.",
    ),
    "many_pixels": (_MATRIX, "the header declares more pixels than any detector has", _LOOK),
    "unlisted_picture": (
        "",
        "a picture without a header, and the collection's tables do not list it",
        "Add a row for the file: patient, exam, laterality, view and spacing.",
    ),
    "truncated": (_PIXELS, "the pixels end before their stated length", _AGAIN),
    "wrong_length": (_PIXELS, "the pixels are longer than the header declares", _AGAIN),
    "broken_fragments": (_PIXELS, "the compressed pixels lie in a broken chain of pieces", _AGAIN),
    "wrong_precision": (
        "BitsStored (0028,0101), Rows (0028,0010), Columns (0028,0011)",
        "the compressed pixels have another size or depth than the header declares",
        _AGAIN,
    ),
    "impossible_values": (
        "BitsStored (0028,0101)",
        "pixels hold values that the declared depth cannot hold",
        _LOOK,
    ),
    "undecodable": (_PIXELS, "the pixels cannot be decoded", _AGAIN),
    "decoding_too_long": (_PIXELS, "decoding took longer than allowed", _LOOK),
    "decoding_too_large": (_PIXELS, "decoding took more memory than allowed", _LOOK),
    "decoding_crashed": (_PIXELS, "the decoder broke down on the image", _AGAIN),
    "empty_image": (_PIXELS, "every pixel has the same value", _LOOK),
    "no_breast": (
        _PIXELS,
        "no breast is found in the image",
        "Look at the image: an empty exposure, a test pattern or an inverted photometric.",
    ),
    "text_stated": (
        "BurnedInAnnotation (0028,0301)",
        "the header says that text is burned into the pixels",
        "Export the image without text, or set the attribute right at the source.",
    ),
    "text_seen": (
        _PIXELS,
        "lines of text are seen in the pixels",
        "Look at the image; export it without text. A name in the pixels is a name that leaves.",
    ),
    "two_images_one_uid": (
        "SOPInstanceUID (0008,0018)",
        "two different images carry the same identifier",
        "Ask the archive which of the two is the image, and remove the other.",
    ),
    "contradicting_labels": (
        _PIXELS,
        "the same picture stands in two places, and what is said of it contradicts",
        "Find out whose image and which view it is; correct the label table or remove one file.",
    ),
    "no_label": (
        "",
        "the label table has no row for this breast",
        "Add a row (patient_id, laterality, cancer, study_date) or leave the exam out.",
    ),
    "no_truth": (
        "",
        "the label is an opinion (BI-RADS), not a diagnosis",
        "Add the pathology, or allow opinions as truth: ingest.opinion_as_truth.",
    ),
}

FATES: dict[str, Fate] = {
    code: Fate(fate, *words)
    for fate, table in (
        ("other", _OTHER),
        ("duplicate", _DUPLICATE),
        ("quarantined", _QUARANTINED),
    )
    for code, words in table.items()
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
