"""Headers a CPU second: pydicom, GDCM's scanner and `walk_header`, as ratios of one run.

Run: python benchmarks/header_index.py [--files 2000] [--rounds 5]
The files are made in a temporary folder: 170 to 280 elements as mammography units of GE and Hologic
write them (private elements, sequences of both lengths, VOI tables), 16 pixels each. Opening and
reading count; the fastest round stands. pydicom stands three times, for `dcmread` alone converts no
value: an index needs the values of HEADER_KEYWORDS, and `every value` is what a loop over the data
set costs. GDCM scans five tags.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RLELossless

from mammo_pipeline.mammo.dicom.header import HEADER_KEYWORDS
from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.phantom.archive import draw_women
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.header import describe_view
from mammo_pipeline.mammo.phantom.study import SIDES, VIEWS, StudyDesign

# Attributes that units write and the project does not read: keyword and value.
UNREAD = {
    "InstanceCreationDate": "20200101", "InstanceCreationTime": "101112.000000",
    "InstitutionAddress": "1 Long Street, Somewhere", "InstitutionalDepartmentName": "Radiology",
    "OperatorsName": "Operator^One", "PhysiciansOfRecord": "Doctor^One", "PatientComments": "",
    "EthnicGroup": "", "PregnancyStatus": 4, "ConversionType": "WSD", "FilterType": "STRIP",
    "DistanceSourceToEntrance": "620", "FieldOfViewShape": "RECTANGLE", "XRayTubeCurrent": "98",
    "FieldOfViewDimensions": ["192", "230"], "Grid": "RECIPROCATING", "FocalSpots": "0.3",
    "AcquisitionDeviceProcessingDescription": "PROC_4", "RelativeXRayExposure": "1694",
    "AcquisitionDeviceProcessingCode": "GEMS_FFDM_TC_1", "PositionerPrimaryAngle": "45",
    "DetectorSecondaryAngle": "0", "CollimatorShape": "RECTANGULAR", "Sensitivity": "0.0117",
    "CollimatorLeftVerticalEdge": "0", "CollimatorRightVerticalEdge": "2394",
    "CollimatorUpperHorizontalEdge": "0", "CollimatorLowerHorizontalEdge": "3062",
    "DetectorConditionsNominalFlag": "YES", "DetectorTemperature": "29.6",
    "DetectorConfiguration": "AREA", "DetectorID": "PM980_03", "DetectorActiveShape": "RECTANGLE",
    "DetectorDescription": "a flat panel of amorphous silicon", "DetectorBinning": ["1", "1"],
    "DateOfLastDetectorCalibration": "20200101", "DetectorElementPhysicalSize": ["0.1", "0.1"],
    "DetectorElementSpacing": ["0.1", "0.1"], "DetectorActiveDimensions": ["192", "230.4"],
    "FieldOfViewOrigin": ["657", "1"], "FieldOfViewRotation": "270",
    "FilterThicknessMinimum": "0.1", "FilterThicknessMaximum": "0.1",
    "ExposureControlMode": "AUTOMATIC", "ExposureStatus": "NORMAL",
    "ExposureControlModeDescription": "AOP contrast " * 12, "PhototimerSetting": "0",
    "PositionReferenceIndicator": "", "FrameOfReferenceUID": "1.2.3.4.5.6.7", "StudyID": "18183",
    "EntranceDose": 4, "EntranceDoseInmGy": "3.75", "OrganDose": "0.0133",
    "HalfValueLayer": "0.479", "PerformedProcedureStepStartDate": "20200101",
    "PerformedProcedureStepStartTime": "101112", "PerformedProcedureStepID": "H0432",
    "PerformedProcedureStepDescription": "Screening", "CommentsOnRadiationDose": "",
}  # fmt: skip


def code_item(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SNM3", meaning
    return item


def dress_header(content: bytes, private_elements: int, undefined_lengths: bool) -> bytes:
    """Returns the file with the elements of `UNREAD`, private ones and five more sequences."""
    dataset = pydicom.dcmread(BytesIO(content))
    for keyword, value in UNREAD.items():
        setattr(dataset, keyword, value)
    source = Dataset()
    source.ReferencedSOPClassUID = dataset.SOPClassUID
    source.ReferencedSOPInstanceUID = dataset.SOPInstanceUID
    source.PurposeOfReferenceCodeSequence = Sequence([code_item("121322", "Source image")])
    dataset.SourceImageSequence = Sequence([source])
    dataset.AnatomicRegionSequence = Sequence([code_item("T-04000", "Breast")])
    dataset.PerformedProtocolCodeSequence = Sequence([code_item("NA", "Screening")])
    dataset.RequestAttributesSequence = Sequence([code_item("R-42453", "Screening")])
    dataset.AcquisitionContextSequence = Sequence([])
    for element in dataset:
        if element.VR == "SQ":
            element.is_undefined_length = undefined_lengths
    block = dataset.private_block(0x0019, "HOLOGIC, Inc.", create=True)
    for number in range(private_elements):
        vr, value = (("LO", "x"), ("DS", "1.5"), ("IS", "7"), ("US", 3))[number % 4]
        block.add_new(number + 1, vr, value)
    block.add_new(0xF0, "UN", b"0" * 4428)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def make_files(folder: Path, count: int) -> list[str]:
    paths = []
    for number, tags in enumerate(describe_views(count)):
        syntax = (ExplicitVRLittleEndian, RLELossless)[number % 2]
        content = write_mammogram(np.zeros((4, 4), np.uint16), tags, syntax)
        path = folder / f"{number:06d}.dcm"
        path.write_bytes(dress_header(content, 20 + number * 7 % 90, number % 3 == 0))
        paths.append(str(path))
    return paths


def describe_views(count: int) -> Iterator[dict[str, Any]]:
    design = StudyDesign(0.0, 0.5, 0.5, dict.fromkeys(DEVICES, 1 / len(DEVICES)), 0.55)
    women = draw_women(count // 4 + 1, 7, design)
    views = (
        describe_view(woman, woman.exams[-1], side, view, 8.0)
        for woman in women for side in SIDES for view in VIEWS
    )  # fmt: skip
    return (tags for _, tags in zip(range(count), views, strict=False))


def read_by_pydicom(paths: list[str]) -> None:
    for path in paths:
        pydicom.dcmread(path, stop_before_pixels=True)


def read_kept_values(paths: list[str]) -> None:
    for path in paths:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        for keyword in HEADER_KEYWORDS:
            dataset.get(keyword)


def read_every_value(paths: list[str]) -> None:
    for path in paths:
        list(pydicom.dcmread(path, stop_before_pixels=True))


def scan_by_gdcm(paths: list[str]) -> None:
    import gdcm

    scanner = gdcm.Scanner()
    for group, element in ((0x10, 0x20), (0x20, 0x62), (0x18, 0x5101), (0x28, 0x10), (0x8, 0x18)):
        scanner.AddTag(gdcm.Tag(group, element))
    names = gdcm.FilenamesType()
    for path in paths:
        names.append(path)
    if not scanner.Scan(names):
        raise ValueError("GDCM could not scan the files")


def walk(paths: list[str]) -> None:
    for path in paths:
        with open(path, "rb") as stream:  # noqa: PTH123 - a path object would be measured too
            if walk_header(stream) is None:
                raise ValueError(f"the walker left {path} to pydicom")


def files_per_cpu_second(read: Callable[[list[str]], None], paths: list[str], rounds: int) -> float:
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        read(paths)
        seconds.append(time.process_time() - start)
    return len(paths) / min(seconds)


def describe_files(paths: list[str]) -> str:
    elements = [
        len(list(pydicom.dcmread(path, stop_before_pixels=True).iterall())) for path in paths
    ]
    size = np.mean([Path(path).stat().st_size for path in paths])
    return (
        f"{len(paths)} files of {size:.0f} bytes; elements a header: {min(elements)} to "
        f"{max(elements)}, mean {np.mean(elements):.0f}"
    )


READERS = {
    "pydicom, dcmread alone": read_by_pydicom,
    "pydicom, values that are kept": read_kept_values,
    "pydicom, every value": read_every_value,
    "gdcm.Scanner, 5 tags": scan_by_gdcm,
    "walk_header": walk,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        paths = make_files(Path(folder), arguments.files)
        print(describe_files(paths))
        speeds = {n: files_per_cpu_second(r, paths, arguments.rounds) for n, r in READERS.items()}
    print(f"{'reader':32}{'files per CPU second':>22}{'walk_header is':>18}")
    for name, speed in speeds.items():
        print(f"{name:32}{speed:22.0f}{speeds['walk_header'] / speed:12.1f} times")


if __name__ == "__main__":
    main()
