# The two commands: `make bench` (from nothing to a table) and `make test`.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# What is needed to run, and beside it what is needed to change the code.
USE := $(VENV)/.installed-offline
DEV := $(VENV)/.installed-dev

.PHONY: bench test lint install

bench: $(USE)
	$(BIN)/vid2vidmr build minimatch
	$(BIN)/vid2vidmr features minimatch
	$(BIN)/vid2vidmr bench --dataset minimatch --methods matr,moment_detr,dtw-match,video-match --seeds 2

test: $(DEV)
	$(BIN)/python -m pytest

lint: $(DEV)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

install: $(DEV)

# A stamp is named after its extra and written last: an install that was stopped is made again.
$(VENV)/.installed-%: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable ".[$*]"
	touch $@
