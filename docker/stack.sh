#!/usr/bin/env bash
# The stack of docker/compose.yaml: docker/stack.sh up | down | status | logs | clean | mlflow-up | mlflow-down | monitoring-up |
# airflow-up | airflow-down
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
DOCKER_USER=$(id -u):$(id -g)
export DOCKER_DATA=$DATA DOCKER_USER
compose() { docker compose --project-name "$STACK" --file docker/compose.yaml "$@"; }

# secret NAME COMMAND…: a file that only the caller can reach, made once; containers get it as a mount
secret() {
  local file=$DATA/secrets/$1
  shift
  [ ! -f "$file" ] || return 0
  { "$@" >"$file.part" && chmod 0644 "$file.part" && mv "$file.part" "$file"; } || fail 5 "$file cannot be written." "See above."
}

make_secrets() {
  mkdir -p "$DATA/secrets" && chmod 0700 "$DATA/secrets"
  secret postgres_password random
  secret grafana_password random
  secret airflow_secret random
  secret no_api_keys true
  write_settings
  keys=$(setting REVIEWS_API_KEYS_FILE)
  if [ -n "$keys" ]; then
    [ -f "$keys" ] || fail 2 "REVIEWS_API_KEYS_FILE=$keys is no file." "Make it: make api-key name=NAME >> $keys."
    API_KEYS_FILE=$(cd "$(dirname "$keys")" && pwd)/$(basename "$keys") && export API_KEYS_FILE
  fi
  case ${ARTIFACTS_DESTINATION:-} in
    s3://*) rm -f "$DATA/secrets/aws_credentials" && secret aws_credentials aws_credentials ;;
    *) secret aws_credentials true ;;
  esac
  SECRETS_DIGEST=$(sha256 "$DATA/secrets/postgres_password") && export SECRETS_DIGEST
}
# The caller's settings, of .env and above them of the environment, as the .env that the API reads; last, places: those of
# this machine are nowhere in a container, and nothing means the image's own
write_settings() {
  local file=$DATA/secrets/settings name value
  {
    [ ! -f .env ] || { cat .env && echo; }
    for name in $(compgen -e); do
      if ours "$name"; then
        case ${!name} in *"\${"*) fail 2 "$name holds \${, which a file of settings takes for a variable." "Write it into .env." ;; esac
        value=${!name//\\/\\\\}
        printf "%s='%s'\n" "$name" "${value//\'/\\\'}"
      fi
    done
    for name in REVIEWS_DATA_DIR REVIEWS_CACHE_DIR REVIEWS_LOG_DIR REVIEWS_API_MODEL_DIR REVIEWS_API_CACHE_DIR REVIEWS_API_MONITORING_FILE \
      REVIEWS_API_KEYS_FILE REVIEWS_API_PORT REVIEWS_REAL_DATA; do
      value=$(setting "$name")
      case $value in s3://* | off) ;; *) echo "$name=" ;; esac
    done
  } >"$file.part" || fail 5 "$file cannot be written." "See above."
  chmod 0644 "$file.part" && mv "$file.part" "$file"
  SETTINGS_DIGEST=$(sha256 "$file") && SETTINGS_FILE=$file && export SETTINGS_DIGEST SETTINGS_FILE
}
random() { od -A n -N 24 -t x1 /dev/urandom | tr -d ' \n'; }
aws_credentials() {
  if [ -n "${AWS_ACCESS_KEY_ID:-}" ]; then
    printf '[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
    [ -z "${AWS_SESSION_TOKEN:-}" ] || printf 'aws_session_token=%s\n' "$AWS_SESSION_TOKEN"
  else cat "${AWS_SHARED_CREDENTIALS_FILE:-$HOME/.aws/credentials}"; fi
}

# The official image, or where it can't be had, one made of Debian's package
need_postgres() {
  docker image inspect "$POSTGRES_IMAGE" >/dev/null 2>&1 && return
  docker pull --quiet "$POSTGRES_IMAGE" >/dev/null 2>&1 && return
  local own=tutoria-mlops-postgres:$IMAGE_TAG
  if ! docker image inspect "$own" >/dev/null 2>&1; then
    echo "$POSTGRES_IMAGE cannot be pulled; building one from Debian's package …" >&2
    docker build --quiet --file docker/postgres.Dockerfile --tag "$own" --build-arg "BASE=$BASE_IMAGE" . >/dev/null ||
      fail 5 "There is no Postgres image." "Pull $POSTGRES_IMAGE, or name another: POSTGRES_IMAGE=…"
  fi
  export POSTGRES_IMAGE=$own
}

last_words() { # last_words SERVICE: of one that has ended
  local id
  id=$(compose --profile '*' ps --all --quiet --status exited "$1") || return 0
  [ -z "$id" ] || docker logs --tail 8 "$id" >&2
}

