"""Weights come from a local file with the right digest, and from nothing else."""

from __future__ import annotations

import hashlib
import pickle
import zipfile

import h5py
import numpy as np
import pytest

from mammo_pipeline.datasets import WeightFiles
from mammo_pipeline.datasets.weight_files import rename_variable

KERNEL = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4)
BIAS = np.ones(4, np.float32)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "weights"


@pytest.fixture
def read(folder):
    """Reads the file of that name with its true digest."""
    folder.mkdir()
    reader = WeightFiles(filepath=str(folder)).load()
    return lambda name: reader(name, digest(folder / name))


def digest(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_h5(path, layers: dict[str, dict[str, np.ndarray]], group: str = "/") -> None:
    """Writes what keras.applications publishes: a group a layer, names in attributes."""
    with h5py.File(path, "w") as file:
        root = file.require_group(group)
        root.attrs["layer_names"] = [name.encode() for name in layers]
        root.attrs["backend"] = b"tensorflow"
        for layer, weights in layers.items():
            held = root.create_group(layer)
            held.attrs["weight_names"] = [name.encode() for name in weights]
            for name, value in weights.items():
                held[name] = value


def test_an_npz_gives_its_arrays_by_variable_path(folder, read):
    np.savez(folder / "net.npz", **{"conv/kernel": KERNEL, "conv/bias": BIAS})
    found = read("net.npz")
    assert list(found) == ["conv/kernel", "conv/bias"]
    np.testing.assert_array_equal(found["conv/kernel"], KERNEL)


def test_an_h5_of_keras_applications_gives_every_variable_of_the_body(folder, read):
    import keras

    model = keras.applications.MobileNet((32, 32, 3), alpha=0.25, include_top=False, weights=None)
    layers = {
        layer.name: {f"{v.path}:0": np.array(v) for v in layer.weights} for layer in model.layers
    }
    write_h5(folder / "mobilenet_notop.h5", layers)
    found = read("mobilenet_notop.h5")
    assert found.keys() == {v.path for v in model.weights}
    for variable in model.weights:
        np.testing.assert_array_equal(found[variable.path], variable)


def test_the_old_names_that_vgg16_is_published_with_become_variable_paths(folder, read):
    old = {"block1_conv1": {"block1_conv1_W_1:0": KERNEL, "block1_conv1_b_1:0": BIAS}}
    write_h5(folder / "vgg16.h5", {"input_1": {}, **old})
    found = read("vgg16.h5")
    assert list(found) == ["block1_conv1/kernel", "block1_conv1/bias"]
    np.testing.assert_array_equal(found["block1_conv1/kernel"], KERNEL)


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("bn/gamma:0", "bn/gamma"),
        ("model/bn/moving_variance:0", "bn/moving_variance"),
        ("bn_running_mean_1:0", "bn/moving_mean"),
        ("bn_running_std_2:0", "bn/moving_variance"),
    ],
)
def test_every_way_of_writing_a_name_becomes_layer_and_variable(name, variable):
    assert rename_variable("bn", name) == variable


def test_a_whole_saved_model_gives_its_weights_and_its_description_is_not_read(folder, read):
    write_h5(folder / "whole.h5", {"conv": {"conv/kernel:0": KERNEL}}, group="model_weights")
    with h5py.File(folder / "whole.h5", "a") as file:
        file.attrs["model_config"] = "no JSON at all"
    np.testing.assert_array_equal(read("whole.h5")["conv/kernel"], KERNEL)


def test_a_list_of_layers_that_was_cut_in_pieces_is_read_whole(folder, read):
    write_h5(folder / "long.h5", {n: {f"{n}/bias:0": BIAS} for n in ("a", "b", "c")})
    with h5py.File(folder / "long.h5", "a") as file:
        del file.attrs["layer_names"]
        file.attrs["layer_names0"] = [b"a", b"b"]
        file.attrs["layer_names1"] = [b"c"]
    assert list(read("long.h5")) == ["a/bias", "b/bias", "c/bias"]


@pytest.mark.parametrize("name", ["net.npz", "net.h5"])
def test_another_digest_is_refused_before_the_file_is_opened(folder, name, monkeypatch):
    folder.mkdir()
    (folder / name).write_bytes(b"anything")

    def never(*args, **kwargs):
        raise AssertionError("the file was parsed")

    monkeypatch.setattr(np, "load", never)
    monkeypatch.setattr(h5py, "File", never)
    monkeypatch.setattr(zipfile.ZipFile, "__init__", never)
    found = digest(folder / name)
    with pytest.raises(ValueError, match=f"has SHA-256 {found}, expected {'0' * 64}"):
        WeightFiles(filepath=str(folder)).load()(name, "0" * 64)


