# The two commands: `make bench` (from nothing to a table) and `make test`.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
# What is needed to run, and beside it what is needed to change the code.
USE := $(VENV)/.installed-offline
DEV := $(VENV)/.installed-dev

.PHONY: bench results guide test lint install

bench: $(USE)
	$(BIN)/vid2vidmr build minimatch
	$(BIN)/vid2vidmr features --dataset minimatch
	$(BIN)/vid2vidmr bench --dataset minimatch --methods align_refine,matr,moment_detr,local-match,dtw-match,align_learned --seeds 2

# The boards of docs/results.md, from the stored predictions.
results: $(USE)
	$(BIN)/vid2vidmr leaderboard build --out site
	$(BIN)/python -m leaderboard.results site docs/results.md

# The guide, into site-guide/; a broken link stops it.
guide: $(VENV)/.installed-guide
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

# A process for each core; tests of a file share fixtures, and stay together, slow files are early.
test: $(DEV)
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

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
