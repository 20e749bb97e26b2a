"""The shortcut audit as one record: what was measured, and which alarms it rings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

Record = Mapping[str, Any]


@dataclass(frozen=True)
class ShortcutBounds:
    """What an alarm must exceed, always with the lower end of an interval.

    Attributes:
        metadata_auc: AUC of metadata without age on the outcome.
        metadata_lean: Correlation, within outcomes, of our score with the risk that metadata state.
        masked_auc: AUC of our score on masked images.
        between_gap: AUC between sources minus AUC within, of one model.
    """

    metadata_auc: float = 0.55
    metadata_lean: float = 0.1
    masked_auc: float = 0.55
    between_gap: float = 0.02


def judge_shortcuts(
    metadata: Record,
    embedding: Mapping[str, Record],
    masking: Record,
    injection: Record,
    bounds: ShortcutBounds,
) -> dict[str, Any]:
    """Returns {metadata, embedding, masking, injection, alarms, alarmed, unmeasured, bounds}.

    Args:
        metadata: Of `metadata.measure_metadata`.
        embedding: Source (device, site_id) to the record of `embedding.measure_embedding`.
        masking: Of `masking.measure_masking`.
        injection: {parted: of `injection.part_pairs`, added: of `injection.measure_injection`};
            `added` may be {reason} where there is no earlier model.
        bounds: What an alarm must exceed.

    Returns:
        JSON-able. An alarm is {name, found, bound, alarmed, words}; `alarmed` is None where it
        could not be measured, and `words` then says why.
    """
    alarms = [
        *judge_metadata(metadata, bounds),
        *(judge_probe(source, record) for source, record in embedding.items()),
        *judge_masking(masking, bounds.masked_auc),
        *judge_pairs(injection, bounds.between_gap),
    ]
    return {
        "metadata": dict(metadata),
        "embedding": {name: dict(record) for name, record in embedding.items()},
        "masking": dict(masking),
        "injection": dict(injection),
        "alarms": alarms,
        "alarmed": sum(alarm["alarmed"] is True for alarm in alarms),
        "unmeasured": sum(alarm["alarmed"] is None for alarm in alarms),
        "bounds": asdict(bounds),
    }


def state_alarm(
    name: str, found: Record | None, bound: float, words: tuple[str, str], reason: str = ""
) -> dict[str, Any]:
    """Returns one alarm: rung when the lower end of the figure lies above the bound.

    Args:
        name: What is asked.
        found: The figure; None where nothing was measured.
        bound: What its lower end must exceed.
        words: What it means when it rings, and when it does not.
        reason: Why there is no figure.

    >>> state_alarm("a", {"value": 0.9, "low": 0.8, "high": 1.0}, 0.6, ("loud", "still"))["words"]
    'loud'
    """
    if found is None or found["low"] is None:
        why = reason or (found or {}).get("reason") or "no interval"
        return {"name": name, "found": None, "bound": bound, "alarmed": None, "words": why}
    rung = bool(found["low"] > bound)
    said = words[0] if rung else words[1]
    return {"name": name, "found": dict(found), "bound": bound, "alarmed": rung, "words": said}


def judge_metadata(record: Record, bounds: ShortcutBounds) -> list[dict[str, Any]]:
    """Returns the alarms of metadata: on the outcome, and on our score."""
    part = record.get("without_age", record)
    reason = part.get("reason", "")
    auc = None if reason else part["label"]["both"]
    lean = None if reason else part["score"]["lean"]
    label = state_alarm("metadata tell the outcome", auc, bounds.metadata_auc, _LABEL, reason)
    score = state_alarm("score leans on metadata", lean, bounds.metadata_lean, _LEAN, reason)
    if score["alarmed"] and label["alarmed"] is not True:
        # Along a risk that says nothing of the outcome, leaning pays nobody.
        score |= {"alarmed": False, "words": _AIMLESS}
    return [label, score]


def judge_probe(source: str, record: Record) -> dict[str, Any]:
    """Returns the alarm of one source: rung where it can be seen and is used."""
    name = f"embedding tells the {SOURCES.get(source, source)}, and the score uses it"
    if "reason" in record:
        return {
            "name": name, "found": None, "bound": None, "alarmed": None, "words": record["reason"]
        }  # fmt: skip
    probe = record["probe"]["without_cancer"]
    found = {
        "value": probe["auc"],
        "low": probe["low"],
        "high": probe["high"],
        "n": probe.get("images", 0),
        "how": probe.get("how", ""),
        "reason": probe.get("reason"),
    }
    measured = record["alarmed"] or (probe["low"] is not None and "reason" not in record["use"])
    return {
        "name": name,
        "found": found,
        "bound": record["bound"],
        "alarmed": record["alarmed"] if measured else None,
        "words": record["words"] if measured else probe.get("reason") or record["use"]["reason"],
    }


def judge_masking(record: Record, bound: float) -> list[dict[str, Any]]:
    """Returns one alarm a condition; the whole image is no condition."""
    return [
        state_alarm(
            f"score of masked images: {words}",
            record[name]["auc"] if name in record else None,
            bound,
            _MASKED[name],
            record.get("reason", "not measured"),
        )
        for name, words in MASKED.items()
    ]


def judge_pairs(record: Record, bound: float) -> list[dict[str, Any]]:
    """Returns the alarms of pairs within and between sources: of one model, and of a gain."""
    parted, added = record.get("parted", {}), record.get("added", {})
    gap = state_alarm(
        "AUC between sources exceeds AUC within",
        parted.get("gap"),
        bound,
        _GAP,
        parted.get("reason", "not measured"),
    )
    name = "an added source gains between sources only"
    if "gain" not in added:
        why = added.get("reason", "no earlier model to compare with")
        return [gap, state_alarm(name, None, 0.0, ("", ""), why) | {"bound": None}]
    rung = {
        "name": name,
        "found": dict(added["gain"]["between"]),
        "bound": added["min_gain"],
        "alarmed": added["alarmed"],
        "words": added["words"],
    }
    return [gap, rung]


SOURCES = {"device": "device", "site_id": "site"}
MASKED = {
    "breast_blanked": "breast blanked",
    "border_only": "border only",
    "corners_only": "corners only",
}
_LABEL = (
    "Facts that are no property of a woman tell who has cancer: the data are confounded, and any "
    "model trained on them can profit.",
    "Metadata without age tell the outcome no better than the bound.",
)
_LEAN = (
    "Within each outcome our score is higher where metadata alone state a higher risk: it leans on "
    "the confounding.",
    "Our score does not lean on the risk that metadata state, beyond the bound.",
)
_AIMLESS = "The score moves with metadata, but these do not tell the outcome: no shortcut."
_OUTLINE = (
    "The score still ranks without the tissue. The outline may carry honest risk such as the "
    "breast's size; compare the corners, and look at the pictures."
)
_MASKED = {
    "breast_blanked": (_OUTLINE, "Without its tissue the score ranks no better than the bound."),
    "border_only": (_OUTLINE, "From the border alone the score ranks no better than the bound."),
    "corners_only": (
        "The score ranks from corners: no finding lies there, markers and greys do.",
        "From the corners alone the score ranks no better than the bound.",
    ),
}
_GAP = (
    "Pairs of two sources are ranked better than pairs of one: the score uses the source, or the "
    "cancers of a source that has many are easier. Report the AUC within.",
    "Pairs of two sources are ranked no better than pairs of one, beyond the bound.",
)
