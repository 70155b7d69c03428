# `make` prints the targets. Needed: make and Python 3.11 or later.

PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
SEED ?= 7
WORKERS ?= 2
BIN := .venv/bin
READY := .venv/.ready

# Nothing of the caller's Python may reach into the project's own environment.
unexport PYTHONPATH PYTHONHOME

.PHONY: help setup clients test check torture demo bench docs clean

help:  ## print the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s%s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY)  ## create .venv with everything locked, once for each state of the lock files

$(READY): requirements-dev.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "setup: no Python 3.11 or later on PATH; install one, or say make setup PYTHON=/path/to/python3"; exit 2; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || $(PYTHON) -m venv --clear .venv || \
		{ echo "setup: $(PYTHON) cannot create virtual environments; install its venv package (python3-venv on Debian)"; exit 2; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)

clients: tests/clients/node_modules/.package-lock.json  ## install the JavaScript exporters that tests send with (needs npm)

tests/clients/node_modules/.package-lock.json: tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo "clients: no npm on PATH; without it the tests of JavaScript exporters are skipped"; exit 0; }; \
		cd tests/clients && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

test: setup clients  ## run the tests; make test t=tests/store runs some of them
	$(BIN)/pytest -n $(WORKERS) --dist loadfile $(t)

check: setup  ## what CI checks: format, lint, types, import contracts, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory test

torture: setup  ## the long kill, disk-full and random tests (50 rounds)
	HALO_TORTURE_ROUNDS=$${HALO_TORTURE_ROUNDS:-50} $(BIN)/pytest -m torture -s $(t)

demo: setup  ## watch a faulty agent and report on it; make demo SEED=9 draws other faults
	@$(BIN)/python scripts/demo.py --seed $(SEED)

bench: setup  ## measure ingest, disk, latency, memory and queries
	$(BIN)/python -m bench

docs: setup  ## write the generated pages and the picture of a report anew
	$(BIN)/python scripts/docs.py

clean:  ## remove everything that was made here, .venv included
	rm -rf .venv tests/clients/node_modules build dist demo-data .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
