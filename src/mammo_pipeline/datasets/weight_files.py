"""Weights that somebody else trained: read from a local file whose digest is known, never fetched.

Two formats: `.npz` with one array a variable path, and the `.h5` that keras.applications publishes,
a group a layer. Neither can hold code. A file is hashed before a byte of it is parsed.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np
from kedro.io import AbstractDataset

from mammo_pipeline.datasets.arrays import Arrays

WeightReader = Callable[[str, str], Arrays]

# Files of the first Keras have other names: VGG16 is still published so.
_OLD_NAMES = {"W": "kernel", "b": "bias", "running_mean": "moving_mean"}
_OLD_NAMES |= {"running_std": "moving_variance"}


class WeightFiles(AbstractDataset[None, WeightReader]):
    """A folder of files of weights; loading gives a function that reads one of them.

    Args:
        filepath: The folder. It need not be there where no stage starts from a file.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> WeightReader:
        """Returns the function (file name, SHA-256) to variable path and array."""
        return lambda name, sha256: read_weights(self._filepath, name, sha256)

    def save(self, data: None) -> None:
        """Refused: a person puts the files there."""
        raise NotImplementedError("Files of weights are put into the folder by hand.")

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def read_weights(folder: Path, name: str, sha256: str) -> Arrays:
    """Returns the arrays of a file of weights, by Keras variable path.

    Args:
        folder: Where it lies.
        name: File name, without a folder.
        sha256: What its bytes must have, in hexadecimal.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The digest differs, or the file is not of a known format.
    """
    readers = {".npz": _read_npz, ".h5": _read_h5}
    path = folder / name
    if path.name != name or path.suffix not in readers:
        raise ValueError(
            f"'{name}' is no file of weights: expected a name that ends in {' or '.join(readers)}, "
            "without a folder"
        )
    if not path.is_file():
        held = sorted(p.name for p in folder.glob("*") if p.suffix in readers)
        raise FileNotFoundError(
            f"no file of weights {path}. The folder holds: {', '.join(held) or 'none'}. Nothing is "
            "downloaded: put the file there, or let the stage start from scratch."
        )
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != sha256.lower():
        raise ValueError(
            f"{path} has SHA-256 {found}, expected {sha256}. It was not opened: get the file "
            "again, or write its digest into the stage if you trust it."
        )
    arrays = readers[path.suffix](content, str(path))
    _refuse_what_is_no_weight(arrays, str(path))
    return arrays


def _read_npz(content: bytes, path: str) -> Arrays:
    try:
        with ZipFile(io.BytesIO(content)) as members:
            other = [name for name in members.namelist() if not name.endswith(".npy")]
    except BadZipFile as error:
        raise ValueError(f"{path} is no .npz file: write it with numpy.savez") from error
    if other:
        raise ValueError(
            f"{path} holds {other[0]}, which is no array: expected an .npz with one array a "
            "variable path, not a .keras or .zip file under another name"
        )
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except ValueError as error:
        raise ValueError(
            f"{path} holds Python objects, or a damaged array; only plain arrays are read: {error}"
        ) from error


def _read_h5(content: bytes, path: str) -> Arrays:
    import h5py

    try:
        file = h5py.File(io.BytesIO(content), "r")
    except OSError as error:
        raise ValueError(f"{path} is no HDF5 file: {error}") from error
    with file:
        # A whole model keeps its weights one group lower; its description is not read.
        root = file.get("model_weights", file)
        layers = _read_names(root, "layer_names")
        if not layers:
            raise ValueError(
                f"{path} names no layers. Expected the layout of keras.applications (groups by "
                "layer, `layer_names`), not Keras 3's .weights.h5, whose layers have no names: "
                "load that in Keras and write an .npz with one array a variable path"
            )
        return {
            rename_variable(layer, name): _read_dataset(root[layer], name, path)
            for layer in layers
            for name in _read_names(_find(root, layer, path), "weight_names")
        }


def _find(group: Any, name: str, path: str) -> Any:
    """Returns what a group lists. A link into another file finds nothing: it is not followed."""
    if group.get(name) is None:
        raise ValueError(f"{path} lists {name}, but does not hold it: get the file again")
    return group[name]


def _read_names(group: Any, attribute: str) -> list[str]:
    """Returns the texts of an attribute; a long list is cut in pieces, numbered from 0."""
    pieces = [attribute] if attribute in group.attrs else []
    while f"{attribute}{len(pieces)}" in group.attrs:
        pieces.append(f"{attribute}{len(pieces)}")
    names = [name for piece in pieces for name in group.attrs[piece]]
    return [name.decode() if isinstance(name, bytes) else str(name) for name in names]


def _read_dataset(group: Any, name: str, path: str) -> np.ndarray:
    held = _find(group, name, path)
    if held.external or held.is_virtual:  # nobody looked at the digest of that other file
        raise ValueError(f"{path}: the numbers of {name} lie in another file, expected in this one")
    return np.asarray(held)


def rename_variable(layer: str, name: str) -> str:
    """Returns the Keras variable path of a weight that a file calls so.

    >>> rename_variable("conv1_conv", "conv1_conv/kernel:0")
    'conv1_conv/kernel'
    >>> rename_variable("block1_conv1", "block1_conv1_W_1:0")
    'block1_conv1/kernel'
    """
    plain = name.split(":")[0]
    if "/" in plain:
        return f"{layer}/{plain.rsplit('/', 1)[1]}"
    variable = re.sub(r"_\d+$", "", plain.removeprefix(f"{layer}_"))
    return f"{layer}/{_OLD_NAMES.get(variable, variable)}"


def _refuse_what_is_no_weight(arrays: Arrays, path: str) -> None:
    if not arrays:
        raise ValueError(f"{path} holds no array")
    for name, array in arrays.items():
        if array.dtype.kind not in "fiu" or not np.isfinite(array).all():
            raise ValueError(
                f"{path}: {name} is {array.dtype} or not finite, expected finite numbers. "
                "The file is damaged, or holds no weights."
            )
