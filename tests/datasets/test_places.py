"""The key of the pseudonyms is made once, kept, and never guessed."""

from __future__ import annotations

import stat

import pytest

from mammo_pipeline.datasets.places import SecretKey


def test_a_key_is_made_once_and_kept(tmp_path):
    path = tmp_path / "k/pseudonym.key"
    first = SecretKey(filepath=str(path)).load()
    assert len(first) == 32
    assert SecretKey(filepath=str(path)).load() == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_key_stops_the_run(tmp_path):
    path = tmp_path / "pseudonym.key"
    path.write_text("too short")
    with pytest.raises(Exception, match="64 hexadecimal digits"):
        SecretKey(filepath=str(path)).load()
