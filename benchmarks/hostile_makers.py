"""What `hostile_files.py` reads: mutants of sound files, and a hundred files made by hand."""

from __future__ import annotations

import os
import re
import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
from pydicom.data.data_manager import DATA_ROOT
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless

from mammo_pipeline.mammo.dicom.write import LOSSLESS_SYNTAXES, write_mammogram
from mammo_pipeline.mammo.phantom.archive import draw_women, list_views, render_exam_view
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import describe_view
from mammo_pipeline.mammo.phantom.study import StudyDesign

MOST_SOURCE_BYTES = 400_000
VR = re.compile(rb"[\x00-\xff]{4}(?:AE|AS|CS|DA|DS|IS|LO|LT|OB|OW|PN|SH|SQ|ST|TM|UI|UL|UN|US|UT)")
VRS = [b"CS", b"DS", b"IS", b"LO", b"OB", b"OW", b"SQ", b"UI", b"UN", b"US", b"UT", b"ZZ", b"\0\0"]
Source = tuple[str, bytes]


def list_sources(seed: int) -> list[Source]:
    """pydicom's own small files, and phantoms of every device in every lossless transfer syntax."""
    files = sorted((Path(DATA_ROOT) / "test_files").glob("*.dcm"))
    sound = [(f.name, f.read_bytes()) for f in files if f.stat().st_size <= MOST_SOURCE_BYTES]
    return sound + list(draw_phantoms(seed))


def draw_phantoms(seed: int) -> Iterator[Source]:
    for number, device in enumerate(DEVICES):
        design = StudyDesign(0.0, 0.5, 0.5, {device: 1.0}, 0.55)
        (woman,) = draw_women(1, seed + number, design)
        exam, laterality, view = next(iter(list_views(woman)))
        pixels = render_exam_view(woman, exam, laterality, view, 14).pixels
        tags = describe_view(woman, exam, laterality, view, 14)
        for syntax in LOSSLESS_SYNTAXES:
            yield f"{device}-{syntax[-4:]}", write_mammogram(pixels, tags, syntax)


def mutate(content: bytes, rng: np.random.Generator) -> tuple[str, bytes]:
    """Returns what was done, and the mutant: one change, in the header or in the pixels."""
    pixels = max(content.rfind(b"\xe0\x7f\x10\x00"), content.rfind(b"\x7f\xe0\x00\x10"), 0)
    in_pixels = bool(rng.integers(2)) and 0 < pixels < len(content) - 20
    low, high = (pixels, len(content)) if in_pixels else (0, pixels or len(content))
    names = [*CHANGES] if in_pixels else [*CHANGES, *HEADER_CHANGES, *HEADER_CHANGES]
    name = names[int(rng.integers(len(names)))]
    at = int(rng.integers(low, high))
    change = CHANGES.get(name) or HEADER_CHANGES[name]
    mutant = change(content, at, rng)
    return f"{name} in {'pixels' if in_pixels else 'header'}", mutant


