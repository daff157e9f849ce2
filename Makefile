# The one interface of this project. `make help` lists every target.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
# Targets that are named together depend on one another's files, whatever -j says.
.NOTPARALLEL:
# Reviews are UTF-8, whatever the locale says.
export PYTHONUTF8 := 1
# Where else pip would install to
unexport PIP_USER PIP_TARGET PIP_PREFIX PIP_ROOT PIP_REQUIRE_VIRTUALENV UV_TARGET UV_PREFIX UV_SYSTEM_PYTHON PYTHONHOME

# What a caller may set. Each value reaches Python as it was typed: it is taken unexpanded, handed over in the
# environment, and quoted by the shell, so quotes, dollars, semicolons and line breaks do no harm.
USER_VARIABLES := source append run batch batches warm_start ignore_champion answer by trials model_version title message name since until window in out yes env images url words pull_request DATA DRIFT
said_ := $(foreach name_,$(USER_VARIABLES),$(if $(filter command,$(firstword $(origin $(name_)))),$(name_)))
$(foreach variable_,$(USER_VARIABLES),$(eval override $(variable_) := $$(value $(variable_))))
export $(USER_VARIABLES)

# What else a caller may set, or a line of .env: see below, and `docs/model/docker.md`.
SETTABLE := PYTHON MLFLOW_PORT AIRFLOW_PORT IMAGE_TAG MODEL_IMAGE API_IMAGE MONITORING_IMAGE MLFLOW_IMAGE AIRFLOW_IMAGE POSTGRES_IMAGE BASE_IMAGE STACK \
	DOCKER_DATA DOCKER_MEMORY API_PORT API_KEY STATE_BUCKET REGISTRY
ifneq ($(wildcard .env),)
from_file_ = $(shell sed -n 's/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$(1)=//p' .env | tail -n 1 | tr -d "'\"\r")
$(foreach name_,$(SETTABLE),$(if $(filter undefined,$(origin $(name_))),$(if $(call from_file_,$(name_)),\
	$(eval override $(name_) := $$(call from_file_,$(name_))))))
endif

# The first Python here that fits; `make setup PYTHON=…` chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 \
	&& { echo $$p; break; }; done)
PY := .venv/bin/python
UV = $(shell cache=$${UV_CACHE_DIR:-$${XDG_CACHE_HOME:-$${HOME:-/nowhere}/.cache}/uv}; \
	mkdir -p "$$cache" 2>/dev/null && [ -w "$$cache" ] || echo UV_NO_CACHE=1) .venv/bin/uv
# MLFLOW_PORT: where MLflow's server listens on 127.0.0.1
MLFLOW_PORT ?= 5500
# AIRFLOW_PORT: where Airflow listens on 127.0.0.1
AIRFLOW_PORT ?= 8080
PYTEST_ARGS ?=
BENCH_ARGS ?=

# A name that nothing reads is a slip of the pen.
given_ := $(foreach name_,$(.VARIABLES),$(if $(filter command,$(firstword $(origin $(name_)))),$(name_)))
known_ := $(USER_VARIABLES) $(SETTABLE) PY UV PYTEST_ARGS BENCH_ARGS ROUNDS BUILDER SBOM INFRA_VALUES WORKFLOW_RUNNER WORKFLOW_ALARM_URL WORKFLOW_PYTHON WORKFLOW_FOLDER WORKFLOW_MLFLOW_URL
unknown_ := $(firstword $(filter-out $(known_) REVIEWS_% MLFLOW_% AWS_% KAGGLE% TEST_% WORKFLOW_ECS_% MAKE% -%,$(given_)))
ifneq ($(unknown_),)
$(error $(unknown_)= is read by no target. $(shell $(PYTHON) tools/make_words.py unknown '$(unknown_)' $(known_)))
endif
ifneq ($(said_),)
unread_ := $(shell $(PYTHON) tools/make_words.py variables $(MAKECMDGOALS) -- $(said_))
ifneq ($(unread_),)
$(error $(unread_))
endif
endif
.DEFAULT:
	@$(PYTHON) tools/make_words.py target '$@' >&2; exit 2

