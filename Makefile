# Two commands lead: `make demo` and `make test`. The rest is for those who change the code.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
BENCH_VENV := .venv-bench

.DEFAULT_GOAL := help
.PHONY: help demo demo-exchange test lint format bench golden real-data docs lock clean

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{ printf "  make %-13s %s\n", $$1, $$2 }'

demo: $(VENV)/.run ## a generated market, one backtest, its report
	@$(PY) -m jobs.ingest store=demo exchange=synthetic timeframe=1m 'derive=[5m,15m,1h,4h,1d]'
	@$(PY) -m jobs.backtest store=demo strategy=ema_trend timeframe=1h

demo-exchange: $(VENV)/.run ## the same market over HTTP: a paper exchange, an import, a backtest, a check bar for bar
	@$(PY) -m jobs.ingest store=demo exchange=synthetic timeframe=1m 'derive=[5m,15m,1h,4h,1d]'
	@$(PY) scripts/demo_exchange.py

test: $(VENV)/.dev ## all tests
	$(PY) -m pytest -n 2 --dist loadgroup $(TESTS)

lint: $(VENV)/.dev ## style, types, layers
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

format: $(VENV)/.dev ## put the code into its format
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(BENCH_VENV)/.bench ## speed and memory beside vectorbt and backtesting.py
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH)

real-data: $(VENV)/.run ## import the real history beside the project into data/real
	$(PY) scripts/real_data.py

golden: $(VENV)/.dev ## rewrite the golden results of the real history
	$(PY) scripts/golden.py

docs: $(VENV)/.run ## rewrite the generated pages
	$(PY) -m arena.store.ledger.database_document
	$(PY) -m arena.backtest.metrics.document
	$(PY) -m arena.config.document
	$(PY) -m arena.reporting.schema

lock: $(VENV)/.dev ## resolve the dependencies anew
	$(PY) -m pip install --quiet uv
	cp /dev/null requirements/dev.lock
	$(VENV)/bin/uv pip compile $(LOCK) --extra dev -o requirements/dev.lock pyproject.toml
	$(VENV)/bin/uv pip compile $(LOCK) -c requirements/dev.lock -o requirements/run.lock pyproject.toml
	$(VENV)/bin/uv pip compile $(LOCK) --extra bench -c requirements/dev.lock -o requirements/bench.lock pyproject.toml

clean: ## remove environments and caches, never data or reports
	rm -rf $(VENV) $(BENCH_VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements/run.lock | $(VENV)/bin/python
	$(PY) -m pip install --quiet --require-hashes --no-deps -r requirements/run.lock
	@touch $@

$(VENV)/.dev: requirements/dev.lock | $(VENV)/bin/python
	$(PY) -m pip install --quiet --require-hashes --no-deps -r requirements/dev.lock
	@touch $@ $(VENV)/.run

$(BENCH_VENV)/.bench: requirements/bench.lock
	$(PYTHON) -m venv $(BENCH_VENV)
	$(BENCH_VENV)/bin/python -m pip install --quiet --require-hashes --no-deps -r requirements/bench.lock
	@touch $@
