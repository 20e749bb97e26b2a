"""Files that make readers loop, explode or break down cost one row each, and the rest goes on."""

from __future__ import annotations

import os
import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, JPEG2000Lossless

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.pipelines.ingest import nodes
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32


def declare(rows: int, columns: int) -> bytes:
    """A header that declares more pixels than the file has."""
    content = mammogram(patient="huge")
    for tag, value in (
        (b"\x28\x00\x10\x00US\x02\x00", rows),
        (b"\x28\x00\x11\x00US\x02\x00", columns),
    ):
        at = content.index(tag) + len(tag)
        content = content[:at] + struct.pack("<H", value) + content[at + 2 :]
    return content


def endless_box() -> bytes:
    """JPEG 2000 in a JP2 wrapper whose first box has the length zero."""
    content = mammogram(patient="box", syntax=JPEG2000Lossless)
    at = content.index(b"\xff\x4f\xff\x51")
    wrapper = b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0\0\0\0ftyp" * 4
    return content[:at] + wrapper + content[at + len(wrapper) :]


def nested(depth: int) -> bytes:
    """Sequences in sequences, of undefined length, before the pixels."""
    opening = b"\x08\x00\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff"
    content = mammogram(patient="deep")
    at = content.index(b"\x10\x00\x10\x00PN")
    return content[:at] + opening * depth + content[at:]


def bomb() -> bytes:
    dataset = pydicom.dcmread(BytesIO(mammogram(patient="bomb")))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    dataset.add_new((0x0019, 0x1001), "OB", bytes(2**28))
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def directory() -> bytes:
    dataset = pydicom.dcmread(BytesIO(mammogram(patient="dir")))
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.1.3.10"
    dataset.ReferencedFileID = ["..", "..", "etc", "passwd"]
    del dataset.PixelData
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


HOSTILE = {
    "huge.dcm": (lambda: declare(65535, 65535), {"many_pixels"}),
    "box.dcm": (endless_box, {"broken_fragments", "undecodable", "wrong_precision"}),
    "deep.dcm": (lambda: nested(20000), {"unreadable_header"}),
    "bomb.dcm": (bomb, {"wrong_length"}),
    "DICOMDIR": (directory, {"directory_object"}),
    "long.dcm": (lambda: mammogram(patient="long") + b"\0" * 4096, {"wrong_length"}),
    "over.dcm": (
        lambda: mammogram(patient="over").replace(
            draw_breast().tobytes()[-64:], np.full(32, 60000, "<u2").tobytes()
        ),
        {"impossible_values"},
    ),
    "flat.dcm": (
        lambda: mammogram(patient="flat", pixels=np.full((300, 240), 7, np.uint16)),
        {"empty_image"},
    ),
    "empty.dcm": (lambda: b"", {"empty_file"}),
    "zeros.dcm": (lambda: bytes(10000), {"not_dicom"}),
    "head.dcm": (lambda: bytes(128) + b"DICM", {"unreadable_header"}),
}


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> dict[str, str]:
    """Name to code of every file of a folder of hostile files and two sound ones."""
    from mammo_pipeline.datasets.ledger import Ledger

    root: Path = tmp_path_factory.mktemp("in")
    files = {name: make() for name, (make, _) in HOSTILE.items()}
    sound = {
        f"sound{n}.dcm": mammogram(patient=f"S{n}", pixels=draw_breast(seed=n)) for n in (1, 2)
    }
    folder = FolderOfFiles(write_folder(root, files | sound))
    os.mkfifo(root / "pipe.dcm")
    (root / "loop").symlink_to(root)
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.sqlite")
    _, table, private = nodes.index_files(folder, ledger, KEY, ingest_rules(jobs=2))
    codes = table.set_index("file_id")["code"]
    return {row.name: codes[row.file_id] for row in private.itertuples(index=False)}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_has_a_fate_of_its_own(outcome, name):
    assert outcome[name] in HOSTILE[name][1]


def test_sound_files_beside_it_are_accepted_and_nothing_is_lost(outcome):
    assert outcome["sound1.dcm"] == outcome["sound2.dcm"] == "accepted"
    assert outcome["pipe.dcm"] == "special_file"
    assert len(outcome) == len(HOSTILE) + 3
