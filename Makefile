# The two commands of a fresh clone: make demo, make test.
# PYTHON=/path/to/python3 chooses the interpreter (3.11 or newer); else one that is there is found.
VENV ?= .venv
BIN := $(VENV)/bin
# Three processes for two cores: a third of what tests take is waiting, for another process or a time
# to pass. Each file of tests is one process's. Byte code is kept even where the environment says
# otherwise: the suite starts hundreds of proxies, and collecting takes twice as long without it.
SUITE = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n 3 --dist loadfile
PIP := tools/pip.sh $(BIN)/python install --quiet --disable-pip-version-check

.PHONY: demo test check coverage docs bench chaos conformance e2e fuzz fuzz-streams differential clean

# What the demo needs and nothing else: it runs from this folder, so that nothing has to be built, and
# byte code is made of what it imports.
$(VENV)/.demo-installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(BIN)/python tools/requirements.py fast demo | $(PIP) -c constraints.txt --no-compile -r /dev/stdin
	@tools/launcher.sh $(BIN)
	@touch $@

$(VENV)/.installed: pyproject.toml constraints.txt constraints-test.txt | $(BIN)/python
	$(PIP) -c constraints-test.txt -e '.[fast,demo,test]'
	@touch $@ $(VENV)/.demo-installed

# Without a pip of its own where the Python that makes it has one that can serve it: that takes a
# tenth of the time.
$(BIN)/python:
	@python=$$(tools/python.sh $(PYTHON)) && \
	if $$python -m pip --python $$python --version >/dev/null 2>&1; then without=--without-pip; fi && \
	$$python -m venv --clear $$without $(VENV)

demo: $(VENV)/.demo-installed
	@$(BIN)/python -m auditproxy demo

test: $(VENV)/.installed
	@[ -n "$$KUBEBUILDER_ASSETS" ] || echo "Skipped: the tests against a real kube-apiserver. \
	They need its binaries: KUBEBUILDER_ASSETS=/folder/of/kube-apiserver-etcd-kubectl make e2e"
	$(SUITE)

check: $(VENV)/.installed
	$(BIN)/ruff check auditproxy tests tools
	$(BIN)/ruff format --check auditproxy tests tools
	$(BIN)/mypy
	$(BIN)/lint-imports

# The same tests; fails when less than pyproject.toml says is run by them.
coverage: $(VENV)/.installed
	$(SUITE) --cov --cov-report=term:skip-covered

# What is made of declarations: the tables of docs/flags.md.
docs: $(VENV)/.installed
	$(BIN)/python -m tests.flags_page

conformance: $(VENV)/.installed
	$(BIN)/python -m tests.conformance.replay $(if $(CORPUS),--corpus $(CORPUS)) $(if $(USERS),--users $(USERS))

e2e: $(VENV)/.installed
	$(BIN)/python -m pytest tests/e2e -rs

bench: $(VENV)/.installed
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench.protobuf
	$(BIN)/python -m tests.bench.large
	$(BIN)/python -m tests.bench.sessions
	$(BIN)/python -m tests.bench.terminal
	$(BIN)/python -m tests.bench.alerts
	$(BIN)/python -m tests.bench.workers
	$(BIN)/python -m tests.bench.backends --rounds 3

chaos: $(VENV)/.installed
	$(BIN)/python -m tests.chaos --all --rounds $(or $(ROUNDS),1000) --seed $(or $(SEED),1)

fuzz: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz.requests --count $(or $(COUNT),100000) --seed $(or $(SEED),1)

fuzz-streams: $(VENV)/.installed
	$(BIN)/python -m tests.fuzz.streams --count $(or $(COUNT),100000) --seed $(or $(SEED),1)

differential: $(VENV)/.installed
	$(BIN)/python -m tests.differential --count $(or $(COUNT),10000) --seed $(or $(SEED),1)

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .coverage*
