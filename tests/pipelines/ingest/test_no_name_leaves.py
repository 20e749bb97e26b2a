"""Hundreds of planted texts enter the room; none is in what leaves it, in no log and no page."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless

import planted_tokens
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.pipelines.ingest import nodes
from planted_tokens import COMPRESSED, NATIVE, Tokens, find_tokens, plant, source, write
from small_archive import draw_breast, ingest_rules, write_folder

KEY = b"k" * 32
SYNTAXES = [*NATIVE, *COMPRESSED]


def plant_files(token: Tokens, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Images that pass and images that are refused, in seven syntaxes, tokens in every name."""
    files = {}
    for number, syntax in enumerate(SYNTAXES):
        for sound in (True, False):
            patient = token()
            pixels = draw_breast((40, 33), "left", seed=10 * number + sound)
            monkeypatch.setattr(planted_tokens, "PIXELS", pixels)
            plain = syntax if syntax in COMPRESSED else planted_tokens.ExplicitVRLittleEndian
            dataset = source(plain, patient=patient)
            plant(dataset, token)
            dataset.PatientID = patient
            if not sound:
                spoil(dataset, number, token)
            with monkeypatch.context() as calm:
                if sound:
                    calm.setattr(planted_tokens, "add_to_pixels", swap_pixels)
                name = f"{token()}/{token()}/{token()}.dcm"
                files[name] = write(dataset, syntax, token)
    return files


def swap_pixels(dataset, syntax, _) -> None:
    """The pixels as they are, in the byte order of the syntax, with nothing behind them."""
    if syntax == planted_tokens.ExplicitVRBigEndian:
        values = dataset.PixelData
        swapped = bytearray(values)
        swapped[0::2], swapped[1::2] = values[1::2], values[0::2]
        dataset["PixelData"].value = bytes(swapped)


def spoil(dataset, number: int, token: Tokens) -> None:
    """Something else to refuse in every file, in words that a careless message would repeat."""
    odd = [
        ("ViewPosition", "ViewCodeSequence"),
        ("ImageLaterality", "Laterality"),
        ("Modality", None),
        ("PhotometricInterpretation", None),
        ("PresentationIntentType", None),
        ("StudyDate", "StudyInstanceUID"),
        ("SOPClassUID", None),
    ]
    keyword, rival = odd[number]
    if rival and rival in dataset:
        delattr(dataset, rival)
    value = "1.2.99" if keyword == "SOPClassUID" else token()
    setattr(dataset, keyword, value)


@pytest.fixture
def left_behind(tmp_path: Path, ledger, monkeypatch, caplog, capfd):
    """(every text that leaves the room, the planted tokens, the table of files)."""
    caplog.set_level(logging.DEBUG)
    token = Tokens()
    root = write_folder(tmp_path / token(), plant_files(token, monkeypatch))
    (root / f"{token()}.txt").write_text(token())
    caplog.clear()  # What writing the odd files said is not the room's.
    capfd.readouterr()
    folder = FolderOfFiles(root)
    rules = ingest_rules(minimum_field_mm=0, look_for_text=False)
    images, files, private = nodes.index_files(folder, ledger, KEY, rules)
    out = io.StringIO()
    for table in (images, files):
        table.to_csv(out)
    out.write(nodes.write_raw_manifest(private, KEY))
    changes = nodes.compare_with_last(folder, ledger, private)
    counts = {"labels": 0, "labels_without_image": 0, "cancers_without_image": 0, "listed": 0}
    flow = nodes.close_ingest(folder, ledger, files, private, counts, changes)
    out.write(json.dumps([changes, flow]))
    printed = capfd.readouterr()
    said = out.getvalue() + caplog.text + printed.out + printed.err
    return said, token.planted, files, private


def test_none_of_a_thousand_planted_tokens_leaves_the_room(left_behind):
    said, tokens, files, _ = left_behind
    assert len(tokens) > 1000
    assert find_tokens(said.encode(), tokens) == []
    fates = files["fate"].value_counts()
    assert fates["accepted"] >= len(SYNTAXES) - 1
    assert fates.drop("accepted").sum() >= len(SYNTAXES)


def test_the_private_table_alone_knows_the_names(left_behind):
    *_, tokens, _, private = left_behind
    assert len(find_tokens(private.to_csv().encode(), tokens)) > 3 * len(SYNTAXES)


def test_a_message_that_repeats_the_file_would_be_found(left_behind):
    said, tokens, _, _ = left_behind
    assert find_tokens((said + f"no view: {tokens[7].lower()}").encode(), tokens) == [tokens[7]]


def test_the_syntaxes_are_more_than_four():
    assert {ImplicitVRLittleEndian, JPEG2000Lossless} < set(SYNTAXES)
