"""CPU seconds that one fabricated view costs, by device, at full size and at the demo's size.

Run: OMP_NUM_THREADS=1 python benchmarks/fabricate_full_size.py [views per device]
A view is anatomy, rendering and the encoded DICOM file. Required: at most 2 CPU seconds full size.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.phantom.archive import draw_women, render_exam_view
from mammo_pipeline.mammo.phantom.devices import DEVICES, find_device
from mammo_pipeline.mammo.phantom.header import describe_view
from mammo_pipeline.mammo.phantom.study import SIDES, VIEWS, StudyDesign


def time_views(device: str, binning: float, women: int) -> tuple[list[float], list[float], int]:
    """Returns CPU seconds to draw, CPU seconds to encode, and the bytes of the largest file."""
    design = StudyDesign(0.0, 0.5, 0.5, {device: 1.0}, 0.55)
    draw_s, encode_s, largest = [], [], 0
    for woman in draw_women(women, 7, design):
        exam = woman.exams[-1]
        for laterality in SIDES:
            for view in VIEWS:
                start = time.process_time()
                rendered = render_exam_view(woman, exam, laterality, view, binning)
                drawn = time.process_time()
                tags = describe_view(woman, exam, laterality, view, binning)
                syntax = find_device(device).transfer_syntax
                content = write_mammogram(rendered.pixels, tags, syntax)
                draw_s.append(drawn - start)
                encode_s.append(time.process_time() - drawn)
                largest = max(largest, len(content))
    return draw_s, encode_s, largest


def main() -> None:
    women = max(1, int(sys.argv[1]) // 4) if len(sys.argv) > 1 else 2
    print(f"{'device':22}{'binning':>8}{'matrix':>12}{'draw s':>8}{'encode s':>10}{'view s':>8}"
          f"{'worst s':>9}{'largest MB':>12}")  # fmt: skip
    for binning in (1, 8):
        for name, device in DEVICES.items():
            draw_s, encode_s, largest = time_views(name, binning, women)
            view_s = np.add(draw_s, encode_s)
            matrix = f"{round(device.rows / binning)}x{round(device.columns / binning)}"
            print(f"{name:22}{binning:>8}{matrix:>12}{np.mean(draw_s):8.3f}{np.mean(encode_s):10.3f}"
                  f"{view_s.mean():8.3f}{view_s.max():9.3f}{largest / 1e6:12.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
