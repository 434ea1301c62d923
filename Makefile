# Each target installs what it needs, so each works alone in a new clone with Python 3.11 or newer (and its venv).

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TEST_WORKERS ?= 2

.PHONY: run test check lint bench setup

run: $(VENV)/installed
	$(BIN)/python -m streamlit run app.py --server.port 8501

# All tests. Those of one file run in one process, where they share servers and databases. Those that need a browser run
# one at a time: two browsers, each with a server and its workers, would slow each other down.
test: lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not browser"
	$(BIN)/python -m pytest -m browser

# What to run before each commit: about a minute on two cores.
check: lint
	$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist worksteal -m "not slow"

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

bench: setup
	$(BIN)/python -m benchmarks

setup: $(VENV)/installed-dev

$(VENV)/installed: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements.txt
	$(BIN)/python -c "from core.runs.worker import warm_up; warm_up()"  # compiles, so that the first start is fast, too
	touch $@

$(VENV)/installed-dev: requirements.txt requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -r requirements-dev.txt
	touch $@
