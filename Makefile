# make demo: train, measure and report on real digits.   make test: the tests.   make check: linters and types.
# make test-slow: the proofs that take many minutes.   make mutants: 200 planted faults, and which the tests miss (hours).
# make docs: the documentation, in build/docs.   make test-adapters: with other packages.
# make test-trackers: with TensorBoard, Weights & Biases, MLflow and Trackio.
# The last three make an environment of their own.
PYTHON ?= python3
VENV ?= .venv
EXTRAS ?= dev
ADAPTERS = .venv-adapters
TRACKERS = .venv-trackers
DOCS = .venv-docs
BIN = $(VENV)/bin
DEMO = runs/demo

.PHONY: demo test test-slow mutants test-adapters test-trackers check docs wheel clean

demo: $(VENV)/ready
	$(BIN)/termwise train --config demo.toml --out $(DEMO) --overwrite

# Byte code is kept, also where the shell has Python keep none: each worker is half a minute in reading the tests anew.
test: $(VENV)/ready
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n auto

test-slow: $(VENV)/ready
	OMP_NUM_THREADS=1 $(BIN)/pytest -n auto -m slow tests

mutants: $(VENV)/ready
	OMP_NUM_THREADS=1 $(BIN)/python tests/mutants.py

test-adapters:
	$(MAKE) VENV=$(ADAPTERS) EXTRAS=dev,adapters $(ADAPTERS)/ready
	$(ADAPTERS)/bin/python -c 'import pythae.models, scvi, diffusers'
	OMP_NUM_THREADS=1 $(ADAPTERS)/bin/pytest $(wildcard $(addprefix tests/,models loops callbacks trackers adapters)) \
		tests/terms/aggregate/test_triton_mixture.py

# MLflow and Trackio want older versions of what others want newer, and so have an environment of their own.
test-trackers:
	$(MAKE) VENV=$(TRACKERS) EXTRAS=dev,tensorboard,wandb,mlflow,trackio $(TRACKERS)/ready
	OMP_NUM_THREADS=1 $(TRACKERS)/bin/pytest tests/trackers

check: $(VENV)/ready
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy

docs:
	$(MAKE) VENV=$(DOCS) EXTRAS=docs $(DOCS)/ready
	$(DOCS)/bin/python docs/draw_architecture.py
	$(DOCS)/bin/python -m sphinx -W --keep-going -q -c docs . build/docs

wheel: $(VENV)/ready
	$(BIN)/python -m build --wheel --no-isolation

# uv where there is one, told of the folders that pip finds wheels in; else pip.
$(VENV)/ready: pyproject.toml constraints/cpu.txt
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "termwise needs Python 3.11 or newer; got " + sys.version.split()[0] + ". Set PYTHON=python3.11.")'
	if command -v uv >/dev/null 2>&1; then \
		links="$${PIP_FIND_LINKS:-$$($(PYTHON) -m pip config get global.find-links 2>/dev/null || true)}"; \
		uv venv --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" --allow-existing $(VENV) && \
		UV_FIND_LINKS="$$links" uv pip install --python $(BIN)/python -c constraints/cpu.txt -e '.[$(EXTRAS)]'; \
	else \
		$(PYTHON) -m venv $(VENV) && $(BIN)/python -m pip install -q -c constraints/cpu.txt -e '.[$(EXTRAS)]'; \
	fi
	touch $@

clean:
	rm -rf $(VENV) $(ADAPTERS) $(TRACKERS) $(DOCS) dist build runs/demo
