"""What may leave in a de-identified copy: the table of kept attributes, and nothing else leaves.

DICOM PS3.15 annex E, Basic Application Level Confidentiality Profile with the options Clean
Descriptors, Retain Longitudinal Temporal Information With Modified Dates and Retain Device
Identity. Table E.1-1 names what must be changed; this table names what stays, so that private,
retired, unknown and future attributes go without being foreseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mammo_pipeline.mammo.dicom.deidentify.words import list_words


@dataclass(frozen=True)
class Rule:
    """What is done to one kept attribute.

    Attributes:
        action: A key of the actions of `values`, or `items`, `codes` or `tables` for a
            sequence, `pixels` for what the pixels cannot be read without.
        terms: The closed list of values.
        pattern: In the place of the list, a regular expression that a value matches as a whole.
        partner: The attribute that holds the time of this date, or the date of this time.
        items: The table of the sequence's items.
        stays: Whether an empty attribute is written where nothing may stay (Type 2).
    """

    action: str
    terms: frozenset[str] = frozenset()
    pattern: str = ""
    partner: str = ""
    items: Mapping[str, Rule] = field(default_factory=dict)
    stays: bool = False


class PrivateRule(NamedTuple):
    """A private element that may stay: its VR, what is done to it, and why it is needed."""

    vr: str
    rule: Rule
    reason: str


# (private creator, group, last two digits of the element) to its rule. The project reads no private
# element today, so none stays.
NEEDED_PRIVATE: dict[tuple[str, int, int], PrivateRule] = {}

# PS3.4 table B.5-1: digital mammography and what mammograms were stored as before or beside it.
SOP_CLASSES = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("1", "1.1", "1.1.1", "1.2", "1.2.1", "7")
)


def _all(action: str, keywords: str, stays: bool = False) -> dict[str, Rule]:
    return {keyword: Rule(action, stays=stays) for keyword in keywords.split()}


def _terms(**lists: str) -> dict[str, Rule]:
    return {keyword: Rule("term", terms=list_words(terms)) for keyword, terms in lists.items()}


def _moments(pairs: str) -> dict[str, Rule]:
    rules: dict[str, Rule] = {}
    for name in pairs.split():
        date, time = f"{name}Date", f"{name}Time"
        rules[date] = Rule("date", partner=time, stays=name == "Study")
        rules[time] = Rule("time", partner=date, stays=name == "Study")
    return rules


YES_NO = "YES NO"
# The defined terms of PS3.16 context groups 4014 and 4015, and what units write in their place.
VIEW_POSITION = (
    r"[LR]?[MS]{0,2}(CC|MLO|ML|LM|LMO|FB|SIO|ISO|XCCL|XCCM|XCC)(ID|RL|RM|RI|RS|NP|AC|IMF|AX)*"
    r"|CV|AT|TAN|SPECIMEN|STEREO|BIOPSY|SPOT|MAG|AX|FLATFIELD"
    r"|CRANIO[- ]?CAUDAL|MEDIO[- ]?LATERAL([- ]?OBLIQUE)?|LATERO[- ]?MEDIAL"
)
BIOPSY_MOMENTS = ("PREFIRE", "POSTFIRE", "POSTBIOPSY", "POSTMARKER")
LUT_UNITS = "US OD HU MGML"
_MODIFIERS = {"ViewModifierCodeSequence": Rule("codes", stays=True)}
_REGION_MODIFIERS = {"AnatomicRegionModifierSequence": Rule("codes")}
_TABLE_TEXTS = {**_all("clean", "LUTExplanation"), **_terms(ModalityLUTType=LUT_UNITS)}
_REFERENCE = {
    "ReferencedSOPClassUID": Rule("standard_uid"),
    "ReferencedSOPInstanceUID": Rule("uid"),
    "SpatialLocationsPreserved": Rule(
        "term", terms=frozenset({*YES_NO.split(), "REORIENTED_ONLY"})
    ),
    "PurposeOfReferenceCodeSequence": Rule("codes"),
}

TABLE: dict[str, Rule] = {
    # Who and when. Annex E: PatientName Z, PatientID Z/D, UIDs U, dates C.
    **_all("pseudonym", "PatientName PatientID", stays=True),
    **_all("empty", "PatientBirthDate PatientSex", stays=True),
    **_all("empty", "StudyID AccessionNumber ReferringPhysicianName", stays=True),
    **_all("empty", "PositionReferenceIndicator"),
    "AcquisitionContextSequence": Rule("items", stays=True),
    **_all("uid", "SOPInstanceUID StudyInstanceUID SeriesInstanceUID FrameOfReferenceUID"),
    **_all("uid", "IrradiationEventUID SynchronizationFrameOfReferenceUID"),
    **_all("standard_uid", "SOPClassUID"),
    **_moments("Study Series Acquisition Content InstanceCreation"),
    **_all("datetime", "AcquisitionDateTime"),
    "TimezoneOffsetFromUTC": Rule("term", pattern=r"[+-](0\d|1[0-4])[0-5]\d"),
    **_all("number", "SeriesNumber InstanceNumber", stays=True),
    **_all("number", "AcquisitionNumber ImagesInAcquisition"),
    # Descriptions. Annex E: C of Clean Descriptors.
    **_all("clean", "StudyDescription SeriesDescription ProtocolName ImageComments"),
    **_all("clean", "RequestedProcedureDescription PerformedProcedureStepDescription"),
    **_all("clean", "DerivationDescription AcquisitionDeviceProcessingDescription"),
    **_all("clean", "AcquisitionDeviceProcessingCode"),
    **_all("clean", "PartialViewDescription ExposureControlModeDescription PaddleDescription"),
    **_all("clean", "PixelSpacingCalibrationDescription WindowCenterWidthExplanation"),
    # The device. Annex E: K of Retain Device Identity.
    **_all("device", "Manufacturer", stays=True),
    **_all("device", "ManufacturerModelName SoftwareVersions"),
    **_all("device", "DetectorManufacturerName DetectorManufacturerModelName"),
    **_all("serial", "DeviceSerialNumber DetectorID"),
    **_all("station", "StationName GantryID GeneratorID CassetteID PlateID"),
    **_all("device_uid", "DeviceUID"),
    # What kind of image. Every text that is written is ASCII, whatever set the file states.
    "SpecificCharacterSet": Rule(
        "term", pattern=r"ISO_IR (6|100|101|109|110|126|127|138|144|148|166|192)"
    ),
    "PresentationIntentType": Rule("term", terms=frozenset({"FOR PRESENTATION", "FOR PROCESSING"})),
    **_terms(
        Modality="MG CR DX OT SC",
        ConversionType="DV DI DF WSD SD SI DRW SYN",
        BodyPartExamined="BREAST",
        QualityControlImage="YES NO BOTH",
        BurnedInAnnotation=YES_NO,
        BreastImplantPresent=YES_NO,
        PartialView=YES_NO,
        LossyImageCompression="00 01",
        LossyImageCompressionMethod=(
            "ISO_10918_1 ISO_14495_1 ISO_15444_1 ISO_15444_15 ISO_13818_2 ISO_14496_10"
        ),
        CalibrationImage=YES_NO,
    ),
    "ImageType": Rule(
        "term",
        terms=list_words(
            "ORIGINAL DERIVED PRIMARY SECONDARY POST_PROCESSED POST_CONTRAST STEREO_SCOUT "
            "STEREO_PLUS STEREO_MINUS TOMOSYNTHESIS TOMO_PROJ TOMO_SCOUT TOMO_2D LEFT RIGHT "
            "PROCESSED"
        )
        | {f"{moment}{angle}" for moment in BIOPSY_MOMENTS for angle in ("", "_MINUS", "_PLUS")},
    ),
    # Which breast, which view, which way round.
    **_terms(
        ImageLaterality="L R B U LEFT RIGHT",
        Laterality="L R B U LEFT RIGHT",
        PositionerType="MAMMOGRAPHIC COLUMN CARM NONE",
        OrganExposed="BREAST",
        FieldOfViewHorizontalFlip=YES_NO,
        FieldOfViewShape="RECTANGLE ROUND HEXAGONAL",
    ),
    "ViewPosition": Rule("term", pattern=VIEW_POSITION),
    "PatientOrientation": Rule("term", pattern=r"[APLRHF]{1,3}", stays=True),
    "ViewCodeSequence": Rule("codes", items=_MODIFIERS),
    "AnatomicRegionSequence": Rule(
        "codes", items={"AnatomicRegionModifierSequence": Rule("codes")}
    ),
    **_all("codes", "ViewModifierCodeSequence PartialViewCodeSequence"),
    **_all("codes", "DerivationCodeSequence"),
    "SourceImageSequence": Rule("items", items=_REFERENCE),
    "ReferencedImageSequence": Rule("items", items=_REFERENCE),
    # Geometry.
    **_all("number", "ImagerPixelSpacing PixelSpacing NominalScannedPixelSpacing PixelAspectRatio"),
    **_terms(PixelSpacingCalibrationType="GEOMETRY FIDUCIAL"),
    **_all("number", "EstimatedRadiographicMagnificationFactor DistanceSourceToDetector"),
    **_all("number", "DistanceSourceToPatient DistanceSourceToEntrance TableAngle"),
    **_all("number", "FieldOfViewOrigin FieldOfViewRotation FieldOfViewDimensions"),
    **_all("number", "PositionerPrimaryAngle PositionerSecondaryAngle"),
    **_all("number", "DetectorPrimaryAngle DetectorSecondaryAngle SpatialResolution"),
    **_terms(CollimatorShape="RECTANGULAR CIRCULAR POLYGONAL"),
    **_all("number", "CollimatorLeftVerticalEdge CollimatorRightVerticalEdge"),
    **_all("number", "CollimatorUpperHorizontalEdge CollimatorLowerHorizontalEdge"),
    **_terms(ShutterShape="RECTANGULAR CIRCULAR POLYGONAL"),
    **_all("number", "ShutterLeftVerticalEdge ShutterRightVerticalEdge ShutterPresentationValue"),
    **_all("number", "ShutterUpperHorizontalEdge ShutterLowerHorizontalEdge"),
    **_all("number", "CenterOfCircularShutter RadiusOfCircularShutter"),
    **_all("number", "VerticesOfThePolygonalShutter"),
    # Exposure and detector.
    **_all("number", "KVP Exposure ExposureInuAs ExposureTime ExposureTimeInuS XRayTubeCurrent"),
    **_all("number", "XRayTubeCurrentInuA XRayTubeCurrentInmA FocalSpots FilterThicknessMinimum"),
    **_all("number", "FilterThicknessMaximum BodyPartThickness CompressionForce Sensitivity"),
    **_all("number", "CompressionPressure CompressionContactArea RelativeXRayExposure"),
    **_all("number", "EntranceDose EntranceDoseInmGy OrganDose HalfValueLayer PhototimerSetting"),
    **_all("number", "ExposureIndex TargetExposureIndex DeviationIndex"),
    **_all("number", "ImageAndFluoroscopyAreaDoseProduct DetectorTemperature DetectorBinning"),
    **_all("number", "DetectorElementPhysicalSize DetectorElementSpacing DetectorActiveOrigin"),
    **_all(
        "number", "DetectorActiveDimensions DetectorActiveTime DetectorActivationOffsetFromExposure"
    ),
    **_all("number", "DetectorTimeSinceLastExposure ExposuresOnDetectorSinceLastCalibration"),
    **_all("number", "ExposuresOnDetectorSinceManufactured"),
    **_terms(
        AnodeTargetMaterial="MOLYBDENUM RHODIUM TUNGSTEN SILVER",
        FilterMaterial=(
            "MOLYBDENUM ALUMINUM COPPER RHODIUM NIOBIUM EUROPIUM LEAD SILVER TITANIUM NONE MIXED"
        ),
        FilterType="STRIP WEDGE BUTTERFLY MULTIPLE FLAT NONE",
        ExposureControlMode="MANUAL AUTOMATIC",
        ExposureStatus="NORMAL ABORTED",
        Grid="FIXED FOCUSED RECIPROCATING PARALLEL CROSSED HTC NONE",
        DetectorType="DIRECT SCINTILLATOR STORAGE FILM",
        DetectorConfiguration="AREA SLOT",
        DetectorActiveShape="RECTANGLE ROUND HEXAGONAL POLYGONAL",
        DetectorConditionsNominalFlag=YES_NO,
    ),
    # The matrix. Without these the pixels cannot be read, so a wrong value refuses the file.
    **_all("pixels", "SamplesPerPixel Rows Columns BitsAllocated BitsStored HighBit"),
    **_all("pixels", "PixelRepresentation"),
    "PhotometricInterpretation": Rule("pixels", terms=frozenset({"MONOCHROME1", "MONOCHROME2"})),
    **_all("number", "NumberOfFrames SmallestImagePixelValue LargestImagePixelValue"),
    **_all("number", "PixelPaddingValue PixelPaddingRangeLimit LossyImageCompressionRatio"),
    # From stored to shown values.
    **_terms(
        PixelIntensityRelationship="LIN LOG DISP",
        RescaleType=LUT_UNITS,
        PresentationLUTShape="IDENTITY INVERSE",
        VOILUTFunction="LINEAR LINEAR_EXACT SIGMOID",
    ),
    **_all("number", "PixelIntensityRelationshipSign RescaleIntercept RescaleSlope"),
    **_all("number", "WindowCenter WindowWidth"),
    "VOILUTSequence": Rule("tables", items=_TABLE_TEXTS),
    "ModalityLUTSequence": Rule("tables", items=_TABLE_TEXTS),
}
