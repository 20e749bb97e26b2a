"""Headers as bytes, made in the test that asks for them, and the files that pydicom ships."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pydicom.data
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID
from pydicom.valuerep import STANDARD_VR

from small_archive import draw_breast, mammogram

ROOT = Path(__file__).parents[1]
REAL_DATA = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata"))
SMALL_PIXELS = draw_breast((8, 6))
# Where an element in explicit VR begins, more often than not.
_HEAD = re.compile(rb"(?s)..\0?.(?:AE|AS|CS|DA|DS|IS|LO|LT|PN|SH|SQ|ST|TM|UI|UL|UN|US|OB|OW)")
_VRS = (*sorted(STANDARD_VR), "ZZ")
_TAGS = (0xFFFEE00D, 0xFFFEE0DD, 0xFFFEE000, 0x7FE00010, 0x00080005, 0x00100020, 0x00020010)


def dressed_mammogram(undefined_lengths: bool = False, **tags: Any) -> bytes:
    """A mammogram's file with sequences, private elements and a long element before the pixels."""
    dataset = pydicom.dcmread(BytesIO(mammogram(pixels=SMALL_PIXELS)))
    modifier, view, table = Dataset(), Dataset(), Dataset()
    modifier.CodeValue, modifier.CodeMeaning = "R-102D5", "Implant Displaced"
    view.CodeValue, view.CodingSchemeDesignator = "R-10226", "SNM3"
    view.ViewModifierCodeSequence = Sequence([modifier])
    table.LUTDescriptor, table.LUTExplanation = [4, 0, 12], "NORMAL"
    table.add_new("LUTData", "OW", b"\0\1" * 4)
    dataset.ViewCodeSequence, dataset.VOILUTSequence = Sequence([view]), Sequence([table, table])
    dataset.AnatomicRegionSequence = Sequence([modifier])
    dataset.SourceImageSequence = Sequence([])
    for holder, keyword in (
        (view, "ViewModifierCodeSequence"),
        (dataset, "ViewCodeSequence"),
        (dataset, "VOILUTSequence"),
        (dataset, "AnatomicRegionSequence"),
        (dataset, "SourceImageSequence"),
    ):
        holder[keyword].is_undefined_length = undefined_lengths
    for item in (modifier, view, table):
        item.is_undefined_length_sequence_item = undefined_lengths
    block = dataset.private_block(0x0019, "MAKER", create=True)
    block.add_new(1, "LO", "private")
    block.add_new(2, "UN", b"\7" * 20000)
    dataset.WindowCenter, dataset.WindowWidth = ["2047", "1800"], ["4096", "900"]
    for keyword, value in tags.items():
        setattr(dataset, keyword, value)
    return save(dataset)


def save(dataset: Dataset, **how: Any) -> bytes:
    """The data set as a file's content."""
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, **how)
    return out.getvalue()


def save_as_syntax(content: bytes, syntax: UID) -> bytes:
    """The file in another of the uncompressed encodings."""
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.file_meta.TransferSyntaxUID = syntax
    del dataset[0x00191001:0x001910FF], dataset.PixelData
    dataset.add_new("PixelData", "OW", b"\0" * SMALL_PIXELS.nbytes)
    return save(dataset, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)


def shipped_files() -> list[Path]:
    """The DICOM files that pydicom brings and those of MAMMO_REALDATA, where it is there."""
    roots = [Path(pydicom.data.__file__).parent, REAL_DATA]
    paths = [path for root in roots for path in sorted(root.rglob("*")) if path.is_file()]
    return [path for path in paths if _starts_as_dicom(path)]


def _starts_as_dicom(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def mutants(contents: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """Headers with one to three bytes, lengths, VRs, tags or stretches changed; seeded."""
    rng = random.Random(seed)
    for _ in range(count):
        changed = bytearray(rng.choice(contents))
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            _change(changed, rng)
        yield bytes(changed)


def _change(content: bytearray, rng: random.Random) -> None:
    kind, place = rng.randrange(8), rng.randrange(132, len(content) - 16)
    heads = [match.start() for match in _HEAD.finditer(content, 132, len(content) - 12)]
    head = rng.choice(heads or [place])
    if kind == 0:
        content[place] = rng.randrange(256)
    elif kind == 1:
        content[place] ^= 1 << rng.randrange(8)
    elif kind == 2:
        del content[place : place + rng.choice((1, 2, 4, 8))]
    elif kind == 3:
        del content[max(place, 160) :]
        content += bytes(16)
    elif kind == 4:
        other, size = rng.choice(heads or [place]), rng.choice((8, 16, 24, 40))
        content[head:head] = content[other : other + size]
    elif kind == 5:
        content[head + 4 : head + 6] = rng.choice(_VRS).encode()
    elif kind == 6:
        content[head + 6 + rng.randrange(6)] = rng.choice((0, 1, 2, 4, 8, 255))
    else:
        tag = rng.choice(_TAGS)
        content[head : head + 4] = (tag >> 16).to_bytes(2, "little") + (tag & 0xFFFF).to_bytes(
            2, "little"
        )
