# Verbs for people and CI; `make help` lists them. Paths are relative, so that the checkout may lie anywhere.

.DEFAULT_GOAL := help

UV_VERSION := 0.13.9
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3 python3.12 python3.13 python3.11)
STAMP := .venv/.installed
RUN := PYTHONDONTWRITEBYTECODE= PYTHONPATH=include .venv/bin/python
COVERAGE_FLOOR := 90

.PHONY: help env demo team team-down compose-env test test-fast explore lint audit format docs up down bench bench-quick lock clean

help: ## list the verbs
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /\1	/' | expand -t 14

env: $(STAMP) ## make .venv from the lock (Python 3.11 to 3.13; PYTHON=... chooses one)

$(STAMP): requirements.txt requirements-dev.txt tools/make_environment.sh
	@./tools/make_environment.sh $(UV_VERSION) $(PYTHONS)
	@touch $@

demo: $(STAMP) ## the whole chain on a local cloud, what came of it, and everything stopped again (KEEP=1 waits for Ctrl-C)
	@$(RUN) -m headroom.sandbox.demo run $(if $(KEEP),--keep)

up: $(STAMP) ## the same, and leave cloud and Airflow up with the UI open; prints URL and password
	@$(RUN) -m headroom.sandbox.demo up

down: $(STAMP) ## stop what `make up` started
	@$(RUN) -m headroom.sandbox.demo down

team: $(STAMP) ## the same on PostgreSQL, Redis and two Celery workers, lake in S3 (KEEP=1 leaves it up; `make team-down` ends it)
	@$(RUN) -m headroom.sandbox.team $(if $(KEEP),up,run)

team-down: $(STAMP) ## stop what `make team KEEP=1` left up
	@$(RUN) -m headroom.sandbox.team down

compose-env: ## make .env for docker compose, with new secrets (SANDBOX=1: all on the sandbox cloud)
	@./tools/make_env_file.sh $(if $(SANDBOX),--sandbox)

test: $(STAMP) ## everything CI runs: lint, types, layers, SQL style, all tests, coverage
	@$(MAKE) --no-print-directory lint
	@rm -f .coverage .coverage.*
	@echo "== tests: unit, property, SQL, DAG, UI"
	@$(RUN) -m pytest -q -n 2 --cov=include/headroom --cov-report= -m "not integration and not end_to_end"
	@echo "== tests: integration, on servers of their own, and the whole chain through a real Airflow scheduler"
	@$(RUN) -m pytest -q -n 2 --dist loadscope --cov=include/headroom --cov-append --cov-report= -m "integration or end_to_end"
	@echo "== coverage of include/headroom: at least $(COVERAGE_FLOOR) %"
	@$(RUN) -m coverage report --fail-under=$(COVERAGE_FLOOR)
	@echo "make test: lint, types, layers, SQL style, tests and coverage have passed."

test-fast: $(STAMP) ## the tests that neither start a server nor fit and play for seconds: under a minute
	@$(RUN) -m pytest -q -n 2 -m "not integration and not end_to_end and not thorough"

explore: $(STAMP) ## the property tests and state machines with examples of their own each time; keep what they find as a test
	@HYPOTHESIS_PROFILE=explore $(RUN) -m pytest -q -n 2 tests/property tests/unit -k "invariants or state_machine or round_trip"

lint: $(STAMP) ## ruff, mypy, import layers, SQL style, compose file, secrets
	@echo "== ruff"
	@.venv/bin/python -m ruff check --quiet .
	@.venv/bin/python -m ruff format --check --quiet .
	@echo "== mypy"
	@.venv/bin/python -m mypy
	@echo "== import layers"
	@PYTHONPATH=include .venv/bin/lint-imports
	@echo "== SQL style"
	@.venv/bin/python -m sqlfluff lint sql --disable-progress-bar
	@echo "== docker-compose.yaml"
	@.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	@echo "== secrets"
	@.venv/bin/python tools/scan_secrets.py

audit: $(STAMP) ## locked packages: pins, licences, bad releases, advisories (ADVISORIES=if-reachable: go on where none answer)
	@.venv/bin/python tools/audit_dependencies.py $(if $(ADVISORIES),--advisories=$(ADVISORIES))

format: $(STAMP) ## format Python and mend what can be mended
	@.venv/bin/python -m ruff format .
	@.venv/bin/python -m ruff check --fix .

docs: $(STAMP) ## write the reference pages of commands and tables
	@$(RUN) -m headroom.cli.reference docs/reference

bench: $(STAMP) ## run the benchmarks into var/bench.json
	@$(RUN) -m tests.bench.run --out var/bench.json

bench-quick: $(STAMP) ## a small version of each benchmark
	@$(RUN) -m tests.bench.run --quick --out var/bench.json

LOCK := UV_NATIVE_TLS=1 .venv/bin/python -m uv pip compile --quiet --universal --python-version 3.11 --no-header
lock: $(STAMP) ## compile both locks anew from the .in files
	@$(LOCK) requirements.in --output-file requirements.txt
	@$(LOCK) requirements-dev.in --constraints requirements.txt --output-file requirements-dev.txt
	@sed -i '1i # Full lock, Python 3.11 to 3.13; direct dependencies are in requirements.in. `make lock` makes it anew.' requirements.txt
	@sed -i '1i # Full lock of what only the sandbox and the tests need beside requirements.txt; `make lock` makes it anew.' requirements-dev.txt

clean: ## remove var/, where everything that a run writes lies
	@if [ -x .venv/bin/python ]; then $(RUN) -m headroom.sandbox.demo down; $(RUN) -m headroom.sandbox.team down; fi
	@rm -rf var
