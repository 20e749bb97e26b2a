"""Sections of the training page, three a stage: its curves, what it saw, and where it looks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mammo_pipeline.pipelines.train.facts import Row, TrainingFacts

Section = dict[str, Any]
Views = Mapping[str, np.ndarray]

CELL_PX, COLUMNS = 160, 4
LESION_COLOUR = (94, 214, 232)
# Log odds at both ends of the colours: 2 % and 98 %.
HEAT_LIMITS = (-4.0, 4.0)
HEAT_OPACITY = 0.55


def show_curves(facts: TrainingFacts, stage: str) -> Section | None:
    """Returns the curves of a stage over its epochs; None where it has none."""
    from mammo_pipeline.reporting.curves import lines_by_epoch

    rows = facts.of(facts.history, stage)
    if not rows:
        return None
    epochs = [row["epoch"] for row in rows]

    def draw(label: str, **names: str) -> str:
        curves = {name: _column(rows, column) for name, column in names.items()}
        zero = label in ("learning rate", "feed wait, share")
        return lines_by_epoch(epochs, curves, label, f"{stage}: {label} by epoch", zero)

    return {
        "title": f"{stage}: curves",
        "chart": [
            draw("loss", each="loss", smoothed="loss_smooth"),
            draw("tune AUC", each="tune_auc", smoothed="tune_auc_smooth"),
            draw("learning rate", rate="learning_rate"),
            draw("gradient norm", median="gradient_norm", greatest="gradient_norm_max"),
            draw("weight norm", norm="weight_norm"),
            draw("feed wait, share", share="feed_wait_share"),
        ],
        "caption": f"{count_epochs(rows)} of {round(_column(rows, 'steps').mean())} steps; "
        f"{round(_column(rows, 'spikes').sum())} steps whose loss is a spike. Smoothed: "
        "exponential mean over the epochs so far. Gradient: over the steps of an epoch, before any "
        "clipping. The tune AUC is of the weights that the stage would keep.",
    }


def count_epochs(rows: list[Row]) -> str:
    """Returns how many epochs there are, in words.

    >>> count_epochs([{}]), count_epochs([{}, {}])
    ('1 epoch', '2 epochs')
    """
    return f"{len(rows)} epoch{'s' * (len(rows) != 1)}"


def _column(rows: list[Row], name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], float)


def show_samples(facts: TrainingFacts, stage: str) -> Section | None:
    """Returns pictures of the stage's first batch as the net saw them; None where none was kept."""
    from mammo_pipeline.reporting.charts import image_grid

    views = facts.views.get(stage, {})
    if "samples/pixels" not in views:
        return None
    names = name_labels(facts, stage)
    captions = [names[int(label)] for label in views["samples/labels"]]
    boxes = views["samples/boxes"]
    pictures = [
        outline_boxes(enlarge(picture), boxes[boxes[:, 0] == number, 1:], picture.shape)
        for number, picture in enumerate(views["samples/pixels"])
    ]
    return {
        "title": f"{stage}: what it saw",
        "image": image_grid(pictures, captions, COLUMNS, CELL_PX),
        "caption": f"{len(pictures)} pictures of the first batch of {stage}, changed as they were "
        "for learning. Under each: what it was taught to be. Blue: known lesions, moved along.",
    }


def name_labels(facts: TrainingFacts, stage: str) -> tuple[str, ...]:
    """Returns what each label of a stage means."""
    from mammo_pipeline.mammo.patches.classes import CLASS_NAMES

    if facts.stages[stage]["data"] == "images":
        return "no cancer", "cancer"
    return CLASS_NAMES[facts.ladder["network"]["classes"]]


def enlarge(picture: np.ndarray) -> np.ndarray:
    """Returns a grey picture in colours at the width of a cell, (rows, CELL_PX, 3) uint8."""
    from PIL import Image

    rows, columns = picture.shape
    size = CELL_PX, max(1, round(rows * CELL_PX / columns))
    return np.asarray(
        Image.fromarray(picture).convert("RGB").resize(size, Image.Resampling.NEAREST)
    )


def outline_boxes(picture: np.ndarray, boxes: np.ndarray, shape_px: tuple[int, ...]) -> np.ndarray:
    """Returns the picture with the boxes' outlines.

    Args:
        picture: (rows, columns, 3) uint8.
        boxes: (k, 4) half-open, in px of a picture of `shape_px`.
        shape_px: Of the picture that the boxes were measured in.
    """
    from PIL import Image, ImageDraw

    drawn = Image.fromarray(picture)
    pen = ImageDraw.Draw(drawn)
    scale = picture.shape[0] / shape_px[0]
    for top, left, bottom, right in boxes * scale:
        corners = (left, top, max(left, right - 1), max(top, bottom - 1))
        pen.rectangle([round(float(place)) for place in corners], outline=LESION_COLOUR)
    return np.asarray(drawn)


