# The two commands: `make bench` (from nothing to a table) and `make test`.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: bench test lint install

bench: $(INSTALLED)
	$(BIN)/vid2vidmr build minimatch
	$(BIN)/vid2vidmr features minimatch
	$(BIN)/vid2vidmr bench --dataset minimatch --methods matr,moment_detr,dtw-match,video-match --seeds 2

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(INSTALLED)

# The stamp is written last: an install that was stopped is made again.
$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
