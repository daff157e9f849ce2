#!/bin/sh
# Start MLflow's server. The database's password comes from a file and goes to the driver alone: no command line, no log.
# With MLFLOW_AUTH_ADMIN_PASSWORD whoever asks has to log in, as MLFLOW_ADMIN_USERNAME; that user is made anew at each start.
set -eu
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  [ -r "$POSTGRES_PASSWORD_FILE" ] || { echo "error: $POSTGRES_PASSWORD_FILE cannot be read." >&2; exit 2; }
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
fi
[ -n "${BACKEND_STORE_URI:-}" ] || { echo "error: set BACKEND_STORE_URI, for example to postgresql+psycopg://user@host/database." >&2; exit 2; }
if [ -n "${MLFLOW_AUTH_ADMIN_PASSWORD:-}" ]; then
  [ -n "${MLFLOW_FLASK_SERVER_SECRET_KEY:-}" ] || { echo "error: set MLFLOW_FLASK_SERVER_SECRET_KEY too, to any long secret." >&2; exit 2; }
  MLFLOW_AUTH_CONFIG_PATH=$(mktemp -d)/auth.ini
  export MLFLOW_AUTH_CONFIG_PATH
  printf '%s\n' "[mlflow]" "default_permission = NO_PERMISSIONS" "admin_username = ${MLFLOW_ADMIN_USERNAME:-mlflow}" \
    "database_uri = sqlite:///${MLFLOW_AUTH_CONFIG_PATH%.ini}.db" "auth_cache_ttl_seconds = 60" \
    "authorization_function = mlflow.server.auth:authenticate_request_basic_auth" >"$MLFLOW_AUTH_CONFIG_PATH"
  set -- --app-name basic-auth "$@"
fi
# A connection is kept longer than load balancers keep theirs, or one would be closed that is just asked on.
exec mlflow server --host 0.0.0.0 --port 5000 --workers "${MLFLOW_WORKERS:-1}" --uvicorn-opts "--timeout-keep-alive 75" \
  --backend-store-uri "$BACKEND_STORE_URI" --artifacts-destination "${ARTIFACTS_DESTINATION:-/mlflow/artifacts}" \
  --allowed-hosts "${ALLOWED_HOSTS:-mlflow:5000,localhost:*,127.0.0.1:*}" "$@"