def show_heatmaps(facts: TrainingFacts, stage: str) -> Section | None:
    """Returns the fixed tune cases, each beside its heatmap; None where the net has none."""
    from mammo_pipeline.reporting.charts import image_grid

    views = facts.views.get(stage, {})
    if "heatmaps/pixels" not in views:
        return None
    pictures, captions = [], []
    for number, truth in enumerate(views["heatmaps/labels"]):
        plain, heated = draw_case(views, number)
        pictures += [plain, heated]
        captions += [f"{number + 1}: {'cancer' if truth else 'no cancer'}"]
        captions += [f"{number + 1}: score {views['heatmaps/scores'][number]:+.2f}"]
    return {
        "title": f"{stage}: where it looks",
        "image": image_grid(pictures, captions, COLUMNS, CELL_PX),
        "caption": "The same images of the tune side after every stage, each beside the net's log "
        f"odds of malignant at every place: dark is {HEAT_LIMITS[0]:g} or less, bright yellow "
        f"{HEAT_LIMITS[1]:g} or more; at a margin without colour no place has its middle. Blue: "
        f"known lesions. Score: {_name_score(facts, stage)}.",
        "table": _tabulate_cases(views),
    }


def _name_score(facts: TrainingFacts, stage: str) -> str:
    if facts.stages[stage]["data"] == "images":
        return "the net's logit of the image"
    return "the highest log odds of any place"


def _tabulate_cases(views: Views) -> dict[str, Any]:
    heat = views["heatmaps/heat"]
    rows = [
        [number, str(image), "cancer" if truth else "no cancer", float(score), float(own.max())]
        for number, (image, truth, score, own) in enumerate(
            zip(
                *(views[f"heatmaps/{name}"] for name in ("image_ids", "labels", "scores")),
                heat,
                strict=True,
            ),
            1,
        )
    ]
    return {
        "caption": "Which they are",
        "columns": ["", "image", "truth", "score", "highest log odds"],
        "rows": rows,
        "note": "Images are pseudonyms.",
    }


def draw_case(views: Views, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns one case without and with its heatmap, both with its lesions, uint8 in colours."""
    picture, boxes = views["heatmaps/pixels"][number], views["heatmaps/boxes"]
    own = boxes[boxes[:, 0] == number, 1:]
    colours, opacity = spread_heat(
        views["heatmaps/heat"][number], views["heatmaps/places"], picture.shape
    )
    grey = np.repeat(picture[..., np.newaxis], 3, axis=2)
    blended = np.where(opacity, (1 - HEAT_OPACITY) * grey + HEAT_OPACITY * colours, grey)
    plain, heated = (_widen(one.round().astype(np.uint8)) for one in (grey, blended))
    return outline_boxes(plain, own, picture.shape), outline_boxes(heated, own, picture.shape)


def _widen(picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    size = CELL_PX, max(1, round(picture.shape[0] * CELL_PX / picture.shape[1]))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.NEAREST))


def spread_heat(
    heat: np.ndarray, places: np.ndarray, shape_px: tuple[int, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns a heatmap's colours over its picture, and where there are any.

    Every position colours the square of one stride about the middle of its window.

    Args:
        heat: Log odds, (rows', columns').
        places: Stride, offset and window of the positions, in px of the picture.
        shape_px: Of the picture.

    Returns:
        (colours, known): uint8 (rows, columns, 3); bool (rows, columns, 1).
    """
    from matplotlib import colormaps

    stride, offset, window = places
    first = offset + (window - stride) / 2
    index = [np.floor((np.arange(side) + 0.5 - first) / stride).astype(int) for side in shape_px]
    known = [(i >= 0) & (i < side) for i, side in zip(index, heat.shape, strict=True)]
    inside = [np.clip(i, 0, side - 1) for i, side in zip(index, heat.shape, strict=True)]
    low, high = HEAT_LIMITS
    shares = np.clip((heat[np.ix_(*inside)] - low) / (high - low), 0, 1)
    colours = colormaps["inferno"](shares, bytes=True)[..., :3]
    return colours, (known[0][:, np.newaxis] & known[1])[..., np.newaxis]
