# Every target sets itself up from nothing: its virtual environment, then what it needs (scripts/install).
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test lint bench quality chaos fuzz stac-browser docs format lock clean

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | sort

demo: ## a simulated downlink becomes published L0 and L1 products (ARGS="--keep" leaves it running)
	@scripts/install all
	@$(BIN)/s1pdgs demo $(ARGS)

test: ## all tests, against the real services that they need
	@scripts/install all,test
	@scripts/services
	@$(BIN)/pytest -n 3 --dist worksteal $(ARGS)

lint: ## style, types and the direction of imports
	@scripts/install all,lint
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: ## speed and memory, side by side with peers, into benchmarks/out/results.json
	@scripts/install all,test
	@$(BIN)/python -m benchmarks $(ARGS)

quality: ## is Level-1 as good as it must be? Into quality-out/report.json and quality.md (ARGS="IW1 WV1 slices --docs")
	@scripts/install all,test
	@$(BIN)/python -m tests.quality $(ARGS)

fuzz: ## hostile input for every reader (ARGS="cadu --seconds 60", ARGS="--compiled"); findings stay in .cache/fuzz
	@scripts/install all,test
	@scripts/install fuzz || echo "no coverage-guided fuzzer for this Python: inputs are damaged at random"
	@$(BIN)/python -m tests.fuzz $(ARGS)

chaos: ## a ground segment under fire loses nothing (ARGS="--jobs 200 --kills 40 --database postgresql --runner dask --seed 1")
	@scripts/install all,test
	@scripts/services
	@$(BIN)/python -m tests.chaos $(ARGS)

stac-browser: ## our STAC API as stac-browser shows it, in headless Chromium
	@scripts/install all,test
	@scripts/stac-browser
	@$(BIN)/pytest -q tests/clients/test_stac_browser.py

docs: ## the documentation as HTML in docs/_build
	@scripts/install all,docs
	@$(BIN)/sphinx-build -q -W -b html docs docs/_build
	@echo "docs/_build/index.html"

format: ## put the source into its form
	@scripts/install all,lint
	@$(BIN)/ruff check --fix -q .
	@$(BIN)/ruff format -q .

lock: ## resolve requirements.lock anew
	uv pip compile -q pyproject.toml --all-extras --universal --no-header --no-emit-index-url --no-annotate -o requirements.lock

clean: ## remove what the targets made
	rm -rf .venv .cache/tests .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis docs/_build benchmarks/out quality-out demo-data demo-out
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
