#!/usr/bin/env bash
# The API in a container of its own: docker/api.sh run | predict --title=… --message=…
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
name=$STACK-api
running() { [ "$(docker inspect --format '{{.State.Running}}' "$name" 2>/dev/null)" = true ]; }

run() {
  need_image "$API_IMAGE" docker-api-build
  ! running || fail 2 "The container $name runs already." "Stop it: make docker-down, or docker stop $name."
  # Without a server of its own it serves what docker-model-export wrote.
  if [ -z "${MLFLOW_TRACKING_URI+set}" ] && ! docker network inspect "$STACK" >/dev/null 2>&1; then export MLFLOW_TRACKING_URI=; fi
  find_mlflow
  collect_options
  keys=$(setting REVIEWS_API_KEYS_FILE)
  [ -z "$keys" ] || options+=(--mount "$(mount "$(cd "$(dirname "$keys")" && pwd)/$(basename "$keys")" /run/api_keys readonly)"
    --env REVIEWS_API_KEYS_FILE=/run/api_keys)
  echo "Serving on http://127.0.0.1:$API_PORT (Ctrl-C ends it)" >&2
  exec docker run --rm --name "$name" --tmpfs /tmp --publish "127.0.0.1:$API_PORT:8000" "${options[@]}" "$API_IMAGE"
}

need_engine
case $1 in
  run) run ;;
  predict)
    running || fail 5 "The API does not run in a container." "Start it: make docker-up, or make docker-api-run."
    export API_KEY=${API_KEY:-}
    terminal=()
    [ ! -t 1 ] || terminal=(--tty)
    exec docker exec ${terminal[@]+"${terminal[@]}"} --env API_KEY "$name" python -m src.api.ask http://127.0.0.1:8000 "${@:2}" ;;
esac
