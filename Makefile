# Two commands for everybody: `make demo` and `make test`.  Both set up first, into .venv, and only once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
DEMO ?=
CASES ?=
WORKERS ?= auto

.PHONY: help setup demo test check bench serve review-cases docs lock clean

help: ## Show what there is
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

setup: $(READY) ## Set up .venv from the locked, hashed requirements

$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Defuse needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { echo "Python lacks venv and pip; on Debian: apt-get install python3-venv" >&2; exit 2; }
	@echo "setting up .venv: some 150 packages, one to three minutes the first time"
	@$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
	$(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -c 'import lightgbm' \
	  || { echo "LightGBM needs the system's OpenMP library; on Debian: apt-get install libgomp1" >&2; exit 2; }
	@touch $@

demo: $(READY) ## Run the main job end to end, from SYNTHETIC records to one explained score
	$(BIN)/python demo.py $(DEMO)

test: $(READY) ## Run every test
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

check: $(READY) ## Lint, types, import rules, unused dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .

bench: $(READY) ## Run the benchmarks (installs the engines they are measured against)
	$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements-bench.txt
	$(BIN)/python -m benchmarks all

serve: $(READY) ## Serve the model in force on loopback, without tokens, until Ctrl-C
	DEFUSE_AUTH=off $(BIN)/defuse serve

review-cases: $(READY) ## Send ten SYNTHETIC sample cases to the service that runs, to be reviewed in a browser
	$(BIN)/python review_cases.py $(CASES)

docs: $(READY) ## Write the generated pages of the docs again
	$(BIN)/python docs/generate.py

lock: $(READY) ## Resolve the dependencies anew
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --generate-hashes --python-version 3.11 --upgrade \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements.txt
	$(BIN)/uv pip compile --group bench --universal --generate-hashes --python-version 3.11 -c requirements.txt \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" -o requirements-bench.txt

clean: ## Remove the environment, the state and all caches
	rm -rf .venv .defuse build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
