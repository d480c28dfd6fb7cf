# Each target sets up its own virtual environment first; Python 3.11+ is all that must be there.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# One more than two processors: tests often wait for what they start.
JOBS ?= 3
PYTEST = $(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder
KILLS ?= 200
SOAK ?= 60
SEED ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-long guides check bench soak kills format clean

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@echo "setting up $(VENV) from requirements.lock (once)" >&2
	@if command -v uv >/dev/null 2>&1; then \
	  uv venv --quiet --clear --python $(PYTHON) $(VENV) && \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
	  uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
	  $(PYTHON) -m venv --clear $(VENV) && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@echo "reading the models and metrics (once)" >&2
	@$(BIN)/python -m orchestration.prepare || true
	@touch $@

setup: $(READY) ## Create .venv with the locked versions

demo: $(READY) ## Run the main job on the built-in company
	@$(BIN)/plumb run --company demo

test: $(READY) ## Run the tests
	@$(PYTEST)

test-long: $(READY) ## Run the tests that ask more of the same
	@PLUMBLINE_EXAMPLES=5 PLUMBLINE_NAIVE_EXAMPLES=600 \
	  $(PYTEST) -m "long or hypothesis" --hypothesis-profile long

guides: $(READY) ## Run every command of the guides that make test only reads
	@$(PYTEST) -m long tests/end_to_end/test_documents.py

check: $(READY) ## Lint, types, import layers, SQL style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --processes $(JOBS) models macros
	@$(BIN)/python -m pytest tests/unit/test_layers.py

bench: $(READY) ## Measure speed (ratios in one run)
	@$(BIN)/python -m tests.benchmarks

soak: $(READY) ## Serve under load for SOAK minutes (default 60)
	@$(BIN)/python -m tests.end_to_end.soak $(SOAK)

kills: $(READY) ## Kill 200 runs at random moments
	@$(BIN)/python -m tests.end_to_end.killing $(KILLS) $(SEED)

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

clean: ## Remove the virtual environment, the state and the caches
	rm -rf $(VENV) .plumbline build dist target logs *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
