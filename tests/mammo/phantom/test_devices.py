import pytest

from mammo_pipeline.mammo.phantom.devices import DEVICES, find_device


def test_the_units_differ_in_all_that_a_network_could_read():
    assert len(DEVICES) >= 6
    assert {device.photometric for device in DEVICES.values()} == {"MONOCHROME1", "MONOCHROME2"}
    assert {device.voi for device in DEVICES.values()} == {"LINEAR", "SIGMOID", "LUT"}
    assert len({device.transfer_syntax for device in DEVICES.values()}) == 4
    curves = {(device.offset, device.span, device.gamma) for device in DEVICES.values()}
    assert len(curves) == len(DEVICES)


@pytest.mark.parametrize("name", DEVICES)
def test_gland_and_muscle_fit_into_the_bits_stored(name):
    device = DEVICES[name]
    brightest = device.offset + device.span * 1.1**device.gamma
    assert brightest < 2**device.bits_stored


@pytest.mark.parametrize("name", DEVICES)
def test_the_field_holds_the_lesions_of_any_breast(name):
    device = DEVICES[name]
    # `lies_inside` keeps lesions within 195 mm of the top; a breast is at most 130 mm deep.
    assert device.rows * device.spacing_mm / device.magnification > 195
    assert device.columns * device.spacing_mm / device.magnification > 140


def test_an_unknown_device_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="hologic_dimensions"):
        find_device("hologic")
