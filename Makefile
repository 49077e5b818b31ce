# Everything starts from here. Needs Python 3.11 or newer, make, and a package registry: nothing else.
# Works with GNU make 3.81 (macOS).

PYTHON ?=
JOBS ?= auto
PYTEST_ARGS ?=
MINUTES ?= 60
FILES ?=
FIGURES ?=

VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet
# One stamp for what `run` needs, one for everything. They hold the folder they were made in: an environment
# that was copied or moved along with the tree points at the old place, and is made anew.
RUN_STAMP := $(VENV)/.jarvis-run
DEV_STAMP := $(VENV)/.jarvis-dev
STALE := $(shell $(PY) -c '' 2>/dev/null && test "$$(cat $(RUN_STAMP) 2>/dev/null)" = "$(CURDIR)" || echo again)

.DEFAULT_GOAL := help
.PHONY: help setup run test crash check fmt cover seeds mutants soak misbehave bench bench-quick pins clean again

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' Makefile

setup: $(DEV_STAMP) ## Make .venv with Jarvis and the development tools

run: $(RUN_STAMP) ## Run the daemon here, in the foreground (Ctrl-C stops it)
	@exec $(VENV)/bin/jarvis daemon

test: $(DEV_STAMP) ## Run the tests (PYTEST_ARGS="-k cron -x", JOBS=1)
	@$(PY) -m pytest -q -n $(JOBS) $(PYTEST_ARGS)

# One process, so that its lines are shown; and a long run is not taken for one that hangs.
crash: $(DEV_STAMP) ## Kill real daemons at random and print the account (CRASH_ROUNDS=300 SEED=1)
	@CRASH_ROUNDS=$${CRASH_ROUNDS:-300} $(PY) -m pytest -q -s -o faulthandler_timeout=0 tests/crash/test_kill.py $(PYTEST_ARGS)

check: $(DEV_STAMP) ## The whole truth: format, lint, types, import rules, documents, tests
	@echo "== format"
	@$(PY) -m ruff format --check --quiet . || { echo "run: make fmt"; exit 1; }
	@echo "== lint"
	@$(PY) -m ruff check --quiet .
	@echo "== types"
	@$(PY) -m mypy --strict --no-error-summary
	@echo "== imports"
	@$(VENV)/bin/lint-imports --no-logo > $(VENV)/lint-imports.txt 2>&1 || { cat $(VENV)/lint-imports.txt; exit 1; }
	@echo "== documents"
	@$(PY) -m pytest -q tests/docs
	@echo "== tests"
	@$(MAKE) --no-print-directory test PYTEST_ARGS="--ignore=tests/docs $(PYTEST_ARGS)"

fmt: $(DEV_STAMP) ## Format the code and fix what can be fixed by itself
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format --quiet .

cover: $(DEV_STAMP) ## Run the tests and show which lines none of them reached
	@$(PY) -m coverage erase
	@$(PY) -m coverage run -m pytest -q $(PYTEST_ARGS)
	@$(PY) -m coverage combine --quiet && $(PY) -m coverage report

mutants: $(DEV_STAMP) ## Change the pure files in small ways and see whether a test notices (FILES="plan cron")
	@$(PY) -c 'import mutmut' 2>/dev/null || $(PIP) install -c constraints.txt -e '.[mutation]'
	@$(PY) tests/mutation/mutants.py $(FILES)

# What it compares with is not needed by the tests. APScheduler 4 has the name of 3: it lives apart.
BENCH4 := build/bench-apscheduler4
BENCHED := apscheduler celery dbos huey procrastinate psycopg sqlalchemy

