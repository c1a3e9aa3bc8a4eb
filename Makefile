# The two commands of a fresh clone: make demo, make test.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: demo test check bench conformance e2e fuzz differential clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[fast,test]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/auditproxy demo

test: $(VENV)/.installed
	$(BIN)/python -m pytest -n 2 --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff check auditproxy tests
	$(BIN)/ruff format --check auditproxy tests
	$(BIN)/mypy
	$(BIN)/lint-imports

conformance: $(VENV)/.installed
	$(BIN)/python -m tests.conformance.replay $(if $(CORPUS),--corpus $(CORPUS)) $(if $(USERS),--users $(USERS))

e2e: $(VENV)/.installed
	$(BIN)/python -m pytest tests/e2e -rs

bench: $(VENV)/.installed
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.protobuf
	$(BIN)/python -m tests.bench.large

fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz.requests --count $(or $(COUNT),100000) --seed $(or $(SEED),1)

differential: $(VENV)/.installed
	$(BIN)/python -m tests.differential --count $(or $(COUNT),10000) --seed $(or $(SEED),1)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache
