"""A mammogram with a hundred planted texts, and the list of what a copy of it must keep."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from small_archive import draw_breast, mammogram

NATIVE = [
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
]
COMPRESSED = [JPEG2000Lossless, JPEGLSLossless, RLELossless]
PIXELS = draw_breast((40, 33), "left")
KEPT = {
    "Modality": "MG",
    "PresentationIntentType": "FOR PRESENTATION",
    "Manufacturer": "HOLOGIC, Inc.",
    "ManufacturerModelName": "Selenia Dimensions",
    "DeviceSerialNumber": "81006130632",
    "SoftwareVersions": ["AWS:1.8.3.63", "PXCM:1.8.3.5"],
    "DetectorID": "YJ811345",
    "DeviceUID": "1.3.6.1.4.1.99999.7",
    "BodyPartExamined": "BREAST",
    "KVP": "29",
    "ExposureTime": 834,
    "Exposure": 52,
    "ExposureInuAs": 51800,
    "XRayTubeCurrent": 61,
    "AnodeTargetMaterial": "TUNGSTEN",
    "FilterMaterial": "RHODIUM",
    "BodyPartThickness": "53",
    "CompressionForce": "80.5",
    "ImagerPixelSpacing": [0.6, 0.6],
    "EstimatedRadiographicMagnificationFactor": "1.073",
    "DetectorType": "DIRECT",
    "FieldOfViewHorizontalFlip": "NO",
    "ViewPosition": "CC",
    "ImageLaterality": "L",
    "PatientOrientation": ["A", "R"],
    "PositionerType": "MAMMOGRAPHIC",
    "OrganExposed": "BREAST",
    "OrganDose": "0.0137",
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsStored": 12,
    "PixelIntensityRelationshipSign": -1,
    "RescaleIntercept": "0",
    "RescaleSlope": "1",
    "RescaleType": "US",
    "WindowCenter": ["2047", "1800"],
    "WindowWidth": ["4096", "1500"],
    "VOILUTFunction": "SIGMOID",
    "PresentationLUTShape": "IDENTITY",
    "QualityControlImage": "NO",
    "BurnedInAnnotation": "NO",
    "BreastImplantPresent": "NO",
    "LossyImageCompression": "00",
    "PixelPaddingValue": 0,
    "SeriesNumber": 4,
    "InstanceNumber": 1,
}
NESTED = {
    "ViewCodeSequence": [
        {
            "CodeValue": "R-10242",
            "CodingSchemeDesignator": "SNM3",
            "CodeMeaning": "cranio-caudal",
            "ViewModifierCodeSequence": [
                {
                    "CodeValue": "399209000",
                    "CodingSchemeDesignator": "SCT",
                    "CodeMeaning": "Implant Displaced",
                }
            ],
        }
    ],
    "VOILUTSequence": [
        {
            "LUTDescriptor": [256, 0, 12],
            "LUTExplanation": "NORMAL",
            "LUTData": np.linspace(0, 4095, 256).astype("<u2").tobytes(),
        }
    ],
}
TOP = """
PatientName OtherPatientNames PatientBirthName PatientMotherBirthName ReferringPhysicianName
OperatorsName PerformingPhysicianName NameOfPhysiciansReadingStudy PhysiciansOfRecord
RequestingPhysician ConsultingPhysicianName ResponsiblePerson
PatientID OtherPatientIDs IssuerOfPatientID InstitutionName InstitutionalDepartmentName AdmissionID
MedicalAlerts Allergies Occupation StudyDescription SeriesDescription ProtocolName
RequestedProcedureDescription PerformedProcedureStepDescription PaddleDescription
AcquisitionDeviceProcessingDescription AcquisitionDeviceProcessingCode RescaleType
PixelSpacingCalibrationDescription WindowCenterWidthExplanation DeviceDescription
AccessionNumber StudyID StationName GantryID PerformedStationName PerformedProcedureStepID
EthnicGroup TimezoneOffsetFromUTC FilterType
PatientComments AdditionalPatientHistory ImageComments DetectorDescription DetectorMode
ExposureControlModeDescription IdentifyingComments
InstitutionAddress DerivationDescription CommentsOnRadiationDose PatientAddress
TextValue LongCodeValue RetrieveURL URNCodeValue
StationAETitle RetrieveAETitle PerformedStationAETitle ScheduledStationAETitle
SmokingStatus Grid ExposureControlMode ConversionType ScanOptions
""".split()  # noqa: SIM905


class Tokens:
    """Distinct texts of ten characters, counted as they are planted."""

    def __init__(self) -> None:
        self.planted: list[str] = []

    def __call__(self) -> str:
        self.planted.append(f"QZTOK{len(self.planted):03d}XV")
        return self.planted[-1]


def fill(values: dict) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        nested = isinstance(value, list) and isinstance(value[0], dict)
        setattr(dataset, keyword, Sequence(map(fill, value)) if nested else value)
    return dataset


def source(syntax: str = ExplicitVRLittleEndian, **tags) -> Dataset:
    """A mammogram with everything on the must-keep list."""
    content = mammogram(pixels=PIXELS, syntax=syntax, StudyTime="101500", **tags)
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.update(fill(KEPT))
    dataset.update(fill(NESTED))
    dataset.VOILUTSequence[0]["LUTData"].VR = "OW"
    dataset["PixelPaddingValue"].VR = "US"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3.5"
    return dataset


def plant(dataset: Dataset, token: Callable[[], str]) -> None:
    """A token in every kind of place that a data set has."""
    for keyword in TOP:
        setattr(dataset, keyword, token())
    dataset.PatientName = f"{dataset.PatientName}={token()}^{token()}"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "", token()]
    dataset.SoftwareVersions = [*KEPT["SoftwareVersions"], f"for {dataset.PatientID}"]
    view = dataset.ViewCodeSequence[0]
    view.CodeMeaning = token()
    view.ViewModifierCodeSequence[0].CodeMeaning = token()
    view.ViewModifierCodeSequence[0].CodingSchemeVersion = token()
    dataset.VOILUTSequence[0].LUTExplanation = f"NORMAL {token()}"
    deep = fill({"CodeValue": token(), "CodingSchemeDesignator": "SCT", "CodeMeaning": token()})
    purpose = fill({"ReferencedSOPInstanceUID": "1.2.3.9"})
    purpose.PurposeOfReferenceCodeSequence = Sequence([deep])
    dataset.SourceImageSequence = Sequence([purpose])
    middle = fill({"RequestedProcedureID": token()})
    middle.ScheduledProtocolCodeSequence = Sequence([deep])
    dataset.RequestAttributesSequence = Sequence([middle])
    old = Dataset()
    old.ModifiedAttributesSequence = Sequence([fill({"PatientName": token()})])
    dataset.OriginalAttributesSequence = Sequence([old])
    plant_oddities(dataset, token)


def plant_oddities(dataset: Dataset, token: Callable[[], str]) -> None:
    """Private, retired, unknown and trailing elements."""
    block = dataset.private_block(0x0019, f"MAKER {token()}", create=True)
    block.add_new(1, "LO", token())
    block.add_new(2, "UN", token().encode())
    block.add_new(3, "SQ", Sequence([fill({"PatientComments": token()})]))
    inner = dataset.ViewCodeSequence[0].private_block(0x0029, "INNER", create=True)
    inner.add_new(1, "UT", token())
    for group in (0x6000, 0x6002):
        dataset.add_new((group, 0x0010), "US", 4)
        dataset.add_new((group, 0x0022), "LO", token())
        dataset.add_new((group, 0x3000), "OW", token().encode())
        dataset.add_new((group, 0x4000), "LT", token())
    dataset.add_new((0x5000, 0x0022), "LO", token())
    dataset.add_new((0x5000, 0x3000), "OW", token().encode())
    dataset.add_new((0x4000, 0x4000), "LT", token())
    dataset.add_new((0x0008, 0x0FF2), "UN", token().encode())
    dataset.add_new((0x0010, 0x0FF2), "LO", token())
    dataset.add_new((0xFFFC, 0xFFFC), "OB", token().encode())


def write(dataset: Dataset, syntax: str, token: Callable[[], str]) -> bytes:
    """The file with tokens in its preamble and meta information, and behind its pixels."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = UID(syntax)
    meta.SourceApplicationEntityTitle = token()
    meta.SendingApplicationEntityTitle = token()
    meta.ImplementationVersionName = token()
    meta.PrivateInformationCreatorUID = "1.2.3.99"
    meta.PrivateInformation = token().encode()
    dataset.file_meta = meta
    dataset.preamble = token().encode().ljust(128, b"\0")
    add_to_pixels(dataset, syntax, token().encode())
    if syntax == ExplicitVRBigEndian:
        table = dataset.VOILUTSequence[0]["LUTData"]
        table.value = np.frombuffer(table.value, "<u2").astype(">u2").tobytes()
    buffer = BytesIO()
    explicit = {"implicit_vr": syntax == ImplicitVRLittleEndian}
    little = {"little_endian": syntax != ExplicitVRBigEndian}
    pydicom.dcmwrite(buffer, dataset, enforce_file_format=True, **explicit, **little)
    return buffer.getvalue()


