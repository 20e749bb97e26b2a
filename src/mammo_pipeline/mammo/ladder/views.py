"""What a person should look at of a stage: pictures as the net saw them, and where it looks.

All of it is small uint8 and float arrays, so that it can lie in a checkpoint. Images are named by
their pseudonyms alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.ladder.augment import Changes, move_boxes
from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.judge import malignancy_scores
from mammo_pipeline.mammo.ladder.standing import score_tune
from mammo_pipeline.mammo.ladder.warp import warp
from mammo_pipeline.mammo.networks.families import Network, heatmap_net, heatmap_places

if TYPE_CHECKING:
    import keras

    from mammo_pipeline.mammo.ladder.course import Course
    from mammo_pipeline.mammo.ladder.lessons import Lessons

Views = dict[str, np.ndarray]

MOST_SAMPLES = 8
LONGEST_PX = 160  # of a thumbnail: two rows of four fill the page's column
BOX = ["row_min", "column_min", "row_max", "column_max"]


def show_stage(course: Course, batch: Batch, lessons: Lessons) -> Views:
    """Returns the views of a stage whose net holds the weights that it keeps.

    Args:
        course: The stage; its net is called, not changed.
        batch: One that it learned from.
        lessons: Its lesions and its `cases`.

    Returns:
        `samples/...` as `sample_views` names them, `tune/...` as `score_tune` does, and, where the
        ladder knows whole images and the net has a heatmap, `heatmaps/...` as `heatmap_views`.
    """
    samples = sample_views(batch, find_boxes(course.train, batch.rows, lessons.lesions))
    views = {f"samples/{name}": value for name, value in samples.items()}
    views |= {f"tune/{name}": value for name, value in score_tune(course).items()}
    if "images" not in lessons.examples:
        return views
    tune = lessons.examples["images"][1]
    chosen = pick_cases(tune, course.ladder.seed, lessons.cases)
    found = heatmap_views(
        course.net.model, course.ladder.network, lessons, chosen, course.stage.loss
    )
    return views | {f"heatmaps/{name}": value for name, value in found.items()}


def find_boxes(examples: Examples, rows: np.ndarray, lesions: pd.DataFrame) -> list[np.ndarray]:
    """Returns, for each of some examples, the lesion boxes in px of its own window, (k, 4).

    A lesion that lies beside the window is left out, one at its edge is cut.

    Args:
        examples: Windows of stored images.
        rows: Which of them.
        lesions: image_id and box on the canvas, half-open.
    """
    known = {str(name): part[BOX].to_numpy(float) for name, part in lesions.groupby("image_id")}
    return [
        _cut_boxes(known.get(str(examples.image_ids[row])), examples.corners[row], examples)
        for row in rows
    ]


def _cut_boxes(boxes: np.ndarray | None, corner: np.ndarray, examples: Examples) -> np.ndarray:
    if boxes is None:
        return np.zeros((0, 4))
    inside = np.clip(boxes - np.tile(corner, 2), 0, np.tile(examples.shape_px, 2))
    return inside[(inside[:, 2] > inside[:, 0]) & (inside[:, 3] > inside[:, 1])]


def sample_views(batch: Batch, boxes: list[np.ndarray]) -> Views:
    """Returns the first pictures of a batch as the net sees them, changed and small.

    Args:
        batch: As a step takes it.
        boxes: Of each picture, before it is changed, (k, 4) in px, half-open.

    Returns:
        pixels (n, rows, columns) uint8, labels (n,), and boxes (m, 5): the number of the picture,
        then the box where the change has brought it, in px of the thumbnail.
    """
    from keras import ops

    count = min(MOST_SAMPLES, len(batch.labels))
    # A batch begins with one class and ends with another: one from every part of it.
    chosen = np.linspace(0, len(batch.labels) - 1, count).round().astype(int)
    arrays = {name: value[chosen] for name, value in batch.changes.items()}
    tensors = {name: ops.convert_to_tensor(value) for name, value in arrays.items()}
    seen = ops.convert_to_numpy(warp(ops.convert_to_tensor(batch.pixels[chosen]), tensors))
    small, scale = shrink(np.asarray(seen)[..., 0])
    changes = Changes(**arrays)
    shape_px = batch.pixels.shape[1:3]
    moved = [
        move_boxes(boxes[row], changes, number, (int(shape_px[0]), int(shape_px[1])))[0]
        for number, row in enumerate(chosen)
    ]
    return {"pixels": small, "labels": batch.labels[chosen], "boxes": _number_boxes(moved, scale)}


def _number_boxes(boxes: list[np.ndarray], scale: float) -> np.ndarray:
    """Returns the boxes of all pictures in one table, (m, 5), the picture's number first."""
    rows = [
        [number, *(scale * box)]
        for number, own in enumerate(boxes)
        for box in own
        if box[2] > box[0] and box[3] > box[1]
    ]
    return np.array(rows, np.float32).reshape(-1, 5)


