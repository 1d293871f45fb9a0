# Every target sets up .venv by itself when it is missing or older than the lock file.
.DEFAULT_GOAL := help
.PHONY: help demo serve test check format lint types layers attack audit fuzz bench bench-service bench-training bench-scale chaos clean lock mutants nightly

PYTHON ?= python3
FUZZ_S ?= 300
BENCH ?=  # such as --data FOLDER, or --quick --out FILE
BIN := .venv/bin
READY := .venv/.ready

help:  ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(READY): requirements/dev.txt requirements/uv.txt pyproject.toml
	@echo "==> Setting up .venv from the locked, hashed requirements (torch is large: about a minute on a fast line, once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..."; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "python -m venv failed; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	@echo "==> Installing uv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@echo "==> Installing everything else"
	@$(BIN)/uv pip sync --python $(BIN)/python --require-hashes requirements/dev.txt
	@$(BIN)/uv pip install --python $(BIN)/python --quiet --no-deps --no-build-isolation --editable .
	@touch $@

demo: $(READY)  ## Start the whole stack, certify the example images over HTTP, stop it
	@$(BIN)/dmae demo

serve: $(READY)  ## Start the whole stack on http://127.0.0.1:8000 and stay
	@$(BIN)/dmae serve

test: $(READY)  ## Run all tests but those that take minutes (nightly)
	@echo "==> Running the tests"
	@$(BIN)/python -m pytest

format: $(READY)  ## Rewrite the sources in the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lint: $(READY)  ## Check format and lint
	@echo "==> Checking format and lint"
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: $(READY)  ## Check types (pyright, strict for the service)
	@echo "==> Checking types"
	@$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(READY)  ## Check who imports whom
	@echo "==> Checking the layers"
	@$(BIN)/lint-imports

nightly: $(READY)  ## Run the tests that take minutes
	@$(BIN)/python -m pytest -m nightly

check: lint types layers test  ## Everything that has to hold before a change lands

fuzz: $(READY)  ## Search for requests and images that break the service (FUZZ_S=300 seconds for each)
	@mkdir -p build/fuzz
	@echo "==> Fuzzing the decoder for $(FUZZ_S) s"
	@$(BIN)/python -m tests.fuzz.decoder $(FUZZ_S) build/fuzz
	@echo "==> Fuzzing the API for about $(FUZZ_S) s"
	@$(BIN)/python -m tests.fuzz.api $(FUZZ_S)

audit: $(READY)  ## Ask the advisory database about every locked dependency (needs the network)
	@mkdir -p build
	@$(BIN)/pip-audit --requirement requirements/dev.txt --require-hashes --disable-pip \
	  --progress-spinner off >build/audit.txt 2>&1; status=$$?; \
	  if [ $$status -ne 0 ] && grep -qE "Max retries exceeded|ServiceError|ConnectionError" build/audit.txt; then \
	    echo "==> The advisory database cannot be reached: nothing was audited"; exit 3; fi; \
	  cat build/audit.txt; exit $$status

bench: $(READY)  ## Measure the engine against its ceilings and its peers (15 minutes; writes docs/benchmarks.md)
	@$(BIN)/python -m bench $(BENCH)

bench-service: $(READY)  ## Measure the service under load against the bare framework (8 minutes; writes docs/benchmarks-service.md)
	@$(BIN)/python -m bench.load $(BENCH) --out docs/benchmarks-service.md

chaos: $(READY)  ## Kill all parts of the service at random under 1,000 jobs, and count again (40 minutes; writes docs/chaos.md)
	@$(BIN)/python -m bench.chaos $(BENCH) --out docs/chaos.md

bench-training: $(READY)  ## Measure the training loop against the bare forward and backward pass
	@$(BIN)/python -m bench.training --recipe cifar10_vit_tiny_cpu --out docs/benchmarks-training.md

bench-scale: $(READY)  ## Measure one job on 1, 2 and 4 workers (5 minutes; writes docs/benchmarks-scale.md)
	@$(BIN)/python -m bench.scale $(BENCH) --out docs/benchmarks-scale.md

attack: $(READY)  ## Attack the smoothed classifier inside its certified balls (an hour or more; writes docs/attack.md)
	@$(BIN)/python -m bench.attack $(BENCH) --out docs/attack.md

mutants: $(READY)  ## Change each function that decides a radius (but none with a decorator), and see that a test notices (two hours; resumes)
	@$(BIN)/mutmut run
	@$(BIN)/mutmut results

lock: $(READY)  ## Resolve the dependencies anew into requirements/
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --all-extras pyproject.toml --output-file requirements/dev.txt
	@for extras in "app telemetry" "worker openvino telemetry"; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url $$(printf -- '--extra %s ' $$extras) \
	  --constraints requirements/dev.txt pyproject.toml --output-file requirements/$${extras%% *}.txt; done
	@echo uv | $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	  --no-emit-index-url --constraints requirements/dev.txt - --output-file requirements/uv.txt

clean:  ## Remove the environment, caches and build output
	@rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .hypothesis .coverage .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