def add_to_pixels(dataset: Dataset, syntax: str, token: bytes) -> None:
    if syntax in NATIVE:
        data = dataset.PixelData[: PIXELS.nbytes]
        if syntax == ExplicitVRBigEndian:
            data = np.frombuffer(data, "<u2").astype(">u2").tobytes()
        dataset["PixelData"].value = data + token
        return
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    comment = {
        JPEG2000Lossless: b"\xff\x64" + struct.pack(">HH", len(token) + 4, 1) + token,
        JPEGLSLossless: b"\xff\xfe" + struct.pack(">H", len(token) + 2) + token,
    }
    if syntax == RLELossless:
        frame = frame[:20] + token + frame[30:]
    else:
        at = 2 + (2 + int.from_bytes(frame[4:6], "big") if syntax == JPEG2000Lossless else 0)
        frame = frame[:at] + comment[syntax] + frame[at:] + token
    dataset["PixelData"].value = encapsulate([frame])


def planted_file(syntax: str) -> tuple[bytes, list[str]]:
    token = Tokens()
    dataset = source(syntax if syntax in COMPRESSED else ExplicitVRLittleEndian)
    plant(dataset, token)
    return write(dataset, syntax, token), token.planted


def spellings(token: str) -> Iterator[bytes]:
    for text in (token, token.lower(), token.title()):
        yield from (text.encode(coding) for coding in ("ascii", "utf-16-le", "utf-16-be"))


def find_tokens(content: bytes, tokens: list[str]) -> list[str]:
    return [token for token in tokens if any(text in content for text in spellings(token))]


def inflate(content: bytes, syntax: str) -> bytes:
    if syntax != DeflatedExplicitVRLittleEndian:
        return content
    start = 144 + opened(content).file_meta.FileMetaInformationGroupLength
    return content[:start] + zlib.decompress(content[start:], -zlib.MAX_WBITS)


def opened(content: bytes) -> Dataset:
    return pydicom.dcmread(BytesIO(content))
