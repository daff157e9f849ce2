#!/bin/sh
# Start one of Airflow's programs: api-server, scheduler, dag-processor or triggerer; migrate its database; or say whether all are
# well. Passwords come from files: no command line and no log has them.
set -eu
secret() { # secret FILE
  [ -r "$1" ] || { echo "error: $1 cannot be read." >&2; exit 2; }
  cat "$1"
}
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then PGPASSWORD=$(secret "$POSTGRES_PASSWORD_FILE") && export PGPASSWORD; fi
if [ -n "${AIRFLOW_SECRET_FILE:-}" ]; then
  AIRFLOW__API_AUTH__JWT_SECRET=$(secret "$AIRFLOW_SECRET_FILE")
  AIRFLOW__API__SECRET_KEY=$AIRFLOW__API_AUTH__JWT_SECRET
  export AIRFLOW__API_AUTH__JWT_SECRET AIRFLOW__API__SECRET_KEY
fi
program=$1 && shift
case $program in
  healthy) # all four programs have lately told the database that they live
    exec python -c "import json, urllib.request as r
said = json.load(r.urlopen('http://127.0.0.1:8080/api/v2/monitor/health', timeout=4))
raise SystemExit(any(part['status'] != 'healthy' for part in said.values()))" ;;
  migrate) exec airflow db migrate "$@" ;;
  api-server) exec airflow api-server --host 0.0.0.0 --port 8080 --workers 1 "$@" ;;
  scheduler | triggerer) exec airflow "$program" --skip-serve-logs "$@" ;;
  *) exec airflow "$program" "$@" ;;
esac
