"""Eight mammography units as one table: how each stores the same breast in its own way.

Matrix, spacing, photometric interpretation, bits and windows follow what is seen in such units'
files; blur, noise, gray curve and serial number are made up, so that units differ as they do in an
archive. A profile is no statement about a product's quality.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)


@dataclass(frozen=True)
class Device:
    """How one unit turns composition into stored values, and what it writes beside them.

    A stored value is `offset + span * signal ** gamma`, and 0 in air, before MONOCHROME1 turns it
    over; `signal` is 0 for no absorption and 1 for gland over the full thickness.

    Attributes:
        manufacturer: Manufacturer (0008,0070).
        model: ManufacturerModelName (0008,1090).
        serial: DeviceSerialNumber (0018,1000).
        rows: Matrix at full size.
        columns: Matrix at full size.
        spacing_mm: ImagerPixelSpacing (0018,1164), at the detector.
        magnification: EstimatedRadiographicMagnificationFactor (0018,1114).
        photometric: PhotometricInterpretation (0028,0004).
        bits_stored: BitsStored (0028,0101).
        lay: How a view is stored: `anatomic` (right breasts mirrored, chest wall outside),
            `chest_left` (always on the left), `turned` (right breasts turned by 180 degrees).
        blur_mm: Standard deviation of the detector's Gaussian point spread.
        noise_mm: Standard deviation of the signal's noise in a pixel of 1 mm; it grows as the pixel
            shrinks.
        equalization: Share of the thickness roll-off that the processing takes out, 0 to 1.
        enhancement: How much the processing raises fine detail, 0 for not at all.
        offset: Stored value of no absorption.
        span: Stored values from no absorption to gland.
        gamma: Bend of the gray curve.
        windows: (center, width, explanation) for Window Center (0028,1050) and the two after it.
        voi: LINEAR, SIGMOID (VOI LUT Function (0028,1056)) or LUT (VOI LUT Sequence (0028,3010)).
        transfer_syntax: UID of the encoding.
        marker: Format of the burned-in marker, from `side` and `view`.
        marker_place: Share of the field's height and width at which the marker's middle lies.
        anode: Anode Target Material (0018,1191) and Filter Material (0018,7050).
        age_in_months: Whether PatientAge (0010,1010) is written in months.
        laterality_keyword: ImageLaterality (0020,0062) or Laterality (0020,0060).
        writes_magnification: Whether the factor is in the header at all.
    """

    manufacturer: str
    model: str
    serial: str
    rows: int
    columns: int
    spacing_mm: float
    magnification: float
    photometric: str
    bits_stored: int
    lay: str
    blur_mm: float
    noise_mm: float
    equalization: float
    enhancement: float
    offset: float
    span: float
    gamma: float
    windows: tuple[tuple[float, float, str], ...]
    voi: str
    transfer_syntax: str
    marker: str
    marker_place: tuple[float, float]
    anode: tuple[str, str]
    age_in_months: bool = False
    laterality_keyword: str = "ImageLaterality"
    writes_magnification: bool = True


DEVICES: dict[str, Device] = {
    "hologic_dimensions": Device(
        "HOLOGIC, Inc.", "Selenia Dimensions", "81006132541", 3328, 2560, 0.07, 1.073,
        "MONOCHROME2", 12, "anatomic", blur_mm=0.05, noise_mm=0.0016, equalization=0.82,
        enhancement=0.8, offset=120, span=2500, gamma=1.25, windows=((2047, 4096, ""),),
        voi="LINEAR", transfer_syntax=ExplicitVRLittleEndian, marker="{side}{view}",
        marker_place=(0.13, 0.82), anode=("TUNGSTEN", "RHODIUM"),
    ),
    "ge_essential": Device(
        "GE MEDICAL SYSTEMS", "Senographe Essential ADS_54.11", "622365BU", 3062, 2394,
        0.094090909, 1.0, "MONOCHROME2", 12, "anatomic", blur_mm=0.075, noise_mm=0.0021,
        equalization=0.70, enhancement=0.5, offset=900, span=1500, gamma=0.95,
        windows=((1800, 1500, "NORMAL"), (1840, 1200, "HARDER"), (1760, 1900, "SOFTER")),
        voi="LUT", transfer_syntax=JPEG2000Lossless, marker="{side} {view}",
        marker_place=(0.08, 0.87), anode=("RHODIUM", "RHODIUM"),
    ),
    "ge_pristina": Device(
        "GE MEDICAL SYSTEMS", "Senographe Pristina", "PR10417", 2294, 1914, 0.1, 1.0,
        "MONOCHROME2", 12, "anatomic", blur_mm=0.07, noise_mm=0.0018, equalization=0.75,
        enhancement=0.7, offset=700, span=1900, gamma=1.05, windows=((1900, 1700, "Standard"),),
        voi="SIGMOID", transfer_syntax=JPEG2000Lossless, marker="{side}-{view}",
        marker_place=(0.09, 0.84), anode=("MOLYBDENUM", "SILVER"),
    ),
    "siemens_inspiration": Device(
        "SIEMENS", "MAMMOMAT Inspiration", "4216", 3518, 2800, 0.085, 1.0, "MONOCHROME2", 12,
        "anatomic", blur_mm=0.045, noise_mm=0.0020, equalization=0.60, enhancement=0.4,
        offset=260, span=1350, gamma=0.85, windows=((1120, 1500, ""),), voi="LINEAR",
        transfer_syntax=JPEGLSLossless, marker="{side}{view}", marker_place=(0.22, 0.90),
        anode=("TUNGSTEN", "RHODIUM"), writes_magnification=False,
    ),
    "planmed_nuance": Device(
        "Planmed Oy", "Nuance", "NEX31277", 2812, 2012, 0.085, 1.0, "MONOCHROME1", 12,
        "chest_left", blur_mm=0.06, noise_mm=0.0024, equalization=0.65, enhancement=0.55,
        offset=200, span=2900, gamma=1.10, windows=((2250, 3400, ""),), voi="LINEAR",
        transfer_syntax=ExplicitVRLittleEndian, marker="{side} {view}",
        marker_place=(0.07, 0.80), anode=("TUNGSTEN", "SILVER"), laterality_keyword="Laterality",
    ),
    "giotto_image": Device(
        "IMS GIOTTO S.p.A.", "Giotto Image 3DL", "S4050387", 3580, 2702, 0.085, 1.0,
        "MONOCHROME2", 14, "anatomic", blur_mm=0.04, noise_mm=0.0026, equalization=0.55,
        enhancement=0.3, offset=1500, span=8200, gamma=1.0,
        windows=(
            (6200, 9000, "CURRENT"), (6200, 9000, "STANDARD"), (6400, 7000, "CONTRAST"),
            (6000, 11500, "SMOOTH"), (6200, 9000, "CUSTOM"),
        ),
        voi="LINEAR", transfer_syntax=JPEGLSLossless, marker="{side}_{view}",
        marker_place=(0.30, 0.88), anode=("TUNGSTEN", "SILVER"), age_in_months=True,
        writes_magnification=False,
    ),
    "fujifilm_amulet": Device(
        "FUJIFILM Corporation", "AMULET", "26140098", 4728, 3540, 0.05, 1.0, "MONOCHROME2", 12,
        "anatomic", blur_mm=0.035, noise_mm=0.0015, equalization=0.88, enhancement=1.0,
        offset=60, span=2700, gamma=1.40, windows=((1850, 3500, ""),), voi="LINEAR",
        transfer_syntax=RLELossless, marker="{side}\n{view}", marker_place=(0.12, 0.88),
        anode=("TUNGSTEN", "RHODIUM"),
    ),
    "philips_microdose": Device(
        "Philips Digital Mammography Sweden AB", "L30", "L30-0574", 4915, 5355, 0.05, 1.0,
        "MONOCHROME1", 12, "turned", blur_mm=0.05, noise_mm=0.0017, equalization=0.68,
        enhancement=0.6, offset=150, span=2600, gamma=1.15, windows=((2150, 3300, ""),),
        voi="LINEAR", transfer_syntax=RLELossless, marker="{side}{view}",
        marker_place=(0.06, 0.72), anode=("TUNGSTEN", "ALUMINUM"),
    ),
}  # fmt: skip


def find_device(name: str) -> Device:
    """Returns the profile of that name.

    Raises:
        ValueError: When no profile has it.
    """
    if name not in DEVICES:
        raise ValueError(
            f"no device profile {name!r}; known: {', '.join(DEVICES)}. "
            "Correct the name under `devices` in the parameters."
        )
    return DEVICES[name]