def test_a_missing_file_is_named_with_those_that_are_there(folder, read):
    np.savez(folder / "other.npz", a=BIAS)
    with pytest.raises(FileNotFoundError, match=r"The folder holds: other\.npz\..*downloaded"):
        WeightFiles(filepath=str(folder)).load()("net.h5", "0" * 64)


def test_a_folder_that_is_not_there_matters_only_when_a_file_is_wanted(folder):
    reader = WeightFiles(filepath=str(folder)).load()
    with pytest.raises(FileNotFoundError, match="holds: none"):
        reader("net.h5", "0" * 64)


@pytest.mark.parametrize("name", ["../net.npz", "a/net.npz", "net.keras", "net.pkl", "net.bin"])
def test_another_ending_or_another_folder_is_refused(folder, name):
    with pytest.raises(ValueError, match="is no file of weights"):
        WeightFiles(filepath=str(folder)).load()(name, "0" * 64)


def test_weights_of_keras_3_are_refused_with_the_way_out(folder, read):
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save_weights(folder / "net.weights.h5")
    with pytest.raises(ValueError, match=r"names no layers.*Keras 3's.*write an \.npz"):
        read("net.weights.h5")


def test_a_keras_file_under_another_name_is_refused(folder, read):
    with zipfile.ZipFile(folder / "net.npz", "w") as file:
        file.writestr("config.json", "{}")
    with pytest.raises(ValueError, match=r"config\.json, which is no array"):
        read("net.npz")


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return (open, (self.path, "w"))


def test_a_pickle_is_refused_and_never_run(folder, read, tmp_path):
    mark = tmp_path / "ran"
    np.savez(folder / "objects.npz", a=np.array([Bomb(mark)], object))
    with pytest.raises(ValueError, match="Python objects"):
        read("objects.npz")
    for name, message in (("plain.npz", "no .npz file"), ("plain.h5", "no HDF5 file")):
        (folder / name).write_bytes(pickle.dumps(Bomb(mark)))
        with pytest.raises(ValueError, match=message):
            read(name)
    assert not mark.exists()


def test_an_h5_that_points_into_another_file_is_refused(folder, read):
    write_h5(folder / "other.h5", {"conv": {"conv/kernel:0": KERNEL}})
    with h5py.File(folder / "net.h5", "w") as file:
        file.attrs["layer_names"] = [b"conv"]
        file["conv"] = h5py.ExternalLink(str(folder / "other.h5"), "/conv")
    with pytest.raises(ValueError, match="lists conv, but does not hold it"):
        read("net.h5")
    (folder / "numbers").write_bytes(KERNEL.tobytes())
    write_h5(folder / "net.h5", {"conv": {"conv/kernel:0": KERNEL}})
    with h5py.File(folder / "net.h5", "a") as file:
        del file["conv/conv/kernel:0"]
        stored = [(str(folder / "numbers"), 0, KERNEL.nbytes)]
        file["conv"].create_dataset("conv/kernel:0", KERNEL.shape, "f4", external=stored)
    with pytest.raises(ValueError, match="lie in another file"):
        read("net.h5")


def test_an_h5_that_lists_what_it_does_not_hold_is_refused(folder, read):
    write_h5(folder / "net.h5", {"conv": {"conv/kernel:0": KERNEL}})
    with h5py.File(folder / "net.h5", "a") as file:
        del file["conv/conv/kernel:0"]
    with pytest.raises(ValueError, match="lists conv/kernel:0, but does not hold it"):
        read("net.h5")


@pytest.mark.parametrize("value", [np.array([np.nan]), np.array(["text"])])
def test_what_is_no_finite_number_is_refused(folder, read, value):
    np.savez(folder / "net.npz", **{"conv/kernel": value})
    with pytest.raises(ValueError, match=r"conv/kernel is .* finite numbers"):
        read("net.npz")


def test_files_of_weights_are_never_written(folder):
    with pytest.raises(Exception, match="by hand"):
        WeightFiles(filepath=str(folder)).save({})
