"""The pixels of a store as an array that is read from disk where it is touched."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mammo_pipeline.datasets.codec import DamagedError, decode_into, decode_rows, read_shape
from mammo_pipeline.datasets.packs import name_pack

# Each mapped pack holds a file open; far below the thousand that a process usually may.
_MOST_MAPS = 256


@dataclass(frozen=True, eq=False)
class StoredPixels:
    """uint16, images x rows x columns; indexing reads and decompresses just what it names.

    It can be pickled, forked and read by several threads.

    Attributes:
        folder: Of the packs.
        shape: Images, rows and columns.
        packs: Number of each image's pack, shape (n,).
        starts: First byte of its payload there, shape (n,).
        lengths: Bytes of its payload, shape (n,).
        image_ids: Pseudonyms, for errors, shape (n,).
    """

    folder: Path
    shape: tuple[int, int, int]
    packs: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray
    image_ids: np.ndarray
    _maps: dict[int, mmap.mmap] = field(default_factory=dict, init=False, repr=False)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of every pixel."""
        return np.dtype(np.uint16)

    @property
    def ndim(self) -> int:
        """Images, rows and columns make three."""
        return 3

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, item: Any) -> np.ndarray:
        """Returns what numpy would: `[int]`, `[numbers]`, `[slice]`, `[mask]`, a window behind.

        Raises:
            IndexError: Out of range, or more than slices within several images.
            ValueError: The bytes of an image are damaged or gone.
        """
        images, *window = item if isinstance(item, tuple) else (item,)
        if len(window) > 2 or not all(isinstance(axis, slice) for axis in window):
            raise IndexError(f"the store takes [images, slice, slice], found {item!r}")
        numbers = np.arange(len(self))[images]
        rows, columns = (*window, slice(None), slice(None))[:2]
        if numbers.ndim == 0:
            return self._read(int(numbers), rows, columns)
        shape = len(range(self.shape[1])[rows]), len(range(self.shape[2])[columns])
        found = np.empty((numbers.size, *shape), np.uint16)
        for target, number in zip(found, numbers.flat, strict=True):
            target[...] = self._read(int(number), rows, columns)
        return found.reshape(*numbers.shape, *shape)

    def take(self, numbers: Any, axis: int = 0, out: np.ndarray | None = None) -> np.ndarray:
        """Returns whole images as `numpy.ndarray.take` does; into `out` they are unpacked at once.

        Args:
            numbers: Of the images, shape (n,).
            axis: 0.
            out: uint16, (n, rows, columns), without gaps.

        Raises:
            IndexError: Out of range.
            ValueError: Another axis, an `out` of another form, or bytes that are damaged or gone.
        """
        chosen = np.arange(len(self))[numbers]
        shape = (len(chosen), *self.shape[1:])
        found = np.empty(shape, np.uint16) if out is None else out
        good = (found.shape, found.dtype, found.flags.c_contiguous) == (shape, np.uint16, True)
        if axis or not good:
            raise ValueError(
                f"the store takes images along axis 0 into uint16 of {shape} without gaps, found "
                f"axis {axis} and {found.dtype} of {found.shape}"
            )
        for target, number in zip(found, chosen, strict=True):
            with self._open(int(number)) as payload:
                decode_into(payload, target)
        return found

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """Returns every image, in memory.

        Raises:
            ValueError: `copy` is False, which cannot be.
        """
        if copy is False:
            raise ValueError("the store's pixels are compressed: an array of them is a copy")
        return self[:].astype(dtype or self.dtype, copy=False)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_maps": {}}

    def _read(self, number: int, rows: slice, columns: slice) -> np.ndarray:
        """Returns a window of one image."""
        wanted = range(self.shape[1])[rows]
        low, high = (min(wanted), max(wanted) + 1) if len(wanted) else (0, 0)
        with self._open(number) as payload:
            picture = decode_rows(payload, low, high)
        step = slice(None, None, wanted.step)
        # A copy, so that a small window does not keep whole bands in memory.
        return picture[step, columns].copy()

    @contextmanager
    def _open(self, number: int) -> Iterator[memoryview]:
        """Gives the bytes of one image; what goes wrong with them names it."""
        start, length = int(self.starts[number]), int(self.lengths[number])
        path = name_pack(self.folder, int(self.packs[number]))
        try:
            payload = memoryview(self._map(int(self.packs[number])))[start : start + length]
            if read_shape(payload) != self.shape[1:]:
                raise DamagedError(f"its shape is {read_shape(payload)}, not {self.shape[1:]}")
            yield payload
        except (DamagedError, OSError) as error:
            raise ValueError(
                f"Image {self.image_ids[number]} cannot be read from {path} at byte {start}: "
                f"{error}. Remove that file and run the room that made the store again: only the "
                "images in this file are made anew."
            ) from error

    def _map(self, pack: int) -> mmap.mmap:
        found = self._maps.get(pack)
        if found is None:
            if len(self._maps) >= _MOST_MAPS:
                self._maps.clear()
            with name_pack(self.folder, pack).open("rb") as stream:
                found = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._maps[pack] = found
        return found
