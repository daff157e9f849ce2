# The one interface of this project. `make help` lists every target.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# What a caller may set. Each value reaches Python as it was typed: it is taken unexpanded, handed over in the
# environment, and quoted by the shell, so quotes, dollars, semicolons and line breaks do no harm.
USER_VARIABLES := source batch batches warm_start ignore_champion trials model_version title message name in out DATA
$(foreach name,$(USER_VARIABLES),$(eval override $(name) := $$(value $(name))))
export $(USER_VARIABLES)

# The first Python here that fits; `make setup PYTHON=…` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)
PY := .venv/bin/python
UV := .venv/bin/uv
MLFLOW_PORT ?= 5500
PYTEST_ARGS ?=
BENCH_ARGS ?=

.PHONY: help
help: ## List every target
	@echo 'Targets (variables: source= batch= batches= warm_start= trials= model_version= title= message= in= out= DATA=):'
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z0-9-]+:.*## /{printf "  %-24s %s\n", $$1, $$2}' \
		$(firstword $(MAKEFILE_LIST))

##@ Set-up

.PHONY: setup
setup: .venv/.locked ## Make .venv with the locked packages (Python 3.11 to 3.13)

.venv/.locked: requirements/setup.txt requirements/model.txt requirements/api.txt requirements/dev.txt
	@[ -n '$(PYTHON)' ] || { echo 'error: no Python 3.11 to 3.13 with venv found; set PYTHON=/path/to/python' >&2; exit 2; }
	@echo 'Setting up .venv with $(PYTHON) …' >&2; $(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install -q --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@$(UV) pip sync -q --python $(PY) --require-hashes $^
	@touch $@

.venv-mlflow/.locked: requirements/mlflow.txt | .venv/.locked
	@echo 'Setting up .venv-mlflow for the tracking server …' >&2; $(UV) venv -q --clear --python $(PY) .venv-mlflow
	@$(UV) pip sync -q --python .venv-mlflow/bin/python --require-hashes $^
	@touch $@

.venv-api/.locked: requirements/api.txt | .venv/.locked
	@echo 'Setting up .venv-api for the API …' >&2; $(UV) venv -q --clear --python $(PY) .venv-api
	@$(UV) pip sync -q --python .venv-api/bin/python --require-hashes $^
	@touch $@

.venv-bench/.locked: requirements/model.txt requirements/api.txt requirements/bench.txt | .venv/.locked
	@echo 'Setting up .venv-bench with the peers of the benchmark …' >&2; $(UV) venv -q --clear --python $(PY) .venv-bench
	@$(UV) pip sync -q --python .venv-bench/bin/python --require-hashes $^
	@touch $@

.PHONY: demo
demo: .venv/.locked ## The whole job on generated reviews, or on DATA=path|kaggle:owner/name
	@$(PY) -m src.model.pipeline.demo --source="$$DATA"

##@ Quality

.PHONY: test
test: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run all tests with branch coverage
	@$(PY) -m pytest -n auto --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

.PHONY: test-unit test-integration test-e2e
test-unit: .venv/.locked ## Run the pure, fast tests
	@$(PY) -m pytest -n auto tests/unit $(PYTEST_ARGS)
test-integration: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run the tests against real services on this machine
	@$(PY) -m pytest -n auto tests/integration $(PYTEST_ARGS)
test-e2e: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run whole pipelines and make targets
	@$(PY) -m pytest -n auto tests/e2e $(PYTEST_ARGS)

.PHONY: check
check: .venv/.locked ## Lint, formatting, types
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

.PHONY: format
format: .venv/.locked ## Format the code and mend what the linter can
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

UV_COMPILE = $(UV) pip compile -q pyproject.toml --universal --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make lock'
.PHONY: bench
bench: .venv-bench/.locked ## Ours against scikit-learn, fastText and Vowpal Wabbit on the reviews of DATA= (minutes)
	@.venv-bench/bin/python -m bench.run --source="$$DATA" $(BENCH_ARGS)

.PHONY: bench-api
bench-api: .venv-bench/.locked .venv-api/.locked ## The API against a plain FastAPI with scikit-learn, on DATA= (minutes)
	@.venv-bench/bin/python -m bench.api --source="$$DATA" $(BENCH_ARGS)

.PHONY: api-faults
api-faults: .venv/.locked .venv-api/.locked .venv-mlflow/.locked ## A minute of load while all beside the API fails -> docs/api/faults.md
	@$(PY) -m bench.faults --output docs/api/faults.md $(BENCH_ARGS)

.PHONY: lock
lock: .venv/.locked ## Resolve the hash-pinned requirements anew from pyproject.toml
	@$(UV_COMPILE) --extra setup --extra model --extra api --extra dev --extra bench -o .venv/together.txt >/dev/null
	@for role in setup model api dev bench; do $(UV_COMPILE) --generate-hashes -c .venv/together.txt --extra $$role \
		-o requirements/$$role.txt >/dev/null; done
	@$(UV_COMPILE) --generate-hashes --extra mlflow -o requirements/mlflow.txt >/dev/null

.PHONY: docs
docs: .venv/.locked ## Write the generated parts of docs/ anew: options, settings, targets
	@$(PY) -m src.model.reference docs/model/scripts.md

.PHONY: clean
clean: ## Remove environments and caches; data, mlflow.db and mlruns stay
	@rm -rf .venv .venv-mlflow .venv-api .venv-bench .bench .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

##@ MLflow

.PHONY: mlflow-up mlflow-down mlflow-status
mlflow-up: .venv/.locked .venv-mlflow/.locked ## Start MLflow's server on 127.0.0.1:5500 over the same store
	@$(PY) -m src.model.tracking.server up --port $(MLFLOW_PORT)
mlflow-down: .venv/.locked ## Stop the server that mlflow-up started
	@$(PY) -m src.model.tracking.server down
mlflow-status: .venv/.locked ## Say whether the server is up, and where
	@$(PY) -m src.model.tracking.server status

##@ Model, step by step

.PHONY: model-ingest
model-ingest: .venv/.locked ## Read reviews from source= into data/raw
	@$(PY) -m src.model.data.ingest --source="$$source"

.PHONY: model-validate
model-validate: .venv/.locked ## Check data/raw and write the data quality page
	@$(PY) -m src.model.data.validate

.PHONY: model-split-batches
model-split-batches: .venv/.locked ## Split the train rows into 10 batches
	@$(PY) -m src.model.data.split_batches

.PHONY: model-preprocess-batch
model-preprocess-batch: .venv/.locked ## Clean the batches in batch= ("0 1 2", 0,1,2, 0-4 or all)
	@$(PY) -m src.model.data.preprocess_batch --batch="$${batch:-$$batches}"

.PHONY: model-preprocess-test
model-preprocess-test: .venv/.locked ## Clean the test rows
	@$(PY) -m src.model.data.preprocess_test

.PHONY: model-tune
model-tune: .venv/.locked ## Search better parameters on batches= in trials= trials (20); train uses the best
	@$(PY) -m src.model.pipeline.tune --batches="$${batches:-$${batch:-all}}" --trials="$${trials:-20}"

.PHONY: model-train
model-train: .venv/.locked ## Train on batches= and register the challenger [warm_start=champion]
	@$(PY) -m src.model.pipeline.train --batches="$${batches:-$$batch}" --warm-start="$$warm_start"

.PHONY: model-evaluate
model-evaluate: .venv/.locked ## Evaluate the challenger, or model_version=, on the test rows
	@$(PY) -m src.model.pipeline.evaluate --model-version="$${model_version:-challenger}"

.PHONY: model-promote
model-promote: .venv/.locked ## Make the challenger the champion if it passes the gate [ignore_champion=1]
	@$(PY) -m src.model.pipeline.promote $${ignore_champion:+"--ignore-champion=$$ignore_champion"}

.PHONY: model-rollback
model-rollback: .venv/.locked ## Make the previous champion the champion again
	@$(PY) -m src.model.pipeline.promote --rollback

.PHONY: model-curve
model-curve: .venv/.locked ## Train on growing numbers of batches= (all): is retraining still worth it?
	@$(PY) -m src.model.pipeline.curve --batches="$${batches:-$${batch:-all}}"

.PHONY: model-findings
model-findings: .venv/.locked ## Near duplicates and suspicious labels in batches= (all), for people to look at
	@$(PY) -m src.model.pipeline.findings --batches="$${batches:-$${batch:-all}}"

.PHONY: model-reproduce
model-reproduce: .venv/.locked ## Train model_version= (champion) again from its record and compare bit by bit
	@$(PY) -m src.model.pipeline.reproduce --model-version="$${model_version:-champion}"

.PHONY: model-predict
model-predict: .venv/.locked ## Judge one review: title= message= [model_version=]
	@$(PY) -m src.model.pipeline.predict --title="$$title" --message="$$message" --model-version="$${model_version:-champion}"

.PHONY: model-score
model-score: .venv/.locked ## Score the reviews of the file in= into the file out= [model_version=]
	@$(PY) -m src.model.pipeline.score --model-version="$${model_version:-champion}" -- "$$in" "$$out"

##@ Model, whole pipelines

.PHONY: model-pipeline-ingest
model-pipeline-ingest: .venv/.locked ## ingest, validate, split: source=
	@$(PY) -m src.model.pipeline.run ingest --source="$$source"

.PHONY: model-pipeline-train
model-pipeline-train: .venv/.locked ## preprocess, train, evaluate, promote: batches= (all) [warm_start=champion]
	@$(PY) -m src.model.pipeline.run train --batches="$${batches:-$${batch:-all}}" --warm-start="$$warm_start"

##@ API

API = http://$${REVIEWS_API_HOST:-127.0.0.1}:$${REVIEWS_API_PORT:-8000}

.PHONY: model-export
model-export: .venv/.locked ## Put the champion, or model_version=, where the API serves it from (data/model)
	@$(PY) -m src.model.pipeline.export --model-version="$${model_version:-champion}"

.PHONY: api-run
api-run: .venv-api/.locked ## Serve predictions and a page on http://127.0.0.1:8000
	@.venv-api/bin/python -m src.api

.PHONY: api-predict
api-predict: .venv-api/.locked ## Ask the running API for one review: title= message=
	@.venv-api/bin/python -m src.api.ask "$(API)" --title="$$title" --message="$$message"

.PHONY: api-key
api-key: .venv-api/.locked ## Make an API key for name=; append its line to the file of REVIEWS_API_KEYS_FILE
	@.venv-api/bin/python -m src.api --new-key="$$name"