def shrink(pictures: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the pictures with at most `LONGEST_PX` a side, uint8, and the scale.

    A small picture stays as it is.

    Args:
        pictures: (n, rows, columns), greys of 0 to 65535.
    """
    from PIL import Image

    rows, columns = pictures.shape[1:]
    scale = min(1.0, LONGEST_PX / max(rows, columns))
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    grey = np.clip(pictures / 257, 0, 255).astype(np.float32)
    small = [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BOX)) for one in grey]
    return np.stack(small).round().astype(np.uint8), scale


def pick_cases(examples: Examples, seed: int, count: int) -> np.ndarray:
    """Returns the rows of a few examples, half of them with cancer, the same for every stage.

    Each of another breast; fewer where there are not so many.

    Args:
        examples: Whole images of `tune`.
        seed: Of the choice.
        count: How many at most.
    """
    rng = np.random.default_rng([seed, count])
    chosen: list[int] = []
    for label, share in ((1, (count + 1) // 2), (0, count // 2)):
        rows = rng.permutation(np.flatnonzero(examples.labels == label))
        _, first = np.unique(examples.units[rows], return_index=True)
        chosen += rows[np.sort(first)][:share].tolist()
    return np.array(chosen, np.int64)


def heatmap_views(
    model: keras.Model, network: Network, lessons: Lessons, chosen: np.ndarray, loss: str
) -> Views:
    """Returns a few images of `tune`, and where the net sees something malignant in them.

    Args:
        model: A patch net, or an image net over a heatmap; else there is nothing to return.
        network: Its description.
        lessons: The store, the images of `tune` and the lesions.
        chosen: Rows of these images.
        loss: What the class logits were trained with.

    Returns:
        pixels (n, rows, columns) uint8; heat (n, rows', columns') float32, the log odds of
        malignant at every position; places (3,): stride, offset and window of the positions in
        px of the thumbnail; scores (n,): the net's logit, or of a patch net the highest heat;
        labels (n,); image_ids (n,); boxes (m, 5), as `sample_views`.
    """
    heat_net = heatmap_net(model)
    if heat_net is None or not len(chosen):
        return {}
    tune = lessons.examples["images"][1]
    pictures = [np.asarray(lessons.pixels[int(p)]) for p in tune.positions[chosen]]
    heat = np.stack([_heat_picture(heat_net, picture, loss) for picture in pictures])
    small, scale = shrink(np.stack(pictures))
    where = heatmap_places(network)
    places = [scale * px for px in (where.stride_px, where.offset_px, where.window_px)]
    scores = [_score_picture(model, *pair) for pair in zip(pictures, heat, strict=True)]
    return {
        "pixels": small,
        "heat": heat.astype(np.float32),
        "places": np.array(places, np.float32),
        "scores": np.array(scores, np.float32),
        "labels": tune.labels[chosen],
        "image_ids": tune.image_ids[chosen].astype(str),
        "boxes": _number_boxes(find_boxes(tune, chosen, lessons.lesions), scale),
    }


def _heat_picture(heat_net: Any, picture: np.ndarray, loss: str) -> np.ndarray:
    """Returns the log odds of malignant at every position, (rows', columns')."""
    logits = _call(heat_net, picture)[0].astype(np.float64)
    return malignancy_scores(logits.reshape(-1, logits.shape[-1]), loss).reshape(logits.shape[:2])


def _score_picture(model: Any, picture: np.ndarray, heat: np.ndarray) -> float:
    if len(model.output_shape) == 2:
        return float(_call(model, picture)[0, 0])
    return float(heat.max())


def _call(model: Any, picture: np.ndarray) -> np.ndarray:
    """Returns what a net answers to one picture; called as it is, for tracing takes longer."""
    from keras import ops

    greys = ops.convert_to_tensor(picture[np.newaxis, ..., np.newaxis].astype(np.float32))
    return np.asarray(ops.convert_to_numpy(model(greys, training=False)))
