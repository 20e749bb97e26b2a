"""The features of the audit in words."""

from __future__ import annotations

NAMES = {
    "rows_px": "rows, px",
    "columns_px": "columns, px",
    "aspect": "rows over columns",
    "row_spacing_mm": "spacing, mm",
    "field_height_mm": "field height, mm",
    "field_width_mm": "field width, mm",
    "breast_mm2": "breast area, mm2",
    "breast_height_mm": "breast height, mm",
    "breast_width_mm": "breast width, mm",
    "tissue_share": "tissue, share of the frame",
    "height_share": "breast height, share of the frame",
    "width_share": "breast width, share of the frame",
    "wall_share": "chest wall, share of the height",
    "centre_row": "centre, down",
    "centre_column": "centre, across",
    "outline_ratio": "outline over root of area",
    "mean": "mean grey",
    "spread": "spread of grey",
    "skew": "skewness of grey",
    "tail": "tails of grey",
    "q50": "median grey",
    "rim": "grey of the outline",
    "gradient": "mean slope of grey",
    "noise": "noise",
    "noise_dark": "noise, dark half",
    "noise_bright": "noise, bright half",
    "noise_to_gradient": "noise over slope",
}
PREFIXES = {
    "q": "grey at {} %",
    "depth": "grey of ring {} below the skin",
    "band": "power of band {}, log10",
    "fall": "fall from band {} to the next",
}


def name_feature(feature: str) -> str:
    """Returns a feature in words, whether it is of before, after or neither.

    >>> name_feature("after_q05"), name_feature("band_4"), name_feature("corner_top_wall_spread")
    ('grey at 5 %', 'power of band 4, log10', 'corner top wall, spread')
    """
    name = feature.removeprefix("before_").removeprefix("after_")
    if name in NAMES:
        return NAMES[name]
    if name[:1] == "q" and name[1:].isdigit():
        return PREFIXES["q"].format(int(name[1:]))
    kind, _, number = name.partition("_")
    if kind in PREFIXES and number.isdigit():
        return PREFIXES[kind].format(number)
    return name.replace("_spread", ", spread").replace("_", " ")
