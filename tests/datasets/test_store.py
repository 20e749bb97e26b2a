"""The store gives back what it was given, and notices what was cut."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.datasets.store import ImageStore, ImageStream


def stream(count: int = 3):
    for number in range(count):
        image = np.full((4, 6), number, np.uint16) if number != 1 else None
        yield image, {"image_id": f"i{number}", "code": "accepted"}


def test_images_come_back_at_their_positions(tmp_path):
    store = ImageStore(filepath=str(tmp_path / "s"))
    store.save(ImageStream((4, 6), stream()))
    stored = store.load()
    assert stored.index["position"].tolist() == [0, -1, 1]
    assert stored.pixels[1].tolist() == np.full((4, 6), 2).tolist()


def test_a_cut_pixel_file_is_noticed(tmp_path):
    store = ImageStore(filepath=str(tmp_path / "s"))
    store.save(ImageStream((4, 6), stream()))
    path = tmp_path / "s/pixels.u16"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(Exception, match="Rerun `standardize`"):
        store.load()


def test_an_image_of_another_shape_is_refused(tmp_path):
    store = ImageStore(filepath=str(tmp_path / "s"))
    with pytest.raises(Exception, match="takes uint16 images"):
        store.save(ImageStream((4, 4), stream()))
    assert not store.exists()
