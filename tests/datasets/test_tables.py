"""Label tables are read whole, whatever their encoding, and never half written."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.datasets import tables
from mammo_pipeline.datasets.tables import LabelTables


def test_a_file_is_its_own_folder(tmp_path):
    (tmp_path / "labels.csv").write_text("a,b\n1,2\n")
    (tmp_path / "other.csv").write_text("c\n")
    assert LabelTables(filepath=str(tmp_path / "labels.csv")).load() == {"labels.csv": "a,b\n1,2\n"}


def test_a_folder_gives_every_table_below_it_and_nothing_else(tmp_path):
    (tmp_path / "AllXML").mkdir()
    (tmp_path / ".git").mkdir()
    for name in ("b.TSV", "a.csv", "Info.txt", "AllXML/1.xml", "i.dcm", "._a.csv", ".git/c.csv"):
        (tmp_path / name).write_text("x\n")
    assert list(LabelTables(filepath=str(tmp_path)).load()) == [
        "AllXML/1.xml",
        "Info.txt",
        "a.csv",
        "b.TSV",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_a_name_with_an_umlaut_is_read_in_every_encoding(tmp_path, encoding):
    (tmp_path / "t.csv").write_bytes("patient_id\nMüller\n".encode(encoding))
    assert LabelTables(filepath=str(tmp_path)).load()["t.csv"] == "patient_id\nMüller\n"


@pytest.mark.parametrize("content", ["Müller".encode("utf-16") + b"x", b"\xff\xfe\x00\xd8"])
def test_a_broken_table_is_told_without_its_content(tmp_path, content):
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(Exception, match=r"Label table t\.csv: .*save it as CSV in UTF-8") as error:
        LabelTables(filepath=str(tmp_path)).load()
    chain = [error.value, error.value.__cause__, error.value.__cause__.__cause__]
    assert not any(isinstance(link, UnicodeDecodeError) for link in chain)
    assert "ller" not in str(error.value)


def test_line_ends_within_a_field_are_kept(tmp_path):
    (tmp_path / "t.csv").write_bytes(b'a\r\n"1\n"\r\n')
    assert LabelTables(filepath=str(tmp_path)).load()["t.csv"] == 'a\r\n"1\n"\r\n'


def test_a_missing_table_is_told_with_what_to_do(tmp_path):
    with pytest.raises(Exception, match=r"no label table .*globals\.yml.*fabricate"):
        LabelTables(filepath=str(tmp_path / "nowhere.csv")).load()


def test_a_workbook_is_told_to_be_saved_as_csv(tmp_path):
    (tmp_path / "INbreast.xls").write_bytes(b"x")
    with pytest.raises(Exception, match="Save the 1 workbooks there as CSV"):
        LabelTables(filepath=str(tmp_path)).load()


def test_a_folder_of_giants_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "LARGEST_BYTES", 3)
    (tmp_path / "t.csv").write_text("a,b\n")
    with pytest.raises(Exception, match="expected at most 3"):
        LabelTables(filepath=str(tmp_path)).load()


def test_what_fabricate_saves_is_what_ingest_loads(tmp_path):
    dataset = LabelTables(filepath=str(tmp_path / "deep/labels.csv"))
    table = pd.DataFrame({"patient_id": ["a"], "lesion_boxes": ["CC:mass:benign:1,2,3,4"]})
    dataset.save(table)
    assert dataset.load() == {"labels.csv": 'patient_id,lesion_boxes\na,"CC:mass:benign:1,2,3,4"\n'}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["labels.csv"]


def test_a_collection_s_tables_are_never_written(tmp_path):
    (tmp_path / "a.csv").write_text("precious")
    with pytest.raises(Exception, match="no CSV file"):
        LabelTables(filepath=str(tmp_path)).save(pd.DataFrame({"a": [1]}))
    assert (tmp_path / "a.csv").read_text() == "precious"


def test_a_failed_write_leaves_the_table_before(tmp_path):
    dataset = LabelTables(filepath=str(tmp_path / "labels.csv"))
    dataset.save(pd.DataFrame({"a": [1]}))

    class Broken(pd.DataFrame):
        def to_csv(self, path, **options):
            path.write_text("half")
            raise OSError("disk full")

    with pytest.raises(Exception, match="disk full"):
        dataset.save(Broken({"a": [2]}))
    assert dataset.load() == {"labels.csv": "a\n1\n"}
