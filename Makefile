# make demo | test | check | bench | lock: each sets itself up in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The address of an installed browser; the tests drive it and never download one.
CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

# What torch brings on Linux from the package index, where it is the CUDA build; the image has the CPU build.
CUDA := cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti nvidia-cuda-nvrtc \
  nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand nvidia-cusolver \
  nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 \
  nvidia-nvtx triton

.PHONY: demo test check bench screenshots chromium lock

demo: $(VENV)/.runtime
	$(BIN)/python app.py

test: check chromium node_modules/axe-core/axe.min.js
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# About 25 minutes, and nothing else should run; `make bench QUICK=1` only shows that it does.
bench: $(VENV)/.bench
ifdef QUICK
	$(BIN)/python -m benchmarks.bench --quick
else
	$(BIN)/python -m benchmarks.bench
	$(BIN)/python -m benchmarks.render
endif

# All that the image installs, with the index's own hashes; run it after any change of a pin.
lock: $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==0.13.9
	printf '%s\n' $(CUDA) | $(BIN)/uv pip compile --quiet --no-config --universal --python-version 3.11 --upgrade \
	  --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
	  --custom-compile-command "make lock" --excludes /dev/stdin \
	  --output-file requirements.lock requirements.txt requirements-metrics.txt

screenshots: $(VENV)/.dev chromium
	$(BIN)/python -m tests.browser.screenshots

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.dev: requirements.txt requirements-train.txt requirements-metrics.txt requirements-mcp.txt requirements-parquet.txt requirements-dev.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@ $(VENV)/.runtime

$(VENV)/.bench: requirements.txt requirements-bench.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@ $(VENV)/.runtime

# Accessibility rules for the browser tests; without npm those tests skip, saying so.
node_modules/axe-core/axe.min.js: package.json
	@if [ -z "$$(command -v npm)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends npm >/dev/null; fi
	@if command -v npm >/dev/null; then npm install --silent --no-fund --no-audit --no-package-lock && touch $@; \
	  else echo "npm is not installed: the accessibility tests will skip"; fi

# As root on Debian or Ubuntu the browser is installed; elsewhere the browser tests skip, saying so.
chromium:
	@if [ -z "$(CHROMIUM)" ] && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; fi