mlflow_up() {
  need_image "$MLFLOW_IMAGE" docker-mlflow-build
  make_secrets
  need_postgres
  { postgres_up && compose --profile core up --detach --wait --wait-timeout 180 mlflow >&2; } || {
    last_words postgres
    last_words mlflow
    fail 5 "MLflow's server did not start." "Above is why; if its port is taken: make … MLFLOW_PORT=5501."
  }
  echo "MLflow is at http://127.0.0.1:$MLFLOW_PORT"
}

# The database outlives the folder with its password, and other folders of this stack: it takes the password of this one.
postgres_up() {
  compose --profile core up --detach --wait --wait-timeout 120 postgres >&2 &&
    printf "ALTER ROLE mlflow PASSWORD '%s';" "$(cat "$DATA/secrets/postgres_password")" |
    compose exec -T postgres psql --quiet --username=mlflow --dbname=mlflow --set=ON_ERROR_STOP=1 >&2
}

# Its database is one more of the stack's Postgres; its steps are containers of this engine, on the data of DOCKER_DATA.
airflow_up() {
  need_image "$AIRFLOW_IMAGE" docker-airflow-build
  need_image "$MODEL_IMAGE" docker-model-build
  need_image "$MONITORING_IMAGE" docker-monitoring-build
  mlflow_up
  DOCKER_SOCKET=$(docker context inspect --format '{{.Endpoints.docker.Host}}' | sed -n 's#^unix://##p')
  DOCKER_SOCKET=${DOCKER_SOCKET:-/var/run/docker.sock}
  DOCKER_GROUP=$(stat -Lc %g "$DOCKER_SOCKET" 2>/dev/null || stat -Lf %g "$DOCKER_SOCKET")
  export DOCKER_SOCKET DOCKER_GROUP
  { airflow_database && compose --profile core --profile airflow run --rm airflow-migrate >/dev/null &&
    compose --profile core --profile airflow up --detach airflow airflow-scheduler airflow-dag-processor airflow-triggerer >&2 &&
    compose --profile core --profile airflow up --detach --wait --wait-timeout 180 airflow >&2; } || {
    last_words airflow
    fail 5 "Airflow did not start." "Above is why; if its port is taken: make … AIRFLOW_PORT=8081."
  }
  echo "Airflow is at http://127.0.0.1:$AIRFLOW_PORT; workflows are switched off at first"
}

airflow_database() {
  printf '%s\n' "SELECT 'CREATE ROLE airflow LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'airflow')\\gexec" \
    "ALTER ROLE airflow PASSWORD '$(cat "$DATA/secrets/postgres_password")';" \
    "SELECT 'CREATE DATABASE airflow OWNER airflow' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'airflow')\\gexec" |
    compose exec -T postgres psql --quiet --username=mlflow --dbname=mlflow --set=ON_ERROR_STOP=1 >&2
}

api_up() {
  need_image "$API_IMAGE" docker-api-build
  compose --profile core up --detach api >&2 ||
    fail 5 "The API did not start." "See docker logs $STACK-api; if its port is taken: make … API_PORT=8001."
  local left=10 said _
  for _ in $(seq 60); do
    if said=$(docker exec "$STACK-api" python -m src.api.probe 2>/dev/null); then
      echo "The API is at http://127.0.0.1:$API_PORT"
      return
    fi
    case $said in *'"not ready"'*) [ $((left -= 1)) -gt 0 ] || break ;; esac # it answers, and has looked for a model
    sleep 0.25
  done
  echo "The API is at http://127.0.0.1:$API_PORT, without a model yet: it takes up the first champion by itself."
  echo "Make one: make docker-model-pipeline-ingest docker-model-pipeline-train; docker logs $STACK-api tells more."
}

need_engine
case $1 in
  up) mlflow_up && api_up ;;
  mlflow-up) mlflow_up ;;
  mlflow-down) compose --profile core rm --stop --force mlflow postgres >&2 ;;
  airflow-up) airflow_up ;;
  airflow-down) compose --profile core --profile airflow rm --stop --force airflow airflow-scheduler airflow-dag-processor airflow-triggerer >&2 ;;
  monitoring-up) make_secrets && compose --profile monitoring up --detach --wait >&2 ;;
  status) compose --profile '*' ps --all ;;
  logs) compose --profile '*' logs --follow --tail 50 ;;
  clean)
    [ -n "${yes:-}" ] || { read -r -p "Delete the volumes of $STACK, with all of MLflow's runs and models? [y/N] " said && [ "$said" = y ]; } || exit 2
    compose --profile '*' down --remove-orphans --volumes >&2 ;;
  down) compose --profile '*' down --remove-orphans >&2 ;;
  *) fail 2 "$1 is no command of this script." "up, down, status, logs, clean, mlflow-up, mlflow-down, monitoring-up, airflow-up, airflow-down" ;;
esac
