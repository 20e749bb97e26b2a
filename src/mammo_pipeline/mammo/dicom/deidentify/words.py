"""The closed lists of words and codes that may leave in a de-identified copy."""

from __future__ import annotations


def list_words(text: str) -> frozenset[str]:
    """Returns the words of a text that is written as a list.

    >>> sorted(list_words("CC MLO"))
    ['CC', 'MLO']
    """
    return frozenset(text.split())


# Words of descriptions. A word that is not here may be a name, so it does not leave.
DESCRIPTION_WORDS = list_words(
    """
    MAMMO MAMMOGRAPHY MAMMOGRAM MAMMOGRAMS MAMMOGRAFIE MAMMOGRAFIA MAMOGRAFIA MAMMOGRAPHIE MAMOGRAFI
    MG BREAST BREASTS BRUST SENO MAMA SEIN LEFT RIGHT BILATERAL UNILATERAL L R B BI BILAT UNILAT
    CC MLO ML LM LMO SIO ISO XCC XCCL XCCM FB AT CV RL RM TAN RS LCC RCC LMLO RMLO LML RML
    SCREENING SCREEN DIAGNOSTIC DIGITAL FFDM DM 2D 3D VIEW VIEWS STANDARD ROUTINE ADDITIONAL EXTRA
    SPOT COMPRESSION MAGNIFICATION MAG MAGNIFIED IMPLANT IMPLANTS DISPLACED ID EXAGGERATED ROLLED
    TANGENTIAL CLEAVAGE AXILLA AXILLARY TAIL NIPPLE PROFILE CRANIO CAUDAL MEDIO LATERAL OBLIQUE
    MEDIAL PROCESSED RAW FOR PRESENTATION PROCESSING IMAGE IMAGES SERIES STUDY EXAM FOLLOW UP
    FOLLOWUP RECALL PRIOR CURRENT SYNTHETIC SYNTHESIZED COMBO AND OF THE WITH IN TO NO NONE
    NORMAL HARDER SOFTER HARD SOFT CONTRAST SMOOTH CUSTOM USER DEFAULT HIGH LOW MEDIUM WINDOW VOI
    LUT LINEAR SIGMOID ALGO1 ALGO2 ALGO3 ALGORITHM TISSUE DENSE FATTY FILM DIGITIZED SCALED CROPPED
    RESAMPLED SMOOTHED ENHANCED LOSSY LOSSLESS DERIVED AUTO AUTOMATIC MANUAL AEC AOP CNT DOSE MODE
    TIME FILTER TARGET SMALL LARGE FLEX FLEXIBLE RIGID SQUARE ROUND PADDLE FIELD FLAT PHANTOM QC
    QUALITY CONTROL TEST PREMIUM FINE GEMS PV TC PROJECTION TOMO STEREO SCOUT PAIR SPECIMEN BIOPSY
    BIOPSIE BIOPSIA BIOPSI VACUUM NEEDLE WIRE CLIP MARKER LOCALIZATION PRE POST FIRE PREFIRE
    POSTFIRE CRANIOCAUDAL MEDIOLATERAL MEDIOLATERALOBLIQUE LATEROMEDIAL LATERO
    """
)

# Words in which hospitals name a unit without naming themselves.
STATION_WORDS = list_words(
    """
    MG MX MAMMO MAMMOGRAPHY MAMMOGRAPH ROOM UNIT STATION SN AWS ACQ DM FFDM DETECTOR GENERATOR TUBE
    GANTRY CASSETTE PLATE XRAY RX MODALITY HOL HOLOGIC LORAD SELENIA DIMENSIONS GE GEMS SENO SENOS
    SENODS SENOGRAPHE ESSENTIAL PRISTINA SIEMENS MAMMOMAT INSPIRATION REVELATION FUSION FUJI
    FUJIFILM AMULET INNOVALITY PHILIPS SECTRA MICRODOSE PLANMED NUANCE CLARITY IMS GIOTTO CLASS
    IMAGE
    """
)

