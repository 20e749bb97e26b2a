"""The store gives back what it was given, does nothing twice, and survives disks and kills."""

from __future__ import annotations

import hashlib
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.datasets.packs import list_packs, name_pack
from mammo_pipeline.datasets.store import ImageStore, ImageStream

SHAPE = (6, 4)
REFUSED = 3


def canvas(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 65536, SHAPE).astype(np.uint16)


def key_of(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()


def stream(names, made=None, gone=(), shape_px=SHAPE):
    """A stream of pictures by name; 3 is refused, and files in `gone` have changed."""

    def make(numbers):
        for number in numbers:
            if made is not None:
                made.append(number)
            if number in gone:
                yield number, None, {"code": "changed_since_ingest"}
            elif names[number] == REFUSED:
                yield number, None, {"code": "no_breast"}
            else:
                facts = {"code": "accepted", "mean": names[number] / 3}
                yield number, encode_canvas(canvas(names[number])), facts

    records = [{"image_id": f"i{number}"} for number in range(len(names))]
    keys = [key_of(name) for name in names]
    return ImageStream(shape_px, keys, records, make, frozenset({"changed_since_ingest"}))


def make_store(folder: Path, pack_bytes: int = 600) -> ImageStore:
    return ImageStore(filepath=str(folder), pack_bytes=pack_bytes)


def digest(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def pack_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("packs/*.pack"))


def test_images_come_back_at_their_positions(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream([0, REFUSED, 2]))
    stored = store.load()
    assert stored.index["position"].tolist() == [0, -1, 1]
    assert stored.index["code"].tolist() == ["accepted", "no_breast", "accepted"]
    assert stored.index["mean"].tolist()[::2] == [0, 2 / 3]
    assert not [name for name in stored.index if name.startswith("_")]
    np.testing.assert_array_equal(stored.pixels[1], canvas(2))


def test_no_image_at_all_is_a_store_too(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream([]))
    assert store.load().pixels.shape == (0, *SHAPE)
    assert np.asarray(store.load().pixels).shape == (0, *SHAPE)


def test_a_second_run_makes_nothing_and_changes_no_byte(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream(range(9)))
    before, made = digest(tmp_path / "s"), []
    store.save(stream(range(9), made))
    assert (made, digest(tmp_path / "s")) == ([], before)
    assert len(list_packs(tmp_path / "s/packs")) > 2


def test_a_changed_key_makes_only_its_image_anew(tmp_path):
    store, made = make_store(tmp_path / "s"), []
    store.save(stream([0, 1, 2, 5]))
    store.save(stream([0, 1, 20, 5], made))
    assert made == [2]
    for position, number in enumerate([0, 1, 20, 5]):
        np.testing.assert_array_equal(store.load().pixels[position], canvas(number))


def test_pictures_of_one_key_share_a_record(tmp_path):
    store, made = make_store(tmp_path / "s"), []
    store.save(stream([7, 8, 7], made))
    stored = store.load()
    assert made == [0, 1]
    assert stored.index["position"].tolist() == [0, 1, 2]
    assert stored.index["image_id"].tolist() == ["i0", "i1", "i2"]
    np.testing.assert_array_equal(stored.pixels[2], canvas(7))


def test_a_refusal_is_kept_and_one_of_the_file_is_not(tmp_path):
    store, made = make_store(tmp_path / "s"), []
    store.save(stream([0, REFUSED, 2], gone={2}))
    assert store.load().index["code"].tolist()[1:] == ["no_breast", "changed_since_ingest"]
    store.save(stream([0, REFUSED, 2], made))
    assert made == [2]
    assert store.load().index["position"].tolist() == [0, -1, 1]


def test_the_next_file_of_a_key_is_tried_where_the_first_has_changed(tmp_path):
    store, made = make_store(tmp_path / "s"), []
    store.save(stream([7, 8, 7, 7], made, gone={0, 2}))
    assert made == [0, 1, 2, 3]
    assert store.load().index["position"].tolist() == [-1, 0, -1, 1]


@pytest.mark.parametrize("kept_facts", [True, False])
def test_a_cut_run_continues_to_the_same_bytes(tmp_path, monkeypatch, kept_facts):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    names, whole = [0, REFUSED, 2, 5], tmp_path / "whole"
    make_store(whole, 300).save(stream(names))
    expected, numbers = digest(whole), list_packs(whole / "packs")
    assert len(numbers) > 1
    for number in numbers:
        # Every byte is cut at in test_packs; here the table is made, too.
        for size in range(number, name_pack(whole / "packs", number).stat().st_size, 61):
            cut = tmp_path / f"{number}-{size}"
            shutil.copytree(whole, cut)
            (cut / "index.parquet").unlink()
            for later in (n for n in numbers if n >= number):
                name_pack(cut / "packs", later).with_suffix(".facts").unlink(missing_ok=True)
                if later > number:
                    name_pack(cut / "packs", later).unlink()
            if not kept_facts:
                [path.unlink() for path in (cut / "packs").glob("*.facts")]
            os.truncate(name_pack(cut / "packs", number), size)
            make_store(cut, 300).save(stream(names))
            assert digest(cut) == expected, (number, size)


def test_bytes_that_never_reached_the_disk_are_made_anew(tmp_path):
    store = make_store(tmp_path / "s", 1 << 20)
    store.save(stream(range(5)))
    expected = digest(tmp_path / "s")
    pack = tmp_path / "s/packs/000000.pack"
    content = pack.read_bytes()
    pack.write_bytes(content[:-20] + bytes(20))
    store.save(stream(range(5)))
    assert digest(tmp_path / "s") == expected


WRITER = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_store import make_store, stream
data = stream(range(40))
def slowly(numbers, make=data.make):
    if os.fork() == 0:  # A worker that outlives its leader.
        time.sleep(60)
        os._exit(0)
    for made in make(numbers):
        time.sleep(0.005)
        yield made
make_store(Path(sys.argv[2])).save(type(data)(data.shape_px, data.keys, data.records, slowly))
"""


def start_writer(folder: Path) -> subprocess.Popen:
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", WRITER, here, str(folder)]
    return subprocess.Popen(command, start_new_session=True)


def wait_for_packs(folder: Path, count: int) -> None:
    deadline = time.monotonic() + 60
    while len(list_packs(folder / "packs")) < count and time.monotonic() < deadline:
        time.sleep(0.002)


def test_a_killed_run_continues_to_the_same_bytes(tmp_path):
    make_store(tmp_path / "whole").save(stream(range(40)))
    for packs in (1, 4):
        folder = tmp_path / str(packs)
        run = start_writer(folder)
        wait_for_packs(folder, packs)
        run.kill()
        run.wait()
        made = []
        make_store(folder).save(stream(range(40), made))
        os.killpg(run.pid, signal.SIGKILL)
        assert digest(folder) == digest(tmp_path / "whole")
        assert packs == 1 or len(made) < 40


def test_a_second_writer_is_told_to_wait(tmp_path):
    run = start_writer(tmp_path / "s")
    wait_for_packs(tmp_path / "s", 1)
    with pytest.raises(Exception, match="another run is writing there"):
        make_store(tmp_path / "s").save(stream([1]))
    run.kill()
    run.wait()
    make_store(tmp_path / "s").save(stream([1]))
    os.killpg(run.pid, signal.SIGKILL)


def test_a_reader_is_not_disturbed_by_a_writer(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream([0, 1]))
    stored = store.load()
    with pytest.raises(Exception, match="stops here"):
        store.save(broken_stream())
    store.save(stream([8, 9, 10]))
    np.testing.assert_array_equal(stored.pixels[1], canvas(1))


def broken_stream():
    def make(numbers):
        yield 0, encode_canvas(canvas(5)), {"code": "accepted"}
        raise RuntimeError("stops here")

    return ImageStream(SHAPE, [key_of("a"), key_of("b")], [{}, {}], make)


def test_a_full_disk_leaves_the_last_run_readable(tmp_path, monkeypatch, caplog):
    store = make_store(tmp_path / "s")
    store.save(stream([0, 1]))
    writes, pwrite = [], os.pwrite

    def fill_up(descriptor, content, at):
        writes.append(at)
        if len(writes) == 3:
            return pwrite(descriptor, content[: len(content) // 2], at)
        if len(writes) > 3:
            raise OSError(28, "No space left on device")
        return pwrite(descriptor, content, at)

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", fill_up)
        with pytest.raises(Exception, match="Make room on the disk"):
            store.save(stream([0, 1, 10, 11, 12, 13]))
    np.testing.assert_array_equal(store.load().pixels[1], canvas(1))
    made = []
    store.save(stream([0, 1, 10, 11, 12, 13], made))
    assert made == [4, 5]
    assert "cut off" not in caplog.text


def test_prune_keeps_what_is_used_and_the_table_that_readers_see(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream(range(10)))
    store.save(stream([0, 5, REFUSED, 9, 20]))
    before = store.load().index
    size = pack_bytes(tmp_path / "s")
    assert 0 < store.prune() == size - pack_bytes(tmp_path / "s")
    assert before.equals(store.load().index)
    for position, number in enumerate([0, 5, 9, 20]):
        np.testing.assert_array_equal(store.load().pixels[position], canvas(number))
    made = []
    store.save(stream([0, 5, REFUSED, 9, 20], made))
    assert (made, store.prune()) == ([], 0)


@pytest.mark.parametrize("instant", ["before the table", "before the removal"])
def test_a_killed_prune_leaves_a_whole_store(tmp_path, monkeypatch, instant):
    store = make_store(tmp_path / "s")
    store.save(stream(range(10)))
    store.save(stream([0, 5, 9]))
    with monkeypatch.context() as kill:
        if instant == "before the table":
            kill.setattr(ImageStore, "_write_index", lambda *_: 1 / 0)
        else:
            kill.setattr(Path, "unlink", refuse_packs)
        with pytest.raises(ZeroDivisionError):
            store.prune()
    for _ in range(2):
        for position, number in enumerate([0, 5, 9]):
            np.testing.assert_array_equal(store.load().pixels[position], canvas(number))
        store.prune()
    made = []
    store.save(stream([0, 5, 9], made))
    assert (made, store.prune()) == ([], 0)
    make_store(tmp_path / "fresh").save(stream([0, 5, 9]))
    assert pack_bytes(tmp_path / "s") == pack_bytes(tmp_path / "fresh")


UNLINK = Path.unlink


def refuse_packs(path, missing_ok=False):
    if path.suffix == ".pack":
        raise ZeroDivisionError
    UNLINK(path, missing_ok=missing_ok)


def test_a_damaged_image_is_named_and_removing_its_pack_heals(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream(range(9)))
    pack = tmp_path / "s/packs/000000.pack"
    content = bytearray(pack.read_bytes())
    content[-3] ^= 1
    pack.write_bytes(content)
    stored = store.load()
    damaged = []
    for position in range(len(stored.pixels)):
        try:
            stored.pixels[position]
        except ValueError as error:
            damaged.append(str(error))
    assert len(damaged) == 1
    assert "Image i" in damaged[0] and "Remove that file" in damaged[0]
    pack.unlink()
    with pytest.raises(Exception, match="Rerun `standardize`"):
        store.load()
    store.save(stream(range(9)))
    np.testing.assert_array_equal(store.load().pixels[1], canvas(1))


def test_a_cut_pack_is_noticed_and_the_next_run_heals_it(tmp_path):
    store, made = make_store(tmp_path / "s"), []
    store.save(stream(range(9)))
    pack = tmp_path / "s/packs/000001.pack"
    pack.write_bytes(pack.read_bytes()[:-2])
    with pytest.raises(Exception, match="Rerun `standardize`"):
        store.load()
    store.save(stream(range(9), made))
    assert 0 < len(made) < 4
    np.testing.assert_array_equal(store.load().pixels[4], canvas(5))


def test_the_old_layout_is_replaced(tmp_path):
    store = make_store(tmp_path / "s")
    (tmp_path / "s").mkdir()
    (tmp_path / "s/pixels.u16").write_bytes(b"old")
    store.save(stream([1]))
    assert not (tmp_path / "s/pixels.u16").exists()
    np.testing.assert_array_equal(store.load().pixels[0], canvas(1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shape_px": (4, 4)}, "takes uint16 images"),
        ({"keys": ["ab"] * 2}, "64 hexadecimal digits"),
        ({"keys": ["ab"]}, "1 keys for 2 images"),
        ({"make": lambda numbers: iter([(1, None, {})])}, "out of turn"),
        ({"make": lambda numbers: iter([(0, None, {})])}, "image 1 was not made"),
        ({"make": lambda numbers: iter([(0, None, {"image_id": "x"})])}, "facts may not say"),
    ],
)
def test_a_stream_that_breaks_its_promises_is_refused(tmp_path, change, said):
    data = stream([0, 1])
    store = make_store(tmp_path / "s")
    with pytest.raises(Exception, match=said):
        store.save(ImageStream(**{**data.__dict__, **change}))
    assert not store.exists()


def test_stored_images_travel_to_a_worker(tmp_path):
    store = make_store(tmp_path / "s")
    store.save(stream([0, 1]))
    stored = store.load()
    assert stored.pixels[0].any()
    again = pickle.loads(pickle.dumps(stored))
    np.testing.assert_array_equal(again.pixels[1], canvas(1))