# What docker- targets use; `make docs` puts these lines into docs/model/docker.md.
# IMAGE_TAG: tag of the images; the project's version unless set
IMAGE_TAG ?= $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# MODEL_IMAGE: image of every step of the pipeline; one with a registry's name is pulled where it is not here
MODEL_IMAGE ?= tutoria-mlops-model:$(IMAGE_TAG)
# API_IMAGE: image of the API
API_IMAGE ?= tutoria-mlops-api:$(IMAGE_TAG)
# MONITORING_IMAGE: image of monitoring
MONITORING_IMAGE ?= tutoria-mlops-monitoring:$(IMAGE_TAG)
# MLFLOW_IMAGE: image of MLflow's server
MLFLOW_IMAGE ?= tutoria-mlops-mlflow:$(IMAGE_TAG)
# AIRFLOW_IMAGE: image of Airflow's programs
AIRFLOW_IMAGE ?= tutoria-mlops-airflow:$(IMAGE_TAG)
# POSTGRES_IMAGE: MLflow's database; where it cannot be pulled, one is built from Debian's package
POSTGRES_IMAGE ?= postgres:17
# BASE_IMAGE: what the images are built on; pin it with a digest, python:3.12-slim@sha256:…, to build the same for ever
BASE_IMAGE ?= python:3.12-slim
# STACK: name of the stack: of its network, volumes and containers; another name is another stack
STACK ?= tutoria-mlops
# DOCKER_DATA: folder of all data, mounted at /app/data; its files belong to you
DOCKER_DATA ?= data/docker
# DOCKER_MEMORY: memory a step may take
DOCKER_MEMORY ?= 4g
# API_PORT: where the API listens on 127.0.0.1
API_PORT ?= 8000
# REGISTRY: where docker-push pushes images to: ACCOUNT.dkr.ecr.REGION.amazonaws.com
REGISTRY ?=
# STATE_BUCKET: bucket of Terraform's state, an output of infra/bootstrap
STATE_BUCKET ?=
export IMAGE_TAG MODEL_IMAGE API_IMAGE MONITORING_IMAGE MLFLOW_IMAGE AIRFLOW_IMAGE POSTGRES_IMAGE BASE_IMAGE STACK DOCKER_DATA DOCKER_MEMORY API_PORT MLFLOW_PORT AIRFLOW_PORT API_KEY REGISTRY STATE_BUCKET

# make -n shows the tasks of a workflow too
DRY = $(if $(findstring n,$(filter-out --%,$(firstword $(MAKEFLAGS)))),--dry-run)
# A target and its docker- twin share a recipe: the same module with the same arguments, here or in a container.
RUN = $(if $(filter docker-%,$@),docker/run.sh,$(PY) -m)

.PHONY: help
help: ## List every target
	@echo 'Targets (variables: source= append= run= batch= batches= warm_start= trials= model_version= title= message= since= until= window= in= out= DATA=; ports: API_PORT= MLFLOW_PORT= AIRFLOW_PORT=):'
	@awk -F ':.*## ' '/^##@ /{printf "\n%s\n", substr($$0, 5)} /^[a-z0-9 -]+:.*## /{split($$1, names, " "); \
		printf "  %-30s %s\n", names[1], $$2; if (names[2]) printf "  %-30s … in a container\n", names[2]}' $(firstword $(MAKEFILE_LIST))

##@ Set-up

.PHONY: setup
setup: .venv/.locked ## Make .venv with the locked packages (Python 3.11 to 3.13)

# On a terminal uv shows how far it is, and what it has installed.
QUIET = $(shell [ -t 2 ] || echo -q)
SIZE = echo "$(@D) takes $$(du -sh $(@D) | cut -f 1) of disk" >&2

