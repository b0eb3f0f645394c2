# make run: install and open the studio.     make check: lint, types, imports, quick tests (2 min).
# make test: everything, Chromium included.  make format: let ruff rewrite the files.
# make attack: strangers attack a demo while somebody uses it.  make fuzz: 50 000 odd inputs.
# make audit: bandit on our code, and known vulnerabilities of the installed packages (needs a network).
# make language: gather the page's texts for translation (docs/extending.md).
# make space SPACE=owner/name: upload it to a Hugging Face Space.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: run check test attack audit fuzz lint format language requirements space

run: .venv/.runtime
	$(BIN)/python app.py

check: lint
	$(PYTEST) -n 2 -m "not browser and not weights and not slow" -k "not postgresql"

test: lint
	@sh tests/browser/find_chromium.sh > /dev/null
	$(PYTEST) -n 2 -m "not browser"
	$(PYTEST) -m browser

# Without an answer about a package it fails; versions such as 2.11+cpu are built from the same code.
audit: .venv/.development
	$(BIN)/bandit -q -c pyproject.toml -r app.py backends studio counterfactual_studio
	$(BIN)/python -m pip list --exclude-editable --format freeze | sed 's/+.*//' > .venv/audited.txt
	$(BIN)/pip-audit --strict --no-deps --disable-pip -r .venv/audited.txt

attack: .venv/.development
	$(BIN)/python -m benchmarks.attack

fuzz: .venv/.development
	$(BIN)/python -m benchmarks.fuzz

lint: .venv/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -c pyproject.toml -r app.py backends studio counterfactual_studio
	$(BIN)/python -m mypy
	$(BIN)/lint-imports --no-logo

format: .venv/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

language: .venv/.development
	$(BIN)/python .ci/language.py

requirements: .venv/.development
	$(BIN)/python .ci/requirements.py > requirements.txt

space: .venv/.runtime
	$(BIN)/python .ci/space.py $(SPACE)

.venv/.runtime: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/.development: .venv/.runtime
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	touch $@
