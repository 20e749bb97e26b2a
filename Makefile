# Two commands: `make demo` and `make test`. Each builds .venv from the hash-locked lists first.
PYTHON ?= python3
BIN := .venv/bin

# `make gpu` leaves the mark .venv/gpu: as long as it is there, every target takes the list with CUDA.
GPU := $(wildcard .venv/gpu)
LOCK := $(if $(GPU),requirements-gpu.lock,requirements.lock)

# No tool of the stack may report home, nor may a plain shell command started from here.
export KEDRO_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
export DVC_NO_ANALYTICS := 1
export GX_ANALYTICS_ENABLED := false
export MLFLOW_ALLOW_PICKLE_DESERIALIZATION := false

.PHONY: demo test lint setup gpu s3 lock clean

demo: setup
	$(BIN)/kedro run --config kedro.yml

test: setup lint
	$(BIN)/pytest

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

setup: .venv/installed

.venv/installed: requirements-setup.lock $(LOCK) $(GPU) pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(None if (3, 11) <= v < (3, 14) else f"Python {v[0]}.{v[1]} found, 3.11 to 3.13 expected: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-setup.lock
	$(if $(GPU),$(BIN)/uv pip uninstall --quiet --python $(BIN)/python tensorflow-cpu)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $(LOCK)
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	touch $@

# A Linux machine with an NVIDIA GPU (docs/gpu.md). Remove .venv to go back to the CPU.
gpu: .venv/gpu
	$(MAKE) setup

.venv/gpu:
	mkdir -p .venv
	touch $@

# What DVC needs beside for a remote on S3 (docs/data_versions.md); changes no installed version.
s3: setup
	$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r requirements-s3.lock

# After a change of the dependencies in pyproject.toml.
lock: setup
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev -o requirements.lock pyproject.toml
	echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" -o requirements-setup.lock -
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --group s3 --constraint requirements.lock -o requirements-s3.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev --group gpu --no-emit-package tensorflow-cpu --constraint requirements.lock -o requirements-gpu.lock pyproject.toml

clean:
	rm -rf .venv data/demo