def _flip_bytes(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    mutant = bytearray(content)
    for _ in range(int(rng.choice([1, 1, 1, 2, 4]))):
        mutant[at] ^= int(rng.integers(1, 256))
        at = min(len(content) - 1, at + int(rng.integers(1, 40)))
    return bytes(mutant)


def _flip_bit(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    return _put(content, at, bytes([content[at] ^ (1 << int(rng.integers(8)))]))


def _overwrite(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    run = min(int(rng.integers(2, 400)), len(content) - at)
    return _put(content, at, bytes([int(rng.choice([0, 255]))]) * run)


def _cut(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    return content[:at]


def _insert(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    count = int(rng.choice([1, 2, 2, 4, 16, 64]))
    return content[:at] + rng.bytes(count) + content[at:]


def _delete(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    return content[:at] + content[at + int(rng.choice([1, 2, 2, 4, 16, 64])) :]


def _elements(content: bytes, at: int) -> list[int]:
    return [found.start() for found in VR.finditer(content, 132, max(at + 400, 600))] or [132]


def _edit_length(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    element = int(rng.choice(_elements(content, at)))
    length = int(rng.choice([0, 1, 2, 3, 6, 250, 0x7FFF, 0xFFFE, 0xFFFF]))
    return _put(content, element + 6, struct.pack("<H", length))


def _swap_tags(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    first, second = (int(rng.choice(_elements(content, at))) for _ in range(2))
    one, other = content[first : first + 4], content[second : second + 4]
    return _put(_put(content, first, other), second, one)


def _edit_vr(content: bytes, at: int, rng: np.random.Generator) -> bytes:
    element = int(rng.choice(_elements(content, at)))
    return _put(content, element + 4, VRS[int(rng.integers(len(VRS)))])


def _put(content: bytes, at: int, new: bytes) -> bytes:
    return content[:at] + new + content[at + len(new) :]


CHANGES: dict[str, Callable[[bytes, int, np.random.Generator], bytes]] = {
    "bytes flipped": _flip_bytes,
    "bit flipped": _flip_bit,
    "run overwritten": _overwrite,
    "cut": _cut,
    "bytes inserted": _insert,
    "bytes deleted": _delete,
}
HEADER_CHANGES: dict[str, Callable[[bytes, int, np.random.Generator], bytes]] = {
    "length edited": _edit_length,
    "tags swapped": _swap_tags,
    "VR edited": _edit_vr,
}


# ---------------------------------------------------------------------------------- by hand

TAGS = {
    "PatientID": "HOSTILE", "StudyDate": "20200101", "ImageLaterality": "L", "ViewPosition": "CC",
    "PhotometricInterpretation": "MONOCHROME2", "ImagerPixelSpacing": [0.6, 0.6],
}  # fmt: skip


def picture(syntax: str = ExplicitVRLittleEndian, shape: tuple[int, int] = (300, 240)) -> bytes:
    rng = np.random.default_rng(7)
    pixels = rng.integers(0, 4096, shape).astype(np.uint16)
    return write_mammogram(pixels, {**TAGS, "SOPInstanceUID": "1.2.3", "BitsStored": 12}, syntax)


def stating(content: bytes, **numbers: int) -> bytes:
    """The file with numbers of the pixel module overwritten, lengths kept."""
    for keyword, number in numbers.items():
        tag = pydicom.tag.Tag(keyword)
        head = struct.pack("<HH2sH", tag.group, tag.element, b"US", 2)
        at = content.index(head) + 8
        content = _put(content, at, struct.pack("<H", number))
    return content


def with_elements(content: bytes, raw: bytes) -> bytes:
    """The file with raw elements put in before its Rows (0028,0010)."""
    at = content.index(b"\x28\x00\x10\x00US")
    return content[:at] + raw + content[at:]


def with_frame(frame: bytes, syntax: str, rows: int = 300, columns: int = 240) -> bytes:
    content = stating(picture(syntax), Rows=rows, Columns=columns)
    head = content[: content.rindex(b"\xe0\x7f\x10\x00OB")]
    value = encapsulate([frame + b"\0" * (len(frame) % 2)], has_bot=False)
    return head + b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + value + b"\xfe\xff\xdd\xe0\0\0\0\0"


def frame_of(syntax: str) -> bytes:
    dataset = pydicom.dcmread(BytesIO(picture(syntax)))
    return pydicom.encaps.get_frame(dataset.PixelData, 0, number_of_frames=1)


def sequence(depth: int, defined: bool) -> bytes:
    raw = b""
    for _ in range(depth if defined else 0):
        body = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(raw)) + raw
        raw = b"\x08\0\x40\x11SQ\0\0" + struct.pack("<I", len(body)) + body
    if defined:
        return raw
    opened = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * depth
    return opened + b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0" * depth


def deflated(body: bytes, repeats: int = 1) -> bytes:
    meta = pydicom.filebase.DicomBytesIO()
    syntax = b"1.2.840.10008.1.2.1.99"
    meta.write(b"\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax)
    raw = meta.getvalue()
    head = bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<I", len(raw)) + raw
    packer = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return head + b"".join(packer.compress(body) for _ in range(repeats)) + packer.flush()


def body_of(content: bytes) -> bytes:
    return content[144 + struct.unpack("<I", content[140:144])[0] :]


def j2k(rows: int, columns: int, tile: tuple[int, int] | None = None) -> bytes:
    """A real codestream whose SIZ states another picture."""
    frame = bytearray(frame_of(JPEG2000Lossless))
    struct.pack_into(">II", frame, 8, columns, rows)
    struct.pack_into(">II", frame, 24, *(tile or (columns, rows)))
    return bytes(frame)


def jls(rows: int, columns: int) -> bytes:
    return _put(frame_of(JPEGLSLossless), 7, struct.pack(">HH", rows, columns))


def rle_bomb(pixels: int) -> bytes:
    segment = b"\x81\0" * (pixels // 128)
    return struct.pack("<16I", 2, 64, 64 + len(segment), *[0] * 13) + segment * 2


def jp2(*boxes: bytes) -> bytes:
    return b"\0\0\0\x0cjP  \r\n\x87\n" + b"".join(boxes)


def declared() -> Iterator[Source]:
    """More than there is, and numbers that make no sense."""
    for syntax in LOSSLESS_SYNTAXES:
        name = syntax[-4:]
        yield f"65535x65535-{name}", stating(picture(syntax), Rows=65535, Columns=65535)
        yield f"7000x7000-{name}", stating(picture(syntax), Rows=7000, Columns=7000)
        yield f"rows-0-{name}", stating(picture(syntax), Rows=0)
    plain = picture()
    for keyword, number in [
        ("SamplesPerPixel", 65535), ("BitsAllocated", 0), ("BitsAllocated", 1), ("BitsStored", 0),
        ("BitsAllocated", 64), ("BitsAllocated", 65535), ("BitsStored", 65535), ("HighBit", 65535),
        ("PixelRepresentation", 9), ("Columns", 1),
    ]:  # fmt: skip
        yield f"{keyword}-{number}", stating(plain, **{keyword: number})
    for frames in (b"2147483647", b"-1        ", b"1e99      ", b"nan       "):
        element = b"\x28\0\x08\0IS" + struct.pack("<H", len(frames)) + frames
        yield f"frames-{frames.decode().strip()}", with_elements(plain, element)


def codestreams() -> Iterator[Source]:
    """Little that unpacks to much."""
    for rows, columns in [(65535, 65535), (2**31, 2**31), (300, 2**32 - 1), (7000, 7000)]:
        inside = j2k(rows, columns)
        yield f"j2k-{rows}x{columns}", with_frame(inside, JPEG2000Lossless)
        yield (
            f"j2k-{rows}x{columns}-as-stated",
            with_frame(inside, JPEG2000Lossless, min(rows, 65535), min(columns, 65535)),
        )
    yield "j2k-7000-bare", with_frame(j2k(7000, 7000)[:900], JPEG2000Lossless, 7000, 7000)
    yield "j2k-tiles-1x1", with_frame(j2k(300, 240, (1, 1)), JPEG2000Lossless)
    yield "j2k-tiles-0x0", with_frame(j2k(300, 240, (0, 0)), JPEG2000Lossless)
    frame = bytearray(frame_of(JPEG2000Lossless))
    style = frame.find(b"\xff\x52")
    offsets = {"levels": 9, "layers": 6, "block": 10, "style": 12, "precincts": 4}
    for name, at in offsets.items():
        edited = bytearray(frame)
        edited[style + at] = 255
        yield f"j2k-{name}", with_frame(bytes(edited), JPEG2000Lossless)
    yield "j2k-psot-0-endless", with_frame(bytes(frame[:-2]).replace(
        b"\xff\x90\0\n", b"\xff\x90\0\n", 1) * 3, JPEG2000Lossless)  # fmt: skip
    yield "jls-65535x65535", with_frame(jls(65535, 65535), JPEGLSLossless)
    yield "jls-7000x7000-as-stated", with_frame(jls(7000, 7000), JPEGLSLossless, 7000, 7000)
    yield "jls-65535-as-stated", with_frame(jls(65535, 65535), JPEGLSLossless, 65535, 65535)
    yield "jls-fill-bytes", with_frame(b"\xff\xd8" + b"\xff" * 200_000 + b"\xd9", JPEGLSLossless)
    yield "jls-length-0", with_frame(b"\xff\xd8\xff\xe0\0\0" * 999 + b"\xff\xd9", JPEGLSLossless)
    yield "rle-6400x7040", with_frame(rle_bomb(6400 * 7040), RLELossless, 6400, 7040)
    yield "rle-too-much", with_frame(rle_bomb(6400 * 7040), RLELossless)
    yield "rle-offsets", with_frame(struct.pack("<16I", *[2**32 - 1] * 16) + bytes(64), RLELossless)
    yield (
        "rle-15-segments",
        with_frame(struct.pack("<16I", 15, *[64] * 15) + bytes(64), RLELossless),
    )


def wrappers() -> Iterator[Source]:
    frame, box = frame_of(JPEG2000Lossless), struct.Struct(">I4s")
    for name, boxes in {
        "zero-box": [box.pack(0, b"ftyp")],
        "zero-box-then-more": [box.pack(0, b"ftyp"), box.pack(8 + len(frame), b"jp2c"), frame],
        "short-box": [box.pack(7, b"ftyp"), box.pack(8, b"jp2c")],
        "long-box-of-0": [box.pack(1, b"ftyp"), bytes(8), box.pack(8, b"jp2c")],
        "box-of-4-GB": [box.pack(2**32 - 1, b"jp2c"), frame],
        "many-boxes": [box.pack(8, b"free")] * 50_000,
        "boxes-in-boxes": [box.pack(8 * n, b"jp2h") for n in range(20_000, 1, -1)],
        "no-codestream": [box.pack(20, b"ftyp"), bytes(12)],
    }.items():
        yield f"jp2-{name}", with_frame(jp2(*boxes), JPEG2000Lossless)


def structures() -> Iterator[Source]:
    """Elements and items that nest, lie or never end."""
    plain, compressed = picture(), picture(JPEGLSLossless)
    for depth in (100, 900, 10_000):
        yield f"nest-{depth}-undefined", with_elements(plain, sequence(depth, False))
        yield f"nest-{depth}-defined", with_elements(plain, sequence(depth, True))
    opened = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    yield "nest-never-closed", with_elements(plain, opened * 10_000)
    yield "items-without-end", with_elements(plain, opened[:12] + opened[12:16] + bytes(4) * 1)
    yield "empty-items", with_elements(plain, opened[:12] + b"\xfe\xff\x00\xe0\0\0\0\0" * 200_000)
    yield "un-undefined", with_elements(plain, b"\x09\0\x10\x10UN\0\0\xff\xff\xff\xff" * 2_000)
    yield "length-4-GB", with_elements(plain, b"\x09\0\x10\x10UN\0\0\xfe\xff\xff\xff")
    yield "length-negative", with_elements(plain, b"\x09\0\x10\x10OB\0\0\x00\x00\x00\x80")
    yield "million-elements", with_elements(plain, b"\x09\0\x10\x10CS\0\0" * 300_000)
    yield (
        "one-value-of-8-MB",
        with_elements(plain, b"\x09\0\x10\x10UT\0\0\0\0\x80\0" + bytes(2**23)),
    )
    yield (
        "values-of-a-million",
        with_elements(plain, b"\x18\0\x64\x11UT\0\0\0\0\x20\0" + b"1\\" * 2**20),
    )
    yield "rows-twice", with_elements(plain, b"\x28\0\x10\0US\x02\0\xff\xff")
    yield "pixels-twice", plain + plain[plain.rindex(b"\xe0\x7f\x10\0OW") :]
    at = compressed.rindex(b"\xe0\x7f\x10\0OB") + 12
    yield "endless-fragments", compressed[:at] + b"\xfe\xff\x00\xe0\0\0\0\0" * 300_000
    yield "fragment-4-GB", compressed[:at] + b"\xfe\xff\x00\xe0\xfe\xff\xff\xff" + bytes(99)
    yield "offset-table-1-GB", compressed[:at] + b"\xfe\xff\x00\xe0\0\0\0\x40" + bytes(99)
    yield "offsets-astray", compressed[:at] + b"\xfe\xff\x00\xe0\x04\0\0\0\xf0\xff\xff\xff" + (
        compressed[at + 8 :])  # fmt: skip
    for length in (0, 3, 0xFFFFFFFF):
        yield f"meta-length-{length}", _put(plain, 140, struct.pack("<I", length))
    uid = ExplicitVRLittleEndian.encode()
    yield "syntax-unknown", plain.replace(uid, b"1.2.840.10008.9.9.9"[: len(uid)])
    yield "syntax-of-jpeg-2000", plain.replace(uid + b"\0", b"1.2.840.10008.1.2.90")
    yield "charset", with_elements(plain, b"\x08\0\x05\0CS\x0a\0ISO_IR 999" * 3)
    yield "deflate-bomb-1-GB", deflated(bytes(2**20), 1024)
    yield "deflate-bomb-stated", deflated(stating(body_of(plain), Rows=7000, Columns=7000) + (
        bytes(2**20)), 90)  # fmt: skip
    yield "deflate-garbage", deflated(body_of(plain))[:200] + b"\xff" * 999
    yield "deflate-sound", deflated(body_of(plain))
    yield "preamble-only", bytes(128) + b"DICM"
    yield "dicomdir-outside", dicomdir(["..", "..", "..", "etc", "passwd"])
    yield "dicomdir-itself", dicomdir(["DICOMDIR"])


def dicomdir(path: list[str]) -> bytes:
    content = picture().replace(
        b"1.2.840.10008.5.1.4.1.1.1.2\0", b"1.2.840.10008.1.3.10\0\0\0\0\0\0\0\0"
    )
    value = "\\".join(path).encode() + b" " * (len("\\".join(path)) % 2)
    record = b"\x04\0\0\x15CS" + struct.pack("<H", len(value)) + value
    items = b"\xfe\xff\x00\xe0" + struct.pack("<I", len(record)) + record
    raw = b"\x04\0\x20\x12SQ\0\0" + struct.pack("<I", len(items)) + items
    at = 144 + struct.unpack("<I", content[140:144])[0]
    return content[:at] + raw + content[at:]


def list_contents() -> list[Source]:
    makers = (declared, codestreams, wrappers, structures)
    return [entry for maker in makers for entry in maker()]


def make_oddities(root: Path) -> int:
    """Makes what is hostile by its place in the file system; returns how many."""
    root.mkdir()
    sound = picture()
    before = len(list(root.iterdir()))
    os.mkfifo(root / "pipe.dcm")
    (root / "folder.dcm").mkdir()
    (root / "loop-a").symlink_to(root / "loop-b")
    (root / "loop-b").symlink_to(root / "loop-a")
    (root / "self").symlink_to(root)
    (root / "nowhere.dcm").symlink_to("/nonexistent/file.dcm")
    (root / "endless.dcm").symlink_to("/dev/zero")
    (root / "terminal.dcm").symlink_to("/dev/tty")
    (root / "passwords.dcm").symlink_to("/etc/passwd")
    for length in (0, 1, 131, 132):
        (root / f"{length}-bytes.dcm").write_bytes((bytes(128) + b"DICM")[:length])
    for name, start in {"sparse.dcm": b"", "sparse-dicom.dcm": sound}.items():
        with (root / name).open("wb") as stream:
            stream.write(start)
            stream.truncate(4 * 2**30)
    (root / "forbidden.dcm").write_bytes(sound)
    (root / "forbidden.dcm").chmod(0)
    names = [b"new\nline.dcm", b"\xff\xfe\xe9.dcm", b"a" * 250 + b".dcm", b"-rf.dcm", b" .dcm"]
    names += [b"; ls $(ls).dcm", b"\\xe9.dcm", "\u202emcd.exe.dcm".encode(), b"tab\t'\"`.dcm"]
    for name in names:
        (root / os.fsdecode(name)).write_bytes(sound)
    held = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    os.chdir(root)
    held.bind("socket.dcm")
    os.chdir(here)
    held.close()
    return len(list(root.iterdir())) - before
