# Everything runs in .venv, which is made on first use; nothing of the machine is needed but Python 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
TORCH := $(VENV)/.torch
C_SOURCES = $(shell find runtime -name '*.[ch]')

.PHONY: help venv demo check format test test-all bench performance clean

help:
	@echo 'make demo      compile the example network for arm and hls, run it everywhere, compare the bits'
	@echo 'make check     formatting, lint and types'
	@echo 'make test      the tests that take no more than minutes'
	@echo 'make test-all  every test'
	@echo 'make bench     the figures and the table of results in docs/results.md'
	@echo 'make performance  layers and networks beside others, in docs/performance.md'
	@echo 'make format    format the sources in place'
	@echo 'make clean     remove what was built; the environment .venv stays'

venv: $(STAMP)

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable '.[hls,test]'
	touch $@

# Only bnnc.nn, bnnc.zoo, .pt2 files and Brevitas need torch; without it their tests are skipped.
$(TORCH): $(STAMP)
	$(BIN)/pip install --quiet --editable '.[hls,test,torch,brevitas]'
	touch $@

demo: $(STAMP)
	$(BIN)/python examples/demo.py

check: $(TORCH)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict compiler/bnnc
	$(BIN)/clang-format --dry-run --Werror $(C_SOURCES)

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(BIN)/clang-format -i $(C_SOURCES)

test: $(TORCH)
	$(BIN)/python -m pytest -n 2 -q -m 'not slow'

test-all: $(TORCH)
	$(BIN)/python -m pytest -n 2 -q tests $(wildcard hw_tests)

bench: $(STAMP)
	$(BIN)/python benchmarks/figures.py
	$(BIN)/python benchmarks/results.py

performance: $(TORCH)
	$(BIN)/python benchmarks/performance.py

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis compiler/*.egg-info
	find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +
