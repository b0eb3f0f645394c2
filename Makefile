# make run: install and open the studio.  make test: install, lint, and run every test.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test lint format

run: .venv/.runtime
	$(BIN)/python app.py

test: .venv/.development
	@sh tests/browser/find_chromium.sh > /dev/null
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

format: .venv/.development
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.venv/.runtime: requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet -r requirements.txt
	touch $@

.venv/.development: requirements-dev.txt .venv/.runtime
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt
	touch $@
