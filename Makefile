# Another Python: make check PYTHON=.venv/bin/python
PYTHON ?= python3

.PHONY: check test bench

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:
	$(PYTHON) -m pytest -n auto --dist loadfile

bench:
	$(PYTHON) tests/benchmarks/all.py
