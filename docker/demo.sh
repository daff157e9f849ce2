#!/usr/bin/env bash
# The whole story in containers, each phase with its wall time: docker/demo.sh [SOURCE]
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
source=${1:-synthetic:20000@42}
need_engine
phases=()
begun=$SECONDS

phase() { # phase NAME COMMAND…
  local since=$SECONDS
  printf '\n== %s\n' "$1" >&2
  "${@:2}"
  phases+=("$(printf '%-36s %4d s' "$1" $((SECONDS - since)))")
}
build() { for image in model api mlflow; do docker/build.sh "$image"; done; }
ready() { # the API looks for a champion every second as long as it has none
  for _ in $(seq 60); do docker exec "$STACK-api" python -m src.api.probe && return 0; sleep 0.5; done
  fail 5 "The API has not become ready." "See docker logs $STACK-api."
}
predict() {
  docker/api.sh predict --title="Love it" --message="Works perfectly and looks great. My daughter uses it every day!"
  docker/api.sh predict --title="Broke in a day" --message="Total waste of money; the \"strong\" handle came off in my hand. \$25 for garbage."
}
down() { docker/stack.sh down || echo "error: the stack could not be stopped; make docker-down tries again." >&2; }

trap down EXIT
phase "build the images" build
phase "start Postgres, MLflow and the API" docker/stack.sh up
phase "ingest, validate, split" docker/run.sh src.model.pipeline.run ingest --source="$source"
phase "preprocess, train, evaluate, promote" docker/run.sh src.model.pipeline.run train --batches=0-4
phase "the API takes up the champion" ready
phase "predict through the API" predict
trap - EXIT
phase "stop the stack" down
printf '\n'
printf '%s\n' "${phases[@]}" "$(printf '%-36s %4d s' "in all" $((SECONDS - begun)))"
echo "Runs and versions stay in MLflow's volumes: make docker-up shows them at http://127.0.0.1:$MLFLOW_PORT"