bench: $(DEV_STAMP) ## Measure Jarvis beside its peers, all figures or some (FIGURES="noop catchup"): minutes
	@$(PY) -c 'import sys, importlib.util as i; sys.exit(not all(map(i.find_spec, sys.argv[1:])))' $(BENCHED) || { \
	  echo "installing the peers"; $(PIP) install -c constraints.txt -e '.[bench]'; }
	@$(BENCH4)/bin/python -c 'import apscheduler, aiosqlite, sniffio' 2>/dev/null || { \
	  echo "making $(BENCH4)"; rm -rf $(BENCH4) && $(PY) -m venv $(BENCH4) && \
	  $(BENCH4)/bin/python -m pip --disable-pip-version-check --quiet install \
	    'apscheduler[sqlalchemy]==4.0.0a6' aiosqlite sniffio; }
	@$(PY) -m benchmarks $(FIGURES)

bench-quick: $(DEV_STAMP) ## See within 90 s whether the benchmarks work, with the peers that are here
	@$(PY) -m benchmarks --quick $(FIGURES)

soak: $(DEV_STAMP) ## Run a daemon at 50 runs a second for an hour and see whether anything grows (MINUTES=60)
	@$(PY) benchmarks/soak.py --minutes $(MINUTES)

misbehave: $(DEV_STAMP) ## Let Python handlers hang, crash, hoard and flood, and see how late the others start
	@$(PY) benchmarks/misbehave.py

seeds: $(DEV_STAMP) ## Live through many more seeded worlds than the tests do (SEEDS=100000 FIRST=0)
	@$(PY) -m tests.simulation.replay $${FIRST:-0} $${SEEDS:-100000}

pins: ## Write constraints.txt anew from the newest versions that pyproject.toml allows
	@rm -rf build/pins && mkdir -p build
	@$(find_python) "$$python" -m venv build/pins
	@build/pins/bin/python -m pip --disable-pip-version-check --quiet install --upgrade -e '.[bench,dates,dev,mutation]'
	@{ sed -n '/^#/p' constraints.txt; \
	   build/pins/bin/python -m pip --disable-pip-version-check freeze --exclude-editable --exclude setuptools \
	   | grep '^[A-Za-z0-9._-]*==' | LC_ALL=C sort -f; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt && rm -rf build/pins
	@echo "constraints.txt written; now: make check"

clean: ## Remove everything that was made, .venv as well
	@rm -rf $(VENV) build dist htmlcov src/*.egg-info .coverage .coverage.* .hypothesis
	@rm -rf .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find src tests -type d -name __pycache__ -prune -exec rm -rf {} +

# Sets $python to the first interpreter that is new enough and can make environments, or says what is missing.
define find_python
	python=; \
	for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$each" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "make: no Python 3.11 or newer with venv and ensurepip found" >&2; \
	  echo "      python3 is: $$(command -v python3 >/dev/null && python3 --version 2>&1 || echo missing)" >&2; \
	  echo "      install one (Debian: python3 and python3-venv; macOS: brew install python), or name it:" >&2; \
	  echo "      make setup PYTHON=/path/to/python3" >&2; \
	  exit 1; \
	fi;
endef

# Keeps an environment that works and was made here; an unmarked one that works is taken over as it is.
define environment
	$(PY) -c '' 2>/dev/null && made_in=$$(cat $(RUN_STAMP) 2>/dev/null || pwd) && [ "$$made_in" = "$(CURDIR)" ] || { \
	  $(find_python) \
	  echo "making $(VENV) with $$("$$python" --version)"; \
	  rm -rf $(VENV) && "$$python" -m venv $(VENV); \
	} || exit 1;
endef

$(RUN_STAMP): pyproject.toml constraints.txt $(STALE)
	@$(environment) echo "installing Jarvis"
	@$(PIP) install -c constraints.txt -e .
	@$(PY) -m compileall -q src # so that no start of the command line has to
	@echo "$(CURDIR)" > $@

$(DEV_STAMP): pyproject.toml constraints.txt $(STALE)
	@$(environment) echo "installing Jarvis and the development tools"
	@$(PIP) install -c constraints.txt -e '.[dates,dev]'
	@$(PY) -m compileall -q src
	@echo "$(CURDIR)" > $(RUN_STAMP)
	@echo "$(CURDIR)" > $@

again:
