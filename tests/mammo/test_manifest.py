"""The manifest changes with the folder and with nothing else; lists that come along are read."""

from __future__ import annotations

import hashlib
import hmac
import shutil
import subprocess

import pytest

from mammo_pipeline.mammo.manifest import (
    find_manifests,
    join_sums,
    manifest_version,
    parse_sums,
    render_manifest,
)

KEY = b"k" * 32
A, B = "a" * 64, "b" * 64
ROWS = [(A, 10, "0f"), (B, 20, "0e"), ("", 30, "0d")]


def test_a_line_is_keyed_sum_size_and_pseudonym_sorted_by_pseudonym():
    keyed = hmac.new(KEY, bytes.fromhex(A), hashlib.sha256).hexdigest()
    head, *lines = render_manifest(ROWS, KEY).splitlines()
    assert head.startswith("# raw folder | files 3 | read 2 | bytes 60 | sha256 ")
    assert [line.split(" ")[1:] for line in lines] == [["30", "0d"], ["20", "0e"], ["10", "0f"]]
    assert lines[0].split(" ")[0] == "-"
    assert lines[2].split(" ")[0] == keyed


def test_the_order_in_which_files_are_found_does_not_matter():
    assert render_manifest(ROWS[::-1], KEY) == render_manifest(iter(ROWS), KEY)


@pytest.mark.parametrize(
    "changed",
    [
        [(B, 10, "0f"), *ROWS[1:]],
        [(A, 11, "0f"), *ROWS[1:]],
        [(A, 10, "0c"), *ROWS[1:]],
        ROWS[1:],
        [*ROWS, (A, 10, "10")],
    ],
    ids=["content", "size", "name", "vanished", "grown"],
)
def test_any_change_of_the_folder_is_another_version(changed):
    text = render_manifest(changed, KEY)
    assert manifest_version(text) != manifest_version(render_manifest(ROWS, KEY))


def test_the_sum_of_a_short_file_cannot_be_guessed_without_the_key():
    guess = hashlib.sha256(b"4711\n").hexdigest()
    text = render_manifest([(guess, 5, "0f")], KEY)
    assert guess not in text
    assert text != render_manifest([(guess, 5, "0f")], b"another")


@pytest.mark.parametrize("row", [("A" * 64, 1, "x"), ("ab", 1, "x"), (A, -1, "x"), (A, 1, "0f")])
def test_a_row_that_is_no_row_is_refused(row):
    with pytest.raises(ValueError, match="64 hex digits or none"):
        render_manifest([*ROWS, row], KEY)


def test_a_manifest_that_was_cut_or_edited_has_no_version():
    text = render_manifest(ROWS, KEY)
    assert text.split("sha256 ")[1].startswith(manifest_version(text))
    for broken in (text[:-1], text.replace(" 20 ", " 21 "), text.split("\n", 1)[1], ""):
        with pytest.raises(ValueError, match="cut off or was edited"):
            manifest_version(broken)


LISTS = ["SHA256SUMS", "SHA256SUMS.txt", "sha256sum.txt", "export-sha256sums.txt", "IM1.dcm.sha256"]
LISTS += ["CHECKSUMS.sha256", "manifest-sha256.txt", "tagmanifest-sha256.txt", "x.SHA256.txt"]
NO_LISTS = ["manifest-md5.txt", "sha256.dcm", "SHA256SUMS.gpg", "sums", ".sha256", "sha256sums.dcm"]


def test_lists_are_known_by_their_names_in_any_folder():
    named = [f"a b/{name}" for name in LISTS + NO_LISTS]
    assert find_manifests(named) == sorted(f"a b/{name}" for name in LISTS)
    assert find_manifests(LISTS + NO_LISTS) == sorted(LISTS)


