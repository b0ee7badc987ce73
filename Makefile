# Everything runs from a fresh clone: the first target that needs it makes .venv and installs the locked packages.
#   PYTHON=/path/to/python   which Python makes .venv (3.11 or newer)
#   PORT=8001                where `make run` listens; two clones run side by side
#   LECTERN_HOME=/folder     where `make run` keeps its data (default: .lectern)

.POSIX:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help run test check checks format bench chaos e2e client-apollo client-urql client-relay client-codegen lock migration psql clean
MAKEFLAGS += --no-print-directory

BIN = .venv/bin
NEED = sh deploy/bootstrap.sh
# Options for pytest, benchmarks and the like: make test ARGS="-k enroll"
ARGS =
UV = uv
LOCKED = --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header
URL = http://127.0.0.1:8000
# Where the server that `make e2e` looks at puts its mails.
MAILS = .lectern/mail
CLIENTS = apollo urql relay codegen
NPM_INSTALL = npm install --silent --no-audit --no-fund --no-package-lock

help: ## Explain every target
	awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

run: ## Start everything on http://127.0.0.1:8000 with demo data (PORT=8001 chooses another port)
	$(NEED) run && exec $(BIN)/lectern dev --end-with-parent

test: ## Run all tests on a real PostgreSQL and Valkey (ARGS="-k name" for some of them)
	$(NEED) test && exec $(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

check: checks ## Run what CI runs: format, lint, types, contracts, schema snapshot, tests (migrations among them)
	echo "Tests" && exec $(BIN)/python -m pytest -n 2 --dist worksteal

checks: ## Run what CI runs before the tests
	$(NEED) test
	echo "Format" && $(BIN)/ruff format --quiet --check .
	echo "Lint" && $(BIN)/ruff check --quiet .
	echo "Types" && $(BIN)/mypy --no-error-summary
	echo "Contracts between modules" && $(BIN)/lint-imports --no-logo
	echo "Schema snapshot" && $(BIN)/python -m graphql_schema.schema --check

format: ## Format the code and mend what the linter can mend
	$(NEED) test
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix .

bench: ## Measure against a hand-written server and plain Strawberry (ARGS=profile shows where time goes)
	$(NEED) test && exec $(BIN)/python -m benchmarks $(ARGS)

chaos: ## Let the hosts of Redis and PostgreSQL die, then an hour of viewers with everything killed: some 7 minutes (as root on Linux; ARGS="-k name" for some deaths)
	$(NEED) test
	$(BIN)/python -m pytest -vv -rs tests/chaos $(ARGS)
	test -n "$(ARGS)" || exec $(BIN)/python -m benchmarks.hour --quick

e2e: ## Check a running Lectern from outside: audits, four clients, IDE, account pages, a video and the progress reporter in Chromium (needs Node; URL=..., MAILS=folder)
	command -v npm >/dev/null || { echo "make e2e needs Node: install it (Debian, Ubuntu: apt install npm)." >&2; exit 1; }
	cd tests/e2e && $(NPM_INSTALL) && npm run --silent audit:graphql-http -- $(URL)/graphql
	for client in $(CLIENTS); do $(MAKE) client-$$client || exit 1; done
	cd tests/e2e/browser && $(NPM_INSTALL) && node ide.mjs $(URL) && node account.mjs $(URL) $(abspath $(MAILS)) && node playback.mjs $(URL) && node progress.mjs $(URL)

# One of the clients that docs/clients.md shows, on a Lectern with demo data: make client-urql
client-apollo client-urql client-relay client-codegen:
	client=$@ && cd tests/e2e/clients/$${client#client-} && $(NPM_INSTALL) && npm run --silent start -- $(URL)

lock: ## Write the lock files anew from pyproject.toml (needs uv; ARGS=--upgrade for newer versions)
	command -v $(UV) >/dev/null || { echo "make lock needs uv: pip install uv, or name it with UV=/path/to/uv." >&2; exit 1; }
	$(UV) pip compile $(LOCKED) $(ARGS) pyproject.toml --output-file requirements.lock
	$(UV) pip compile $(LOCKED) $(ARGS) pyproject.toml --extra dev --constraint requirements.lock --output-file requirements-dev.lock

migration: ## Write a migration from the models' changes (NAME="add seats to courses")
	test -n "$(NAME)" || { echo 'Say what changes: make migration NAME="add seats to courses"' >&2; exit 1; }
	$(NEED) test && exec $(BIN)/lectern migration "$(NAME)"

psql: ## Open PostgreSQL's shell on the database that `make run` runs
	$(NEED) run && exec $(BIN)/lectern psql

clean: ## Remove .venv and all caches; the data in .lectern stays
	rm -rf .venv .mypy_cache .ruff_cache .hypothesis .import_linter_cache lectern.egg-info tests/e2e/node_modules tests/e2e/browser/node_modules
	cd tests/e2e/clients && rm -rf */node_modules relay/components/__generated__ codegen/gql codegen/build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
