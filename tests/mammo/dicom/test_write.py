from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGBaseline8Bit

from mammo_pipeline.mammo.dicom.write import LOSSLESS_SYNTAXES, write_mammogram

TAGS = {
    "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": 12,
    "ViewCodeSequence": [{"CodeValue": "R-10242", "ViewModifierCodeSequence": []}],
}


def make_pixels(dtype=np.uint16, highest=4095):
    rng = np.random.default_rng(1)
    return rng.integers(0, highest + 1, size=(37, 51)).astype(dtype)


@pytest.mark.parametrize("syntax", LOSSLESS_SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize(("dtype", "bits"), [(np.uint16, 12), (np.uint16, 16), (np.uint8, 8)])
def test_pixels_come_back_from_every_transfer_syntax(syntax, dtype, bits):
    pixels = make_pixels(dtype, 2**bits - 1)
    dataset = pydicom.dcmread(
        BytesIO(write_mammogram(pixels, {**TAGS, "BitsStored": bits}, syntax))
    )
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert dataset.SOPInstanceUID == dataset.file_meta.MediaStorageSOPInstanceUID
    np.testing.assert_array_equal(dataset.pixel_array, pixels)


def test_the_object_is_a_mammogram_for_presentation():
    content = write_mammogram(make_pixels(), TAGS, LOSSLESS_SYNTAXES[0])
    dataset = pydicom.dcmread(BytesIO(content))
    assert dataset.SOPClassUID == "1.2.840.10008.5.1.4.1.1.1.2"
    assert (dataset.Modality, dataset.PresentationIntentType) == ("MG", "FOR PRESENTATION")
    assert (dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit) == (16, 12, 11)
    assert dataset.ViewCodeSequence[0].CodeValue == "R-10242"


@pytest.mark.parametrize("syntax", LOSSLESS_SYNTAXES, ids=lambda uid: uid.keyword)
def test_the_same_input_gives_the_same_bytes(syntax):
    assert write_mammogram(make_pixels(), TAGS, syntax) == write_mammogram(
        make_pixels(), TAGS, syntax
    )


def test_a_value_beyond_bits_stored_is_an_error():
    with pytest.raises(ValueError, match="more than BitsStored"):
        write_mammogram(make_pixels(highest=4096) | 4096, TAGS, LOSSLESS_SYNTAXES[0])


def test_a_lossy_syntax_is_an_error():
    with pytest.raises(ValueError, match="JPEG-LS"):
        write_mammogram(make_pixels(), TAGS, JPEGBaseline8Bit)


def test_an_array_of_frames_is_an_error():
    with pytest.raises(ValueError, match="2-D"):
        write_mammogram(np.zeros((2, 4, 4), np.uint16), TAGS, LOSSLESS_SYNTAXES[0])
