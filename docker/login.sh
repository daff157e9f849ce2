#!/usr/bin/env bash
# Log in to REGISTRY, where it is one of ECR: so that its images can be looked at.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need_engine
log_in "${REGISTRY:-}"
