.DEFAULT_GOAL := help
.PHONY: help setup demo test test-vllm lint clean

help:
	@echo "make demo    render a few videos, curate them, train on the shards, write a report (demo/)"
	@echo "make test    run all tests"
	@echo "make test-vllm  captioning against a real vLLM, in an environment of its own (x86-64 Linux)"
	@echo "make lint    ruff, mypy, import-linter"
	@echo "make setup   create .venv and install (the others do it, too); PYTHON=python3.12 chooses the interpreter"
	@echo "make clean   remove .venv, demo/ and caches"

setup:
	@sh tools/setup.sh demo

demo: setup
	@.venv/bin/python -m examples.footage demo/videos
	@.venv/bin/cliploom run examples/quickstart.yaml --input demo/videos --output demo/run

test:
	@sh tools/setup.sh dev
	@.venv/bin/python tools/run_tests.py

test-vllm:
	@sh tools/setup.sh dev
	@sh tools/setup_vllm.sh
	@.venv/bin/python tools/run_tests.py vllm

lint:
	@sh tools/setup.sh dev
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

clean:
	rm -rf .venv .venv-vllm demo dist build .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
