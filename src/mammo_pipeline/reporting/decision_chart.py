"""The decision curve as a chart: the model with its band, recalling all, recalling none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np

from mammo_pipeline.reporting.svg import INK, SERIES, SOFT, STYLE, new_axes, write_svg

# How far below 0 the chart reaches, as a share of what is above: recalling all falls for ever.
BELOW = 0.25


def decision_curve(record: Mapping[str, Any], title: str) -> str:
    """Returns net benefit over threshold probability, as SVG.

    Args:
        record: What `decision.measure_decision` returned.
        title: Read aloud to those who cannot see it.
    """
    t = np.asarray(record["thresholds"], float)
    model = np.array([point["value"] for point in record["model"]], float)
    low, high = (np.array([p[key] for p in record["model"]], float) for key in ("low", "high"))
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(3.4)
        if np.isfinite(low).any():
            axes.fill_between(t, low, high, color=SERIES[0], alpha=0.18, linewidth=0)
            for bound in (low, high):
                axes.plot(t, bound, color=SERIES[0], linewidth=0.5)
        marks: Any = {"marker": "o", "markersize": 3, "markevery": max(1, t.size // 10)}
        axes.plot(t, model, color=SERIES[0], label="model", **marks)
        axes.plot(t, record["treat_all"], color=SERIES[1], linestyle="--", label="recall all")
        none: Any = {"color": INK, "linestyle": ":", "linewidth": 1.1, "label": "recall none"}
        axes.plot(t, record["treat_none"], **none)
        axes.axvline(record["prevalence"], color=SOFT, linewidth=0.6, linestyle="-.")
        top = np.nanmax([*model, *high, *record["treat_all"], 1e-6])
        axes.set(xlabel="threshold probability", ylabel="net benefit a breast")
        axes.set(ylim=(-BELOW * top, 1.08 * top), xlim=(t.min(), t.max()))
        axes.legend(loc="upper right")
        return write_svg(figure, title)
