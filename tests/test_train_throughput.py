"""What the throughput benchmark counts, held against arithmetic by hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def benchmark():
    path = ROOT / "benchmarks/train_throughput.py"
    spec = importlib.util.spec_from_file_location("train_throughput", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_convolution_counts_two_a_multiplication_at_every_place(benchmark):
    import keras
    from keras import layers

    pixels = keras.Input((8, 6, 1))
    same = layers.Conv2D(4, 3, padding="same", use_bias=False)(pixels)  # 8x6 places, 3x3x1x4
    strided = layers.Conv2D(2, 3, strides=2)(layers.BatchNormalization()(same))  # 3x2, 3x3x4x2
    dense = layers.Dense(5)(layers.GlobalAveragePooling2D()(strided))  # 2x5
    expected = 2 * (48 * 36 + 6 * 72 + 10)
    assert benchmark.count_flops(keras.Model(pixels, dense)) == expected


def test_resnet50_counts_what_is_published(benchmark):
    """He et al. 2016, table 1: 3.8e9 multiplications at 224x224."""
    import keras

    body = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(224, 224, 3))
    assert benchmark.count_flops(body) / 2 == pytest.approx(3.86e9, rel=0.02)


def test_a_net_without_a_size_is_refused(benchmark):
    import keras
    from keras import layers

    pixels = keras.Input((None, None, 1))
    with pytest.raises(ValueError, match="build the net of images"):
        benchmark.count_flops(keras.Model(pixels, layers.Conv2D(2, 3)(pixels)))


@pytest.mark.parametrize(
    ("device", "precision", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", "bfloat16", 989.0),
        ("NVIDIA H100 PCIe", "bfloat16", 756.0),
        ("NVIDIA A100-SXM4-40GB", "float32", 156.0),
        ("cpu", "float32", None),
    ],
)
def test_the_peak_is_that_of_the_device_and_precision(benchmark, device, precision, peak):
    assert benchmark.find_peak(device, precision) == peak


def test_a_full_device_is_told_from_other_errors(benchmark):
    assert benchmark.is_memory_error(RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating"))
    assert benchmark.is_memory_error(MemoryError())
    assert not benchmark.is_memory_error(ValueError("shapes differ"))
