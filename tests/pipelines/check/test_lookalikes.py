"""A pair of look-alike images can be looked at, and the page says what to do."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.pipelines.check.lookalikes import show_near_duplicates
from mammo_pipeline.pipelines.ingest.nodes import index_files
from mammo_pipeline.reporting.page import render_page
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32


@pytest.fixture
def study(tmp_path) -> tuple[FolderOfFiles, pd.DataFrame]:
    files = {
        f"{p}^Doe/a.dcm": mammogram(patient=p, pixels=draw_breast(seed=seed))
        for seed, p in enumerate(("MRN771", "MRN772", "MRN773"))
    }
    folder = FolderOfFiles(write_folder(tmp_path / "in", files))
    images, _, _ = index_files(folder, Ledger(tmp_path / "l.sqlite"), KEY, ingest_rules())
    return folder, images


def pairs_of(images: pd.DataFrame, verdicts: list[str]) -> pd.DataFrame:
    first, *others = images["image_id"]
    rows = [(first, other, 3, v) for other, v in zip(others, verdicts, strict=False)]
    return pd.DataFrame(rows, columns=["image_id", "other_image_id", "distance_bits", "verdict"])


class Shown:
    """The two parameters that the page reads."""

    def __init__(self, shown: int = 9, join_unreviewed: bool = True) -> None:
        self.near_duplicates = self
        self.shown, self.join_unreviewed = shown, join_unreviewed


def test_the_pairs_that_wait_come_first_and_no_name_is_shown(study):
    folder, images = study
    pairs = pairs_of(images, ["different", ""])
    page = show_near_duplicates(pairs, images, folder, KEY, Shown())
    assert page["verdict"]["text"].startswith("1 of 2 pairs wait")
    table = page["sections"][1]["table"]["rows"]
    assert [row[4] for row in table] == ["", "different"]
    html = render_page(page)
    assert "data:image/png" in html
    assert not any(name in html for name in ("Doe^", "^Doe", "MRN77"))


def test_only_so_many_pairs_are_drawn_and_the_rest_is_told(study):
    folder, images = study
    page = show_near_duplicates(pairs_of(images, ["", ""]), images, folder, KEY, Shown(1, False))
    assert len(page["sections"][1]["table"]["rows"]) == 1
    assert "1 of 2 pairs" in page["sections"][1]["table"]["note"]
    assert "may lie on two sides" in page["verdict"]["text"]


def test_without_a_pair_the_page_says_so(study):
    folder, images = study
    page = show_near_duplicates(pairs_of(images, []), images, folder, KEY, Shown())
    assert "There is none" in page["sections"][0]["text"]
    render_page(page)
