#!/usr/bin/env bash
# Build an image: docker/build.sh model|api|monitoring|mlflow|airflow. Labels tell of which commit, version and lock it is.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need_engine
case $1 in model) image=$MODEL_IMAGE ;; api) image=$API_IMAGE ;; mlflow) image=$MLFLOW_IMAGE ;;
  monitoring) image=$MONITORING_IMAGE ;; airflow) image=$AIRFLOW_IMAGE ;; esac
sha=$(git rev-parse HEAD 2>/dev/null || echo unknown)
git diff --quiet HEAD -- src requirements docker airflow 2>/dev/null || sha=$sha-dirty
lock=$(sha256 "requirements/$1.txt")
docker build --file "docker/$1.Dockerfile" --tag "$image" --build-arg "BASE=$BASE_IMAGE" \
  --build-arg "GIT_SHA=$sha" --build-arg "VERSION=$IMAGE_TAG" --build-arg "LOCK=$lock" . >&2 ||
  fail 5 "$image could not be built." "Above is why. Without a network, a base image that is here helps: BASE_IMAGE=…"
docker image inspect --format "$image {{.Id}}, {{.Architecture}}, {{.Size}} bytes" "$image"
