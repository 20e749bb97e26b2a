"""What a guarded process tells of one file, whatever the file is."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageDraw, ImageFont
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, JPEG2000Lossless

from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.pipelines.ingest.worker import Look, read_header_facts, read_pixel_facts
from small_archive import draw_breast, mammogram

LOOK = Look(maximum_pixels=10**6, look_for_text=True, second_decoder=True)


@pytest.fixture
def examine(tmp_path):
    def look_at(content: bytes, look: Look = LOOK) -> dict:
        path = tmp_path / "x.dcm"
        path.write_bytes(content)
        header = walk_header(BytesIO(content))
        return read_pixel_facts(str(path), "pixels", header.values, look)

    return look_at


def write_text(text: str) -> np.ndarray:
    canvas = Image.fromarray(draw_breast((600, 480)).astype(np.int32), mode="I")
    ImageDraw.Draw(canvas).text((250, 40), text, 3500, ImageFont.load_default(20))
    return np.asarray(canvas).astype(np.uint16)


def test_the_same_picture_has_the_same_digest_in_every_syntax(examine):
    plain, packed = (
        examine(mammogram(syntax=s)) for s in (ExplicitVRLittleEndian, JPEG2000Lossless)
    )
    assert plain["code"] == packed["code"] == "accepted"
    assert plain["pixel_sha256"] == packed["pixel_sha256"]
    assert plain["file_sha256"] != packed["file_sha256"]


def test_a_refused_image_still_has_its_digest(examine):
    content = mammogram()[:60000]
    facts = examine(content)
    assert facts["code"] == "truncated"
    assert facts["file_sha256"] == hashlib.sha256(content).hexdigest()


def test_a_name_in_the_pixels_is_seen_unless_nobody_looks(examine):
    content = mammogram(pixels=write_text("DOE JANE 1961-07-04"))
    facts = examine(content)
    assert facts["code"] == "text_seen"
    assert "DOE" not in str(facts)
    assert examine(content, Look(10**6, False, True))["code"] == "accepted"


def test_without_a_header_the_sum_alone_is_taken(tmp_path):
    (tmp_path / "note.txt").write_bytes(b"note")
    facts = read_pixel_facts(str(tmp_path / "note.txt"), "sums", {}, LOOK)
    assert facts == {"file_sha256": hashlib.sha256(b"note").hexdigest()}


def test_a_file_that_is_gone_is_told_and_raises_nothing(tmp_path):
    assert read_pixel_facts(str(tmp_path / "gone"), "pixels", {}, LOOK)["code"] == "unreadable_file"
    assert read_header_facts(str(tmp_path / "gone"), LOOK)["code"] == "unreadable_file"


def test_a_picture_without_header_states_its_matrix(tmp_path):
    Image.fromarray(draw_breast()).save(tmp_path / "a.png")
    facts = read_header_facts(str(tmp_path / "a.png"), LOOK)
    assert (facts["values"]["Rows"], facts["values"]["Columns"]) == (300, 240)
    assert facts["picture"]
    examined = read_pixel_facts(str(tmp_path / "a.png"), "pixels", facts["values"], LOOK)
    assert examined["code"] == "accepted"
    assert examined["picture_side"] == "left"


def test_a_text_is_no_dicom(tmp_path):
    (tmp_path / "a.dcm").write_bytes(b"x" * 500)
    assert read_header_facts(str(tmp_path / "a.dcm"), LOOK)["code"] == "not_dicom"


def test_the_box_of_a_mask_is_read_and_a_crop_has_none(tmp_path):
    mask = np.zeros((300, 240), np.uint8)
    mask[10:20, 30:50] = 255
    for name, pixels in (("mask", mask), ("crop", draw_breast())):
        content = mammogram(pixels=pixels, BitsStored=8 if name == "mask" else 12)
        (tmp_path / name).write_bytes(content)
    boxes = {
        name: read_pixel_facts(str(tmp_path / name), "mask", {}, LOOK).get("mask_box")
        for name in ("mask", "crop")
    }
    assert boxes == {"mask": "10,30,20,50", "crop": None}


def deflate(content: bytes, ballast: int = 0) -> bytes:
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.add_new((0x0019, 0x1001), "OB", bytes(ballast))
    dataset.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    out = BytesIO()
    pydicom.dcmwrite(out, dataset, enforce_file_format=True)
    return out.getvalue()


def test_a_deflated_file_is_read_and_keeps_its_syntax(tmp_path):
    (tmp_path / "a.dcm").write_bytes(deflate(mammogram()))
    facts = read_header_facts(str(tmp_path / "a.dcm"), LOOK)
    assert facts["values"]["TransferSyntaxUID"] == DeflatedExplicitVRLittleEndian
    examined = read_pixel_facts(str(tmp_path / "a.dcm"), "pixels", facts["values"], LOOK)
    assert examined["code"] == "accepted"


def test_a_deflated_bomb_is_not_unpacked(tmp_path):
    (tmp_path / "a.dcm").write_bytes(deflate(mammogram(), ballast=20 * 2**20))
    small = Look(maximum_pixels=1000, look_for_text=False, second_decoder=False)
    assert read_header_facts(str(tmp_path / "a.dcm"), small)["code"] == "wrong_length"


def test_a_picture_whose_table_says_inverted_is_looked_at_so(tmp_path):
    inverted = (4095 - draw_breast()).astype(np.uint16)
    Image.fromarray(inverted).save(tmp_path / "a.png")
    values = read_header_facts(str(tmp_path / "a.png"), LOOK)["values"]
    sides = {
        kind: read_pixel_facts(str(tmp_path / "a.png"), kind, values, LOOK)["picture_side"]
        for kind in ("pixels", "inverted")
    }
    assert sides["inverted"] == "left" != sides["pixels"]


def test_an_image_whose_header_was_forgotten_is_left_to_the_next_run(tmp_path):
    (tmp_path / "a.dcm").write_bytes(mammogram())
    facts = read_pixel_facts(str(tmp_path / "a.dcm"), "pixels", {}, LOOK)
    assert facts["code"] == "unreadable_file"
