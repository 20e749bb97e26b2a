"""The store's pixels answer as a numpy array of all of them would."""

from __future__ import annotations

import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.datasets import codec, stored_pixels
from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.datasets.store import ImageStore, ImageStream

SHAPE = (300, 40)
ALL = np.random.default_rng(0).integers(0, 4096, (7, *SHAPE)).astype(np.uint16)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory):
    def make(numbers):
        return ((n, encode_canvas(ALL[n]), {"code": "accepted"}) for n in numbers)

    folder = tmp_path_factory.mktemp("store")
    store = ImageStore(filepath=str(folder / "s"), pack_bytes=60_000)
    records = [{"image_id": f"i{n}"} for n in range(len(ALL))]
    store.save(ImageStream(SHAPE, [f"{n:064x}" for n in range(len(ALL))], records, make))
    return store.load().pixels


ITEMS = {
    "one": 3,
    "from the end": -1,
    "numpy integer": np.int64(2),
    "slice": slice(1, 6, 2),
    "backwards": slice(None, None, -1),
    "list": [4, 0, 4],
    "numbers": np.array([[1, 2], [0, -1]]),
    "none": np.array([], np.int64),
    "mask": np.arange(7) % 3 == 0,
    "window": (2, slice(100, 290), slice(3, 17)),
    "window over the edge": (2, slice(250, 999), slice(30, 99)),
    "empty window": (2, slice(5, 5), slice(None)),
    "stepped window": (1, slice(290, 10, -7), slice(None, None, 3)),
    "rows": (1, slice(120, 140)),
    "windows": ([3, 1], slice(127, 129), slice(0, 4)),
    "all": slice(None),
}


@pytest.mark.parametrize("item", ITEMS.values(), ids=ITEMS)
def test_an_index_gives_what_numpy_gives(pixels, item):
    found = pixels[item]
    assert found.dtype == np.uint16 and found.flags.c_contiguous
    np.testing.assert_array_equal(found, ALL[item])


@pytest.mark.parametrize("numbers", [[4, 0, 4], [-1], []])
def test_whole_images_are_unpacked_into_memory_that_there_is(pixels, numbers):
    numbers = np.array(numbers, np.int64)
    out = np.full((len(numbers), *SHAPE), 9, np.uint16)
    assert pixels.take(numbers, axis=0, out=out) is out
    np.testing.assert_array_equal(out, ALL[numbers])
    np.testing.assert_array_equal(pixels.take(numbers), ALL[numbers])


@pytest.mark.parametrize(
    "out",
    [
        np.empty((2, *SHAPE), np.uint16),
        np.empty((1, *SHAPE), np.int16),
        np.empty((1, SHAPE[0], 2 * SHAPE[1]), np.uint16)[:, :, ::2],
    ],
)
def test_memory_of_another_form_is_refused(pixels, out):
    with pytest.raises(ValueError, match=r"into uint16 of \(1, 300, 40\) without gaps"):
        pixels.take(np.array([3]), out=out)


def test_a_damaged_image_is_named_however_it_is_read(pixels):
    damaged = replace(pixels, starts=pixels.starts + 1)
    for read in (lambda: damaged[3], lambda: damaged.take(np.array([3]))):
        with pytest.raises(ValueError, match="Image i3 cannot be read"):
            read()


def test_it_tells_its_form_as_an_array_does(pixels):
    assert (pixels.shape, pixels.ndim, pixels.dtype, len(pixels)) == ((7, *SHAPE), 3, "uint16", 7)
    np.testing.assert_array_equal(np.asarray(pixels), ALL)
    np.testing.assert_array_equal(np.asarray(pixels, np.float32), ALL.astype(np.float32))
    np.testing.assert_array_equal(np.stack(list(pixels)), ALL)
    with pytest.raises(ValueError, match="is a copy"):
        np.array(pixels, copy=False)


@pytest.mark.parametrize("item", [7, -8, [0, 9], (0, 5), (0, slice(1), slice(1), slice(1)), "a"])
def test_what_is_not_there_is_refused(pixels, item):
    with pytest.raises(IndexError):
        pixels[item]


def test_a_window_decompresses_only_the_bands_it_touches(pixels, monkeypatch):
    bands, decode = [], codec._decode_band
    monkeypatch.setattr(codec, "_decode_band", lambda *a: bands.append(1) or decode(*a))
    pixels[2, 130:200, 3:9]
    assert len(bands) == 1
    pixels[2]
    assert len(bands) == 1 + 3


def read_one(given):
    pixels, number = given
    return int(pixels[number].sum())


def test_worker_processes_read_it(pixels):
    pixels[0]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sums = pool.map(read_one, [(pixels, n) for n in range(7)])
    assert sums == ALL.sum((1, 2), dtype=int).tolist()


def test_threads_read_it(pixels, monkeypatch):
    monkeypatch.setattr(stored_pixels, "_MOST_MAPS", 1)
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(read_one, [(pixels, n % 7) for n in range(140)]))
    assert sums == ALL.sum((1, 2), dtype=int).tolist() * 20


def test_a_pickle_holds_no_pixels(pixels):
    pixels[0]
    assert len(pickle.dumps(pixels)) < 3000