@pytest.mark.parametrize(
    "line",
    [
        f"{A}  a/b.dcm",
        f"{A} *a/b.dcm",
        f"{A.upper()}  ./a/b.dcm",
        f"{A} a/b.dcm",
        f"{A}\ta/b.dcm",
        f"{A}  a\\b.dcm",
        f"{A}  .\\a\\b.dcm\r",
        f"SHA256 (a/b.dcm) = {A}",
        f"SHA256(a/b.dcm)= {A}",
        f"SHA2-256(a/b.dcm)= {A}",
        f"\ufeff# made by hand\n\n \r\n; so\r\n{A}  a/b.dcm\n{A}  a/b.dcm\n",
    ],
)
def test_every_form_of_a_line_is_read(line):
    assert parse_sums(line) == {"a/b.dcm": A}


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"{A}  two  words (1) = x.dcm", "two  words (1) = x.dcm"),
        (f"{A}  *star", "*star"),
        (f"{A}   space", " space"),
        (f"SHA256 (a) (b)) = {A}", "a) (b)"),
        (f"\\{A}  a\\nb\\\\n\\rc", "a\nb\\n\rc"),
        (f"\\SHA256 (a\\\\b) = {A}", "a\\b"),
        (f"{A}  a\u2028b\x0b\udcff", "a\u2028b\x0b\udcff"),
    ],
)
def test_odd_names_come_through(line, name):
    assert parse_sums(line + "\n") == {name: A}


def test_what_sha256sum_writes_is_read(tmp_path):
    command = shutil.which("sha256sum")
    if command is None:
        pytest.skip("sha256sum is not installed")
    names = ["a b.dcm", "x\ny", "back\\slash", "back\\nslash", "*star", " lead", "(x) = y"]
    for name in names:
        (tmp_path / name).write_text(name)
    expected = {name: hashlib.sha256(name.encode()).hexdigest() for name in names}
    for option in ("--text", "--binary", "--tag"):
        told = subprocess.run(
            [command, option, *names], cwd=tmp_path, capture_output=True, check=True
        )
        assert parse_sums(told.stdout.decode()) == expected


def test_names_are_relative_to_the_list():
    assert parse_sums(f"{A}  d/a", "bag/SHA256SUMS") == {"bag/d/a": A}
    assert parse_sums(f"{A}  ../a", "bag/SHA256SUMS") == {"a": A}
    assert parse_sums(f"{A}\n", "bag/a.dcm.sha256") == {"bag/a.dcm": A}
    with pytest.raises(ValueError, match="line 1 "):
        parse_sums(f"{A}\n", "bag/SHA256SUMS")


def test_bagit_escapes_as_in_an_address_and_aligns_with_spaces():
    text = f"{A}    data/a%0Ab%25%0d.dcm\n{B} *data/c\n"
    expected = {"bag/data/a\nb%\r.dcm": A, "bag/data/c": B}
    assert parse_sums(text, "bag/manifest-sha256.txt") == expected
    assert parse_sums(f"{A}  100%25", "bag/SHA256SUMS") == {"bag/100%25": A}


SECRET = "DOE^JANE"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"{A}  {SECRET}\n{B}  ./{SECRET}\n", "lines 1 and 2 "),
        (f"{A}  x\n\n{A[1:]}  {SECRET}\n", "line 3 "),
        (f"{A}0  {SECRET}\n", "line 1 "),
        (f"MD5 ({SECRET}) = {A[:32]}\n", "line 1 "),
        (f"{A}  ../{SECRET}\n", "line 1 .*within the raw folder"),
        (f"{A}  /export/{SECRET}\n", "line 1 .*within the raw folder"),
        (f"{A}  C:\\export\\{SECRET}\n", "line 1 .*within the raw folder"),
        (f"{A}\n", "line 1 .*within the raw folder"),
        ("# nothing\n", "states no sum"),
    ],
)
def test_a_bad_list_is_refused_by_its_line_and_never_by_a_name(text, told):
    with pytest.raises(ValueError, match=told) as caught:
        parse_sums(text, "SHA256SUMS")
    assert SECRET not in str(caught.value)


def test_lists_that_contradict_each_other_are_refused_without_a_name():
    whole = f"{A}  {SECRET}.dcm\n{B}  y\n"
    same = {"SHA256SUMS": whole, f"{SECRET}.dcm.sha256": A}
    assert join_sums(same) == {f"{SECRET}.dcm": A, "y": B}
    with pytest.raises(ValueError, match="contradict each other on 1 file") as caught:
        join_sums({**same, f"{SECRET}.dcm.sha256": B})
    assert SECRET not in str(caught.value)
