#!/bin/sh
# Start MLflow's server. The database's password comes from a file and goes to the driver alone: no command line, no log.
set -eu
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  [ -r "$POSTGRES_PASSWORD_FILE" ] || { echo "error: $POSTGRES_PASSWORD_FILE cannot be read." >&2; exit 2; }
  PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
  export PGPASSWORD
fi
[ -n "${BACKEND_STORE_URI:-}" ] || { echo "error: set BACKEND_STORE_URI, for example to postgresql+psycopg://user@host/database." >&2; exit 2; }
exec mlflow server --host 0.0.0.0 --port 5000 --workers "${MLFLOW_WORKERS:-1}" \
  --backend-store-uri "$BACKEND_STORE_URI" --artifacts-destination "${ARTIFACTS_DESTINATION:-/mlflow/artifacts}" \
  --allowed-hosts "${ALLOWED_HOSTS:-mlflow:5000,localhost:*,127.0.0.1:*}" "$@"
