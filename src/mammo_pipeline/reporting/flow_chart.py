"""The flow of a cohort as a chart: boxes from top to bottom, on the right what goes no further."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import escape

WIDTH, LEFT, RIGHT = 460, 200, 215
LINE, GAP, PAD = 17, 26, 9
STYLE = 'fill="none" stroke="var(--line, #d8dde1)" stroke-width="1.2"'
BOLD = ' font-weight="650"'
ARROW = 'stroke="var(--soft, #56616b)" stroke-width="1.2" fill="none"'


def flow_chart(steps: Sequence[Mapping[str, Any]], title: str) -> str:
    """Returns the steps as SVG, in the manner of a STARD diagram (Bossuyt 2015).

    Args:
        steps: Each has `lines`, the text of its box, the first in bold, and `left`, the lines of
            the box of what goes no further (empty for none).
        title: Read aloud to those who cannot see it.

    >>> flow_chart([{"lines": ["12 files"], "left": []}], "flow")[:4]
    '<svg'
    """
    parts, top = [], 2
    for number, step in enumerate(steps):
        height = _height(max(len(step["lines"]), len(step["left"])))
        parts.append(_box(1, top, LEFT, step["lines"], height))
        if step["left"]:
            middle = top + height / 2
            parts.append(_arrow(LEFT + 1, middle, WIDTH - RIGHT - 1, middle))
            parts.append(_box(WIDTH - RIGHT, top, RIGHT - 1, step["left"], height))
        if number < len(steps) - 1:
            parts.append(_arrow(LEFT / 2, top + height, LEFT / 2, top + height + GAP))
        top += height + GAP
    label = escape(title)
    size = f'viewBox="0 0 {WIDTH} {top - GAP + 3:g}"'
    head = f'<svg {size} role="img" aria-label="{label}" xmlns="http://www.w3.org/2000/svg">'
    return f"{head}<title>{label}</title>{''.join(parts)}</svg>"


def _height(lines: int) -> int:
    return lines * LINE + 2 * PAD


def _box(left: float, top: float, width: float, lines: Sequence[str], height: float) -> str:
    first = top + (height - len(lines) * LINE) / 2 + 13
    texts = [
        f'<text x="{left + PAD:g}" y="{first + number * LINE:g}" font-size="13" '
        f'fill="currentColor"{BOLD if number == 0 else ""}>{escape(line)}</text>'
        for number, line in enumerate(lines)
    ]
    frame = f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="3" {STYLE}/>'
    return frame + "".join(texts)


def _arrow(x: float, y: float, to_x: float, to_y: float) -> str:
    tip = "-5 -4 L 0 0 L -5 4" if y == to_y else "-4 -5 L 0 0 L 4 -5"
    head = f'<path d="M {tip}" transform="translate({to_x:g} {to_y:g})" {ARROW}/>'
    return f'<path d="M {x:g} {y:g} L {to_x:g} {to_y:g}" {ARROW}/>{head}'
