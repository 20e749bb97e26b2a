"""A mammogram as it may leave the house: de-identified by DICOM PS3.15 annex E.

Nothing is searched for and struck out. A new data set is filled with what `table` names,
each value in a form that it checks; whatever else a file holds stays behind.
"""

from __future__ import annotations

import hashlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from io import BytesIO

from pydicom import config, dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID_dictionary

from mammo_pipeline.mammo.dicom.deidentify.elements import fill, read_texts, to_texts, write_texts
from mammo_pipeline.mammo.dicom.deidentify.pixels import copy_pixels
from mammo_pipeline.mammo.dicom.deidentify.table import (
    NEEDED_PRIVATE,
    SOP_CLASSES,
    TABLE,
    PrivateRule,
)
from mammo_pipeline.mammo.dicom.deidentify.values import Subject, change_values
from mammo_pipeline.mammo.dicom.deidentify.words import (
    CODE_MEANINGS,
    DESCRIPTION_WORDS,
    STATION_WORDS,
    list_words,
)
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pseudonym import pseudonym

# PS3.16 context group 7050.
METHODS = {
    "113100": "Basic Application Confidentiality Profile",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113109": "Retain Device Identity Option",
}
SAFE_PRIVATE = {"113111": "Retain Safe Private Option"}
# Besides every person's name: what names a person, a place or an order, in whatever attribute.
_NAMING = list_words("""
    PatientID OtherPatientIDs AccessionNumber IssuerOfPatientID AdmissionID RequestedProcedureID
    PatientAddress InstitutionName InstitutionAddress InstitutionalDepartmentName
""")
_SHORTEST_NAME, _SHORTEST_NUMBER = 3, 5

PrivateTable = Mapping[tuple[str, int, int], PrivateRule]


def deidentify_file(content: bytes, key: bytes, patient_id: str = "") -> bytes:
    """Returns a DICOM file without anything that names the woman or those around her.

    Args:
        content: The file; a missing preamble is forgiven.
        key: The secret of this installation.
        patient_id: See `deidentify`.

    Raises:
        RefusedError: `not_dicom`, `unreadable_header`, and what `deidentify` raises. No message
            repeats a value of the file.
    """
    try:
        with _quietly():
            dataset = dcmread(BytesIO(content), force=True)
            if "SOPClassUID" not in dataset:
                raise RefusedError("not_dicom")
            buffer = BytesIO()
            # The preamble is written as zeros, the meta information from `file_meta` alone.
            dcmwrite(buffer, deidentify(dataset, key, patient_id), enforce_file_format=True)
    except RefusedError:
        raise
    except Exception as error:
        # Whatever a damaged file makes the reader do; its words may quote the file.
        raise RefusedError("unreadable_header", type(error).__name__) from None
    return buffer.getvalue()


def deidentify(
    dataset: Dataset, key: bytes, patient_id: str = "", private: PrivateTable = NEEDED_PRIVATE
) -> Dataset:
    """Returns a new data set by PS3.15 annex E; pixels as they were, compressed or not.

    Basic Application Level Confidentiality Profile with Clean Descriptors, Retain Longitudinal
    Temporal Information With Modified Dates, and Retain Device Identity. Native pixels come out
    in Explicit VR Little Endian. Equal inputs and keys give equal outputs.

    Args:
        dataset: A mammogram with its `file_meta`; without one its pixels count as native.
        key: The secret of this installation.
        patient_id: The pseudonym by which the study knows the woman; without it the one that
            `ingest` makes of PatientID (0010,0020). Dates move by an offset drawn from it.
        private: The private elements that may stay.

    Raises:
        RefusedError: `other_object`, `no_identity`, `several_frames`, `text_stated` for an
            overlay in the pixels' unused bits, `unreadable_header` naming the attribute of the
            matrix that has no value, and what the pixels raise.
    """
    with _quietly():
        sop_class = "".join(read_texts(dataset, "SOPClassUID") or [])
        if sop_class not in SOP_CLASSES:
            name = UID_dictionary.get(sop_class, ("", "", "", "", ""))[0]
            raise RefusedError("other_object", name or "a class that the standard does not name")
        subject = find_subject(dataset, key, patient_id)
        copy = Dataset()
        fill(copy, dataset, TABLE, subject)
        methods = METHODS | (SAFE_PRIVATE if _copy_private(copy, dataset, private, subject) else {})
        _state_method(copy, methods)
        copy.file_meta = FileMetaDataset()
        copy.file_meta.TransferSyntaxUID = copy_pixels(copy, dataset)
        copy.file_meta.MediaStorageSOPClassUID = copy.SOPClassUID
        copy.file_meta.MediaStorageSOPInstanceUID = copy.SOPInstanceUID
    return copy


def digest_rules() -> str:
    """Returns a text that changes with the rules, so that copies by other rules are told apart.

    >>> digest_rules() == digest_rules()
    True
    """
    words = [sorted(DESCRIPTION_WORDS), sorted(STATION_WORDS), sorted(CODE_MEANINGS.items())]
    rules = {keyword: asdict(rule) for keyword, rule in TABLE.items()}
    text = json.dumps([words, rules, len(NEEDED_PRIVATE), METHODS], default=sorted)
    return hashlib.sha256(text.encode()).hexdigest()


def find_subject(dataset: Dataset, key: bytes, patient_id: str = "") -> Subject:
    """Returns whose file it is, with the words of the file that may name her or a place.

    Raises:
        RefusedError: `no_identity`: without a patient there is neither pseudonym nor offset.
    """
    stated = "".join((read_texts(dataset, "PatientID") or [])[:1])
    instance = "".join((read_texts(dataset, "SOPInstanceUID") or [])[:1])
    if not instance or not (stated or patient_id):
        raise RefusedError("no_identity", f"empty {'patient' if instance else 'SOPInstanceUID'}")
    return Subject(
        key, patient_id or pseudonym(key, "patient", stated), frozenset(_list_names(dataset))
    )


def _list_names(dataset: Dataset) -> Iterator[str]:
    for tag in list(dataset.keys()):
        try:
            element = dataset[tag]
        except Exception:
            # An element that cannot be read is not copied either.
            continue
        if element.VR == "SQ":
            for item in element.value:
                yield from _list_names(item)
        elif element.VR == "PN" or element.keyword in _NAMING:
            shortest = _SHORTEST_NAME if element.VR == "PN" else _SHORTEST_NUMBER
            text = " ".join(to_texts(element.value)).upper()
            yield from (w for w in [text, *re.findall(r"\w+", text)] if len(w) >= shortest)


def _copy_private(copy: Dataset, source: Dataset, private: PrivateTable, subject: Subject) -> bool:
    """Copies the private elements that may stay, and tells whether there was one."""
    copied = False
    for (creator, group, element), entry in private.items():
        try:
            value = source.private_block(group, creator)[element].value
        except KeyError:
            continue
        values = change_values(to_texts(value), entry.rule, subject)
        if any(values):
            block = copy.private_block(group, creator, create=True)
            block.add_new(element, entry.vr, write_texts(entry.vr, values))
            copied = True
    return copied


def _state_method(copy: Dataset, methods: Mapping[str, str]) -> None:
    copy.PatientIdentityRemoved = "YES"
    copy.DeidentificationMethod = ["DICOM PS3.15 Annex E", *methods.values()]
    copy.LongitudinalTemporalInformationModified = "MODIFIED"
    items = []
    for code, meaning in methods.items():
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
        items.append(item)
    copy.DeidentificationMethodCodeSequence = items


@contextmanager
def _quietly() -> Iterator[None]:
    """pydicom's warnings quote the values that they complain of."""
    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        yield