.venv/.locked: requirements/setup.txt requirements/model.txt requirements/api.txt requirements/dev.txt
	@[ -n '$(PYTHON)' ] || { echo 'error: no Python 3.11 to 3.13 with venv found; set PYTHON=/path/to/python' >&2; exit 2; }
	@echo 'Setting up .venv with $(PYTHON): 1.5 GB of disk …' >&2; $(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install -q --no-user --disable-pip-version-check --require-hashes -r requirements/setup.txt
	@$(UV) pip sync $(QUIET) --python $(PY) --require-hashes $^
	@$(SIZE); touch $@

.venv-mlflow/.locked: requirements/mlflow.txt | .venv/.locked
	@echo 'Setting up .venv-mlflow for the tracking server …' >&2; $(UV) venv -q --clear --python $(PY) .venv-mlflow
	@$(UV) pip sync $(QUIET) --python .venv-mlflow/bin/python --require-hashes $^
	@$(SIZE); touch $@

.venv-api/.locked: requirements/api.txt | .venv/.locked
	@echo 'Setting up .venv-api for the API …' >&2; $(UV) venv -q --clear --python $(PY) .venv-api
	@$(UV) pip sync $(QUIET) --python .venv-api/bin/python --require-hashes $^
	@$(SIZE); touch $@

.venv-airflow/.locked: requirements/airflow.txt | .venv/.locked
	@echo 'Setting up .venv-airflow for the scheduler: 0.3 GB of disk …' >&2; $(UV) venv -q --clear --python $(PY) .venv-airflow
	@$(UV) pip sync $(QUIET) --python .venv-airflow/bin/python --require-hashes $^
	@$(SIZE); touch $@

.venv-cloud/.locked: requirements/cloud.txt | .venv/.locked
	@echo 'Setting up .venv-cloud with what stands in for AWS in tests …' >&2; $(UV) venv -q --clear --python $(PY) .venv-cloud
	@$(UV) pip sync -q --python .venv-cloud/bin/python --require-hashes $^
	@touch $@

.venv-audit/.locked: requirements/audit.txt | .venv/.locked
	@echo 'Setting up .venv-audit …' >&2; $(UV) venv -q --clear --python $(PY) .venv-audit
	@$(UV) pip sync -q --python .venv-audit/bin/python --require-hashes $^
	@touch $@

.venv-bench/.locked: requirements/model.txt requirements/api.txt requirements/bench.txt | .venv/.locked
	@echo 'Setting up .venv-bench with the peers of the benchmark …' >&2; $(UV) venv -q --clear --python $(PY) .venv-bench
	@$(UV) pip sync -q --python .venv-bench/bin/python --require-hashes $^
	@touch $@

.venv-evidently/.locked: requirements/evidently.txt | .venv/.locked
	@echo 'Setting up .venv-evidently with a peer of the benchmark: 1 GB of disk …' >&2; $(UV) venv -q --clear --python $(PY) .venv-evidently
	@$(UV) pip sync -q --python .venv-evidently/bin/python --require-hashes $^
	@touch $@

.PHONY: demo
demo: .venv/.locked ## The whole job on generated reviews, or on DATA=path|kaggle:owner/name|public:…
	@$(PY) -m src.model.pipeline.demo --source="$$DATA"

##@ Quality

.PHONY: test-unit test test-all
test-unit: .venv/.locked ## Run the pure, fast tests: a minute
	@$(PY) -m pytest -n auto tests/unit $(PYTEST_ARGS)
test: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run all tests but the slow ones: six minutes on two cores
	@echo 'About six minutes on two cores; the slow tests are left out (make test-all). The unit tests alone: make test-unit.' >&2
	@$(PY) -m pytest -n auto -m 'not slow' $(PYTEST_ARGS)
test-all: .venv/.locked .venv-mlflow/.locked .venv-api/.locked .venv-airflow/.locked .venv-cloud/.locked ## Run all tests, with branch coverage: 35 minutes on two cores
	@echo 'About 35 minutes on two cores; what is skipped says at the end what it lacks.' >&2
	@$(PY) -m pytest -n auto --cov --cov-report=term:skip-covered $(PYTEST_ARGS)

.PHONY: test-integration test-e2e
test-integration: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run the tests against real services on this machine
	@$(PY) -m pytest -n auto tests/integration $(PYTEST_ARGS)
test-e2e: .venv/.locked .venv-mlflow/.locked .venv-api/.locked ## Run whole pipelines and make targets
	@$(PY) -m pytest -n auto tests/e2e $(PYTEST_ARGS)

.PHONY: test-hostile
test-hostile: .venv/.locked ## Kill every command at every point, change every file, replace what is read (minutes)
	@TEST_WHOLE=1 $(PY) -m pytest -s -n auto tests/hostile $(PYTEST_ARGS)

.PHONY: test-machines
test-machines: .venv/.locked ## 20 rounds of two machines at once on one S3 bucket (root; minutes)
	@TEST_ROUNDS=$${ROUNDS:-20} $(PY) -m pytest -s tests/integration/test_two_machines.py $(PYTEST_ARGS)

.PHONY: test-docker
test-docker: .venv/.locked .venv-api/.locked .venv-airflow/.locked .venv-cloud/.locked ## Build the images and run the tests that need a Docker engine (minutes)
	@TEST_DOCKER=1 $(PY) -m pytest -n 2 --dist loadfile tests/docker $(PYTEST_ARGS)

.PHONY: check
check: .venv/.locked ## Lint, formatting, types, who imports whom; shell scripts and Dockerfiles too
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m mypy
	@.venv/bin/lint-imports --no-cache && $(PY) -m src.orchestration.render --check >/dev/null
	@.venv/bin/shellcheck docker/*.sh tools/*.sh && .venv/bin/hadolint docker/*.Dockerfile
	@.venv/bin/zizmor --offline --quiet --persona=auditor .github/workflows

.PHONY: audit
audit: .venv-audit/.locked ## Which locked packages have known holes? Asks PyPI's list of advisories
	@for lock in requirements/*.txt; do echo "$$lock" >&2; .venv-audit/bin/pip-audit --require-hashes --disable-pip --strict --progress-spinner=off \
		-r "$$lock" || failed=1; done; exit $${failed:-0}

.PHONY: ci-local
ci-local: check test-all test-docker infra-cost ## What GitHub runs of a change, in order: an hour on two cores

.PHONY: format
format: .venv/.locked ## Format the code and mend what the linter can
	@$(PY) -m ruff check --fix-only --quiet .
	@$(PY) -m ruff format .

UV_COMPILE = $(UV) pip compile -q --upgrade pyproject.toml --universal --python-version 3.11 --no-emit-index-url \
	--custom-compile-command 'make lock'
.PHONY: bench
bench: .venv-bench/.locked ## Ours against scikit-learn, fastText and Vowpal Wabbit on the reviews of DATA= (minutes)
	@.venv-bench/bin/python -m bench.run --source="$$DATA" $(BENCH_ARGS)

.PHONY: bench-api
bench-api: .venv-bench/.locked .venv-api/.locked ## The API against a plain FastAPI with scikit-learn, on DATA= (minutes)
	@.venv-bench/bin/python -m bench.api --source="$$DATA" $(BENCH_ARGS)

.PHONY: bench-monitoring
bench-monitoring: .venv-bench/.locked .venv-evidently/.locked ## Monitors on the same windows of DATA= and DRIFT=: false alarms and what is found (minutes)
	@.venv-bench/bin/python -m bench.monitoring --source="$$DATA" --drift="$$DRIFT" $(BENCH_ARGS)

.PHONY: bench-week
bench-week: .venv/.locked .venv-api/.locked ## A week of predictions under load, judged while it runs: is each counted once? (libfaketime; minutes)
	@$(PY) -m bench.week $(BENCH_ARGS)

.PHONY: bench-docker
bench-docker: .venv-bench/.locked ## Sizes, layers, build and start times of the images -> docs/benchmarks-docker.md (minutes)
	@.venv-bench/bin/python -m bench.images $(BENCH_ARGS)

.PHONY: api-faults
api-faults: .venv/.locked .venv-api/.locked .venv-mlflow/.locked ## A minute of load while all beside the API fails -> docs/api/faults.md
	@$(PY) -m bench.faults --output docs/api/faults.md $(BENCH_ARGS)

.PHONY: lock
lock: .venv/.locked ## Resolve the hash-pinned requirements anew from pyproject.toml
	@$(UV_COMPILE) --extra setup --extra model --extra api --extra monitoring --extra dev --extra bench -o .venv/together.txt >/dev/null
	@for role in setup model api monitoring dev bench; do $(UV_COMPILE) --generate-hashes -c .venv/together.txt --extra $$role \
		-o requirements/$$role.txt >/dev/null; done
	@for role in mlflow airflow evidently cloud audit; do $(UV_COMPILE) --generate-hashes --extra $$role -o requirements/$$role.txt >/dev/null; done

.PHONY: lock-pull-request
lock-pull-request: ## Propose what make lock has changed as a pull request; gh has to be logged in
	@tools/lock_pull_request.sh

.PHONY: docs
docs: .venv/.locked ## Write the generated parts of docs/ anew: options, settings, targets
	@$(PY) -m tools.docs_reference

.PHONY: clean clean-data
clean-data: ## Stop MLflow's server and Airflow, and delete all data, models, runs and caches of this folder; asks first [yes=1]
	@said=$$yes; [ -n "$$said" ] || read -r -p 'Delete data, mlruns, mlflow.db, demo.db and optuna.db here? [y/N] ' said || true; \
		case $$said in 1|[yY]*|true) ;; *) echo 'Nothing was deleted; yes=1 does it without asking.' >&2; exit 2 ;; esac
	@[ ! -f .mlflow/server.json ] || { $(PY) -m src.model.mlflow_server down >/dev/null; echo "MLflow's server is stopped." >&2; }
	@[ ! -f .airflow/server.json ] || { $(PY) -m src.orchestration.airflow_server down >/dev/null; echo 'Airflow is stopped.' >&2; }
	@rm -rf data mlruns .mlflow .airflow {mlflow,demo}.db{,.*.lock} optuna.db; echo 'Deleted. An API that still runs goes on with the model it has loaded, and logs into the new data.' >&2
clean: ## Remove environments and caches; data, mlflow.db and mlruns stay
	@rm -rf .venv .venv-mlflow .venv-api .venv-airflow .venv-bench .venv-evidently .venv-cloud .venv-audit .bench .pytest_cache .ruff_cache .mypy_cache .hypothesis .coverage htmlcov
	@find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

##@ MLflow

.PHONY: mlflow-up mlflow-down mlflow-status
mlflow-up: .venv/.locked .venv-mlflow/.locked ## Start MLflow's server on 127.0.0.1:5500 over the same store
	@$(PY) -m src.model.mlflow_server up --port $(MLFLOW_PORT)
mlflow-down: .venv/.locked ## Stop the server that mlflow-up started
	@$(PY) -m src.model.mlflow_server down
mlflow-status: .venv/.locked ## Say whether the server is up, and where
	@$(PY) -m src.model.mlflow_server status

##@ Model, step by step

.PHONY: model-ingest docker-model-ingest
model-ingest docker-model-ingest: ## Read reviews from source= into data/raw [append=1: add the new ones as the next batch]
	@$(RUN) src.model.data.ingest --source="$$source" $${append:+"--append=$$append"}

.PHONY: model-validate docker-model-validate
model-validate docker-model-validate: ## Check data/raw and write the data quality page
	@$(RUN) src.model.data.validate

.PHONY: model-split-batches docker-model-split-batches
model-split-batches docker-model-split-batches: ## Split the train rows into 10 batches
	@$(RUN) src.model.data.split_batches

.PHONY: model-next-batch docker-model-next-batch
model-next-batch docker-model-next-batch: ## Find the batches of this week's run, or of run=; others take them as batches=run:NAME
	@$(RUN) src.model.pipeline.next_batch --run="$$run" --warm-start="$$warm_start"

.PHONY: model-preprocess-batch docker-model-preprocess-batch
model-preprocess-batch docker-model-preprocess-batch: ## Clean the batches in batch= ("0 1 2", 0,1,2, 0-4 or all)
	@$(RUN) src.model.data.preprocess_batch --batch="$${batch:-$$batches}"

.PHONY: model-preprocess-test docker-model-preprocess-test
model-preprocess-test docker-model-preprocess-test: ## Clean the test rows
	@$(RUN) src.model.data.preprocess_test

.PHONY: model-tune docker-model-tune
model-tune docker-model-tune: ## Search better parameters on batches= in trials= trials (20); train uses the best
	@$(RUN) src.model.pipeline.tune --batches="$${batches:-$${batch:-all}}" --trials="$${trials:-20}"

.PHONY: model-train docker-model-train
model-train docker-model-train: ## Train on batches= and register the challenger [warm_start=champion]
	@$(RUN) src.model.pipeline.train --batches="$${batches:-$$batch}" --warm-start="$$warm_start"

.PHONY: model-evaluate docker-model-evaluate
model-evaluate docker-model-evaluate: ## Evaluate the challenger, or model_version=, on the test rows
	@$(RUN) src.model.pipeline.evaluate --model-version="$${model_version:-challenger}"

.PHONY: model-promote docker-model-promote
model-promote docker-model-promote: ## Make the challenger the champion if it passes the gate [ignore_champion=1 run=]
	@$(RUN) src.model.pipeline.promote $${ignore_champion:+"--ignore-champion=$$ignore_champion"} --run="$$run"

.PHONY: model-approve docker-model-approve
model-approve docker-model-approve: ## Answer for a version that passed, where REVIEWS_PROMOTE=approve [model_version= run= answer=yes by=]
	@$(RUN) src.model.pipeline.approve --model-version="$$model_version" --run="$$run" --answer="$$answer" --by="$${by:-$$(id -un)}"

.PHONY: model-rollback docker-model-rollback
model-rollback docker-model-rollback: ## Make the previous champion the champion again
	@$(RUN) src.model.pipeline.promote --rollback

.PHONY: model-curve docker-model-curve
model-curve docker-model-curve: ## Train on growing numbers of batches= (all): is retraining still worth it?
	@$(RUN) src.model.pipeline.curve --batches="$${batches:-$${batch:-all}}"

.PHONY: model-findings docker-model-findings
model-findings docker-model-findings: ## Near duplicates and suspicious labels in batches= (all), for people to look at
	@$(RUN) src.model.pipeline.findings --batches="$${batches:-$${batch:-all}}"

.PHONY: model-shadow docker-model-shadow
model-shadow docker-model-shadow: ## Challenger against champion on the same requests, from the prediction log [since=YYYY-MM-DD]
	@$(RUN) src.model.pipeline.shadow --since="$$since"

.PHONY: model-reproduce docker-model-reproduce
model-reproduce docker-model-reproduce: ## Train model_version= (champion) again from its record and compare bit by bit
	@$(RUN) src.model.pipeline.reproduce --model-version="$${model_version:-champion}"

.PHONY: model-predict docker-model-predict
model-predict docker-model-predict: ## Judge one review: title= message= [model_version=]
	@$(RUN) src.model.pipeline.predict --title="$$title" --message="$$message" --model-version="$${model_version:-champion}"

.PHONY: model-score docker-model-score
model-score docker-model-score: ## Score the reviews of the file in= into the file out= [model_version=]
	@$(RUN) src.model.pipeline.score --model-version="$${model_version:-champion}" -- "$$in" "$$out"

##@ Model, whole pipelines

.PHONY: model-pipeline-ingest docker-model-pipeline-ingest
model-pipeline-ingest docker-model-pipeline-ingest: ## ingest, validate, split: source= [append=1]
	@$(RUN) src.model.pipeline.run ingest --source="$$source" --append="$$append"

.PHONY: model-pipeline-train docker-model-pipeline-train
model-pipeline-train docker-model-pipeline-train: ## preprocess, train, evaluate, promote: batches= (all) [warm_start=champion]
	@$(RUN) src.model.pipeline.run train --batches="$${batches:-$${batch:-all}}" --warm-start="$$warm_start"

.PHONY: model-pipeline-weekly docker-model-pipeline-weekly
model-pipeline-weekly docker-model-pipeline-weekly: ## What a scheduler runs: the next batch, then train [run=2026-W48 warm_start=champion]
	+@$(RUN) src.orchestration.run weekly_training --run="$$run" --warm-start="$$warm_start" $(DRY)

##@ Schedulers

.PHONY: steps-render steps-check
steps-render: .venv/.locked ## Write the workflows for Airflow and Step Functions anew from the list of steps
	@$(PY) -m src.orchestration.render
steps-check: .venv/.locked ## Say whether they are what the list says
	@$(PY) -m src.orchestration.render --check

.PHONY: airflow-up airflow-down airflow-status airflow-backfill
airflow-up: .venv/.locked .venv-airflow/.locked ## Start Airflow on 127.0.0.1:8080 with the project's workflows [AIRFLOW_PORT=]
	@$(PY) -m src.orchestration.airflow_server up --port $(AIRFLOW_PORT)
airflow-down: .venv/.locked ## Stop what airflow-up started
	@$(PY) -m src.orchestration.airflow_server down
airflow-status: .venv/.locked ## Say whether Airflow is up and well, and where
	@$(PY) -m src.orchestration.airflow_server status

airflow-backfill: .venv/.locked ## Make up for the Mondays from since= to until=, one after the other [YYYY-MM-DD]
	@$(PY) -m src.orchestration.airflow_server backfill --since="$$since" --until="$$until"

##@ AWS

.PHONY: infra-fmt infra-validate infra-test infra-apply-local infra-faults infra-cost infra-plan infra-plan-comment infra-apply infra-destroy infra-deploy infra-smoke
infra-fmt: ## Lay out the files of infra/ as Terraform does
	@terraform fmt -recursive infra
infra-validate: .venv/.locked ## Are they valid, and do modules refuse what cannot be right? Asks nobody
	@$(PY) -m pytest -n auto tests/infra/test_gate.py $(PYTEST_ARGS)
infra-test: .venv/.locked .venv-api/.locked .venv-cloud/.locked ## The same, plans, costs, roll-outs and their ways back, and who may do what, against stand-ins for AWS (four minutes)
	@$(PY) -m pytest -n auto --dist loadfile tests/infra $(PYTEST_ARGS)
infra-apply-local: .venv/.locked .venv-cloud/.locked ## Make all of dev, plan it again and take it away, in what stands in for an account (five minutes)
	@TEST_APPLY=1 $(PY) -m pytest -s tests/infra/test_apply.py $(PYTEST_ARGS)
infra-faults: .venv/.locked .venv-api/.locked .venv-cloud/.locked ## Plant faults in Terraform and workflows: which test sees each? -> docs/infra/faults.md (half an hour)
	@$(PY) -m tools.infra.faults
infra-cost: .venv/.locked ## What AWS would ask for bootstrap, dev and prod in a month, or for env= alone; needs no account
	@$(PY) -m tools.infra.cost --environment="$$env"

infra-plan: .venv/.locked ## What would change in env=dev|prod of your account [STATE_BUCKET= images=FILE out=FILE words="-refresh=false"]
	@$(PY) -m tools.infra.environment plan --environment="$$env" --bucket="$$STATE_BUCKET" --images="$$images" --out="$$out" --words="$$words"
infra-plan-comment: .venv/.locked ## The same without refreshing, as a comment of pull_request= [env= STATE_BUCKET=]
	@$(PY) -m tools.infra.environment plan --environment="$$env" --bucket="$$STATE_BUCKET" --out=data/plan.txt --words=-refresh=false
	@$(PY) -m tools.infra.comment --environment="$$env" --pull-request="$$pull_request" --plan=data/plan.txt
infra-apply: .venv/.locked ## Make or change env=dev|prod in your account; asks first [STATE_BUCKET= images=FILE yes=1]
	@$(PY) -m tools.infra.environment apply --environment="$$env" --bucket="$$STATE_BUCKET" --images="$$images" --yes="$$yes"
infra-destroy: .venv/.locked ## Take env=dev|prod away from your account, with its data; asks first [STATE_BUCKET= yes=1]
	@$(PY) -m tools.infra.environment destroy --environment="$$env" --bucket="$$STATE_BUCKET" --yes="$$yes"
infra-deploy: .venv/.locked ## Roll images=FILE out to env=, ask the API at url=, and go back where it answers wrongly [STATE_BUCKET=]
	@$(PY) -m tools.infra.deploy --environment="$$env" --bucket="$$STATE_BUCKET" --images="$$images" --address="$$url"
infra-smoke: .venv/.locked ## Is the API at url= ready, and does it tell good from bad?
	@$(PY) -m tools.infra.smoke --address="$$url"

.PHONY: docker-push docker-attested
docker-push: ## Build every image once with SBOM and provenance, push them to REGISTRY=, and write data/docker/images.json
	@docker/push.sh
docker-attested: .venv/.locked ## Do the images of images=FILE say what is in them, and how they were made? [REGISTRY=]
	@docker/login.sh
	@$(PY) -m tools.infra.attested --images="$$images" --registry="$$REGISTRY"

##@ Monitoring

.PHONY: monitoring-reference docker-monitoring-reference
monitoring-reference docker-monitoring-reference: ## What live predictions are compared with [model_version= window=DAYS]
	@$(RUN) src.monitoring.reference --model-version="$$model_version" --window="$$window"

.PHONY: monitoring-check docker-monitoring-check
monitoring-check docker-monitoring-check: ## Drift, harm and what to do, from the prediction log [window=DAYS until=YYYY-MM-DD]
	@$(RUN) src.monitoring.check --window="$$window" --until="$$until"

.PHONY: monitoring-report docker-monitoring-report
monitoring-report docker-monitoring-report: ## The same as a page, data/monitoring/report.html, whatever is found
	@$(RUN) src.monitoring.check --report --window="$$window" --until="$$until"

.PHONY: monitoring-retrain docker-monitoring-retrain
monitoring-retrain docker-monitoring-retrain: ## Does the last check ask for a training? Once for a version
	@$(RUN) src.monitoring.retrain

.PHONY: monitoring-daily docker-monitoring-daily
monitoring-daily docker-monitoring-daily: ## What a scheduler runs: check, and the weekly training where that is asked for
	+@$(RUN) src.orchestration.run monitoring $(DRY)

.PHONY: drift-demo
drift-demo: .venv/.locked .venv-api/.locked ## Reviews that change, replayed through the API: what is seen, decided and mended (two minutes)
	@$(PY) -m src.monitoring.drift_demo

##@ API

.PHONY: model-export docker-model-export
model-export docker-model-export: ## Put the champion, or model_version=, where the API serves it from (data/model)
	@$(RUN) src.model.pipeline.export --model-version="$${model_version:-champion}"

# The local ones of these pairs need the environment.
$(shell sed -n 's/^\(mo[a-z]*-[a-z-]*\) docker-mo[a-z-]*: .*/\1/p' Makefile): .venv/.locked

# Where the caller has named the port as for containers
API_AT = $(if $(filter-out file undefined default,$(origin API_PORT)),REVIEWS_API_PORT="$$API_PORT")
.PHONY: api-run
api-run: .venv-api/.locked ## Serve predictions and a page on http://127.0.0.1:8000
	@$(API_AT) .venv-api/bin/python -m src.api

.PHONY: api-predict
api-predict: .venv-api/.locked ## Ask the running API for one review: title= message=
	@$(API_AT) .venv-api/bin/python -m src.api.ask --title="$$title" --message="$$message"

.PHONY: api-key
api-key: .venv-api/.locked ## Make an API key for name=; append its line to the file of REVIEWS_API_KEYS_FILE
	@.venv-api/bin/python -m src.api --new-key="$$name"

##@ Docker: images, and the stack of MLflow, Postgres and API

.PHONY: docker-model-build docker-api-build docker-monitoring-build docker-mlflow-build docker-airflow-build
docker-model-build: ## Build the model's image, MODEL_IMAGE= [BASE_IMAGE= IMAGE_TAG=]
	@docker/build.sh model
docker-api-build: ## Build the API's image, API_IMAGE=
	@docker/build.sh api
docker-monitoring-build: ## Build the image of monitoring, MONITORING_IMAGE=
	@docker/build.sh monitoring
docker-mlflow-build: ## Build the image of MLflow's server, MLFLOW_IMAGE=
	@docker/build.sh mlflow
docker-airflow-build: ## Build the image of Airflow's programs, AIRFLOW_IMAGE=
	@docker/build.sh airflow

.PHONY: docker-mlflow-up docker-mlflow-down docker-airflow-up docker-airflow-down docker-up docker-down docker-monitoring-up docker-demo
.PHONY: docker-status docker-logs docker-clean
docker-status: ## What of the stack runs, and whether it is healthy
	@docker/stack.sh status
docker-logs: ## What the stack's containers have said, as it goes on; Ctrl-C ends it
	@docker/stack.sh logs
docker-clean: ## Stop the stack and delete its volumes: MLflow's runs and models; asks first [yes=1]
	@docker/stack.sh clean
docker-mlflow-up: ## Start MLflow's server and its Postgres: http://127.0.0.1:5500 [MLFLOW_PORT=]
	@docker/stack.sh mlflow-up
docker-mlflow-down: ## Stop both; what they hold stays in volumes
	@docker/stack.sh mlflow-down
docker-airflow-up: ## Start Airflow beside MLflow, its database in the same Postgres: http://127.0.0.1:8080 [AIRFLOW_PORT=]
	@docker/stack.sh airflow-up
docker-airflow-down: ## Stop Airflow; its runs stay in Postgres, its logs in a volume
	@docker/stack.sh airflow-down
docker-up: ## Start MLflow, Postgres and the API: http://127.0.0.1:8000 [API_PORT= MLFLOW_PORT=]
	@docker/stack.sh up
docker-down: ## Stop everything of the stack; data stay in data/docker and in volumes
	@docker/stack.sh down
docker-monitoring-up: ## Start Prometheus and Grafana beside the stack: http://127.0.0.1:3000, user admin
	@docker/stack.sh monitoring-up
docker-demo: ## The whole story in containers: build, start, ingest, train, promote, predict, stop [source=]
	@docker/demo.sh "$$source"

.PHONY: docker-api-run docker-api-predict
docker-api-run: ## Serve in a container: MLflow's champion, or without a server data/docker/model [API_PORT=]
	@docker/api.sh run
docker-api-predict: ## Ask the API of the running container for one review: title= message=
	@docker/api.sh predict --title="$$title" --message="$$message"