# The words of makers; a woman may carry one of them as her name, and the maker stays.
MAKER_WORDS = STATION_WORDS | list_words(
    "MEDICAL SYSTEMS HEALTHCARE HEALTHINEERS INC GMBH LTD CO AG OY CORP CORPORATION"
)

# Designators of the same terms through the years (PS3.16 section 8.1, note on SNOMED).
SNOMED = ("SCT", "SRT", "SNM3", "99SDM")

# SNOMED CT code, SNOMED RT code, meaning: PS3.16 context groups 4014 (views), 4015 (modifiers),
# 4013 (breast) and 244 (laterality).
_SNOMED_TERMS = (
    ("399196006", "R-10244", "caudo-cranial"),
    ("399162004", "R-10242", "cranio-caudal"),
    ("399192008", "R-1024A", "cranio-caudal exaggerated laterally"),
    ("399101009", "R-1024B", "cranio-caudal exaggerated medially"),
    ("441555000", "R-40AAA", "inferomedial to superolateral oblique"),
    ("399352003", "R-10228", "latero-medial"),
    ("399099002", "R-10230", "latero-medial oblique"),
    ("399368009", "R-10226", "medio-lateral oblique"),
    ("399260004", "R-10224", "medial-lateral"),
    ("399188001", "R-102D0", "superolateral to inferomedial oblique"),
    ("399265009", "R-102CF", "cranio-caudal exaggerated"),
    ("127457009", "G-8310", "tissue specimen from breast"),
    ("441752004", "P2-00161", "Anterior compression"),
    ("399011000", "R-102D1", "Axillary Tail"),
    ("442580003", "R-40AB2", "Axillary tissue"),
    ("399161006", "R-102D2", "Cleavage"),
    ("399209000", "R-102D5", "Implant Displaced"),
    ("442593008", "R-40ABE", "Infra-mammary fold"),
    ("399163009", "R-102D6", "Magnification"),
    ("442581004", "R-40AB3", "Nipple in profile"),
    ("414493004", "R-102CA", "Rolled Inferior"),
    ("399197002", "R-102D3", "Rolled Lateral"),
    ("399226006", "R-102D4", "Rolled Medial"),
    ("415670009", "R-102C9", "Rolled Superior"),
    ("399055006", "R-102D7", "Spot Compression"),
    ("399110001", "R-102C2", "tangential"),
    ("76752008", "T-04000", "Breast"),
    ("51440002", "G-A102", "Bilateral"),
    ("7771000", "G-A101", "Left"),
    ("24028007", "G-A100", "Right"),
    ("66459002", "G-A103", "Unilateral"),
)
# Codes of SNOMED that went before the ones above.
_OLDEST_TERMS = {
    "Y-X1770": "cranio-caudal exaggerated laterally",
    "Y-X1771": "cranio-caudal exaggerated medially",
}
# PS3.16 annex D: derivations (context group 7203) and purposes of reference (7202).
_DICOM_TERMS = {
    "113040": "Lossy Compression",
    "113042": "Pixel by pixel addition",
    "113062": "Pixel by pixel subtraction",
    "113076": "Segmentation",
    "113085": "Spatial resampling",
    "113086": "Edge enhancement",
    "113087": "Smoothing",
    "113088": "Gaussian blur",
    "113089": "Unsharp mask",
    "113090": "Image stitching",
    "121320": "Uncompressed predecessor",
    "121322": "Source image for image processing operation",
    "121330": "Lossy compressed predecessor",
    "121358": "For Processing predecessor",
}

# (designator, code) to the meaning that the standard gives it.
CODE_MEANINGS: dict[tuple[str, str], str] = {
    **{(scheme, new): words for new, _, words in _SNOMED_TERMS for scheme in SNOMED},
    **{(scheme, old): words for _, old, words in _SNOMED_TERMS for scheme in SNOMED},
    **{(scheme, code): words for code, words in _OLDEST_TERMS.items() for scheme in SNOMED},
    **{("DCM", code): words for code, words in _DICOM_TERMS.items()},
}
