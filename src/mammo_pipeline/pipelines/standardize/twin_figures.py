"""Sections of the page: the same made-up breasts through every device, and their lesions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Section = dict[str, Any]
Record = Mapping[str, Any]

TITLE, LESIONS = "Same anatomy, other device", "Lesions kept"
WORDS = {
    "nrmse": "normalized RMSE in the breast, over that of two noise draws",
    "dissimilarity": "1 - SSIM in the breast, over that of two noise draws",
    "area_share": "area that only one of the two holds, share",
    "lesion_mm": "distance of a lesion's centre, the largest, mm",
    "placement_mm": "distance of the chest wall at the nipple's level, mm",
    "scale_share": "difference of scale, share",
}
FULL_SIZE = 1


def show_twins(twins: Record) -> list[Section]:
    """Returns the sections; one that says so where this part was left out."""
    if not twins:
        text = "Left out: no breast was drawn (standardize.audit.twins.breasts is 0), or none "
        text += "came through. Nothing here says that devices agree on the same anatomy."
        return [{"title": TITLE, "text": text}]
    shown = {**twins["ratios"], **twins["differences"]}
    refused = [[code, n] for code, n in twins["refused"].items()]
    tables = [_tabulate_pairs(shown), _tabulate_worst(shown, twins["devices"])]
    tables += [
        _tabulate_matrix(f"Ratio of two devices: {name}", twins["devices"], record["matrix"])
        for name, record in (("normalized RMSE", twins["ratios"]["nrmse"]),)
    ]
    if refused:
        tables.append({"caption": "Refused", "columns": ["reason", "pairs"], "rows": refused})
    return [
        {"title": TITLE, "text": say_twins(twins), "table": tables},
        show_lesions(twins["lesions_kept"], twins["binning"]),
    ]


def say_twins(twins: Record) -> str:
    """Returns what was drawn, how to read the ratio, and what to conclude."""
    count, binning = twins["twins"], twins["binning"]
    drawn = (
        f"No woman is imaged on every device, so {count} made-up breasts (phantoms, not patients) "
        f"were drawn and exposed twice on each of {len(twins['devices'])} device profiles, at a "
        f"binning of {binning:g} (1 is the detectors' full matrix). Two devices are held against "
        "two exposures of one: a ratio near 1 means that another device changes no more than "
        "noise does."
    )
    coarse = (
        f"\n\nAt a binning of {binning:g} a pixel averages {binning**2:g} of the detector's own, "
        "so two exposures hardly differ and the ratio divides by nearly nothing: it may lie far "
        "above 1 where the pictures differ little. Read the matrix for devices that stand apart, "
        "and the differences in mm; whether the ratio is near 1 is settled at binning 1."
    )
    ratio = twins["ratios"]["nrmse"]
    if ratio["value"] is None:
        return drawn + f"\n\nNo ratio: {ratio['reason']}."
    found = f"\n\nFound: another device changes the picture {ratio['value']:.2f} times as much as "
    found += f"noise alone, on {ratio['n']} breasts. "
    found += "With so few breasts the interval is rough." if ratio["n"] < 10 else ""
    return drawn + (coarse if binning > FULL_SIZE else "") + found.rstrip()


def bare_figure(record: Record) -> dict[str, Any]:
    """Returns a figure for a cell; one breast has no interval, for none was drawn beside it."""
    kept = {key: record[key] for key in ("value", "low", "high", "reason")}
    return kept | ({"low": None, "high": None} if record["n"] < 2 else {})


def _tabulate_pairs(shown: Mapping[str, Record]) -> dict[str, Any]:
    how = next(iter(shown.values()))["how"]
    return {
        "caption": "Two devices, mean over all pairs",
        "columns": ["figure", "mean", "breasts"],
        "rows": [[WORDS[name], bare_figure(r), r["n"]] for name, r in shown.items()],
        "note": f"{how[:1].upper()}{how[1:]}; the unit that is drawn is the made-up breast.",
    }


def _tabulate_worst(shown: Mapping[str, Record], devices: list[str]) -> dict[str, Any]:
    names = ("nrmse", "dissimilarity", "lesion_mm")
    heads = ("ratio, RMSE", "ratio, 1 - SSIM", "lesion, mm")
    rows = [[_spell(d)] + [_say_worst(shown[name]["worst"][d]) for name in names] for d in devices]
    return {
        "caption": "The worst partner of each device",
        "columns": ["device", *heads],
        "rows": rows,
        "note": f"Means over {shown['nrmse']['n']} breasts; the largest of several is high by "
        "chance.",
    }


def _say_worst(worst: Record) -> str:
    return "none" if worst["value"] is None else f"{worst['value']:.2f} {_spell(worst['with'])}"


def _tabulate_matrix(
    caption: str, devices: list[str], matrix: list[list[float | None]]
) -> dict[str, Any]:
    numbers = {device: number for number, device in enumerate(devices, 1)}
    rows = [
        [f"{numbers[device]} {_spell(device)}", *row]
        for device, row in zip(devices, matrix, strict=True)
    ]
    return {
        "caption": caption,
        "columns": ["device", *map(str, numbers.values())],
        "rows": rows,
        "note": "Columns are the devices in the order of the rows; a device with itself is 1 by "
        "definition.",
    }


def _spell(device: str) -> str:
    return device.replace("_", " ")


def show_lesions(kept: Record, binning: float) -> Section:
    """Returns what is kept of the lesions' contrast, over all, by kind and by device."""
    parts = {"all": kept["overall"]}
    parts |= {f"kind: {name}": record for name, record in kept["by_kind"].items()}
    parts |= {f"device: {_spell(name)}": record for name, record in kept["by_device"].items()}
    rows = [
        [
            *(name, r["contrast"]["lesions"], r["contrast"]["n"]),
            *(bare_figure(r[measure]) for measure in ("contrast", "cnr")),
        ]
        for name, r in parts.items()
    ]
    coarse = f" At a binning of {binning:g} calcifications are finer than a pixel; judge them at "
    coarse += "binning 1."
    unmeasured = (
        f"{kept['unmeasured']} of {kept['lesions']} lesions lie off the image or belong to "
    )
    how = kept["overall"]["contrast"]["how"]
    return {
        "title": LESIONS,
        "text": "A standard that takes the device away must not take the disease with it. 1 keeps "
        "all of a lesion's contrast against its surround; under 1 it is fainter on the canvas than "
        "in the image as the device shows it. Contrast is in standard deviations of the breast's "
        "grey, the contrast-to-noise ratio (CNR) in those of the surround."
        + (coarse if binning > FULL_SIZE else ""),
        "table": {
            "caption": "Contrast after over before",
            "columns": ["lesions of the made-up breasts", "lesions", "breasts", "contrast", "CNR"],
            "rows": rows,
            "note": f"{how[:1].upper()}{how[1:]}; no interval from one breast. {unmeasured}a "
            "refused image.",
        },
    }
