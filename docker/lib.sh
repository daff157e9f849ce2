# shellcheck shell=bash
# What the scripts in this folder share; bash 3.2 is enough, as macOS has it. The Makefile sets and exports the names
# in capitals: STACK MODEL_IMAGE API_IMAGE MONITORING_IMAGE MLFLOW_IMAGE POSTGRES_IMAGE BASE_IMAGE IMAGE_TAG
# DOCKER_DATA DOCKER_MEMORY API_PORT MLFLOW_PORT. The network of a stack has the stack's name.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit

# fail CODE WHAT HINT: the project's errors look the same everywhere
fail() {
  printf 'error: %s\n  %s\n' "$2" "$3" >&2
  exit "$1"
}

mkdir -p "$DOCKER_DATA/tmp" 2>/dev/null ||
  fail 5 "$DOCKER_DATA cannot be written." "Make the folder writable, or choose another: make … DOCKER_DATA=/path/to/data"
DATA=$(cd "$DOCKER_DATA" && pwd -P)
HARDENED=(--read-only --cap-drop ALL --security-opt no-new-privileges --pids-limit 512 --memory "$DOCKER_MEMORY"
  --user "$(id -u):$(id -g)" --add-host host.docker.internal:host-gateway)

need_engine() {
  command -v docker >/dev/null || fail 5 "There is no docker command here." "Install Docker Engine or Docker Desktop."
  docker version >/dev/null 2>&1 || fail 5 "No Docker engine answers." "Start it; \`docker version\` shows whether it does."
}

# need_image IMAGE TARGET: it is here, or can be pulled, and it is for this kind of processor
need_image() {
  if ! docker image inspect "$1" >/dev/null 2>&1; then
    case $1 in */*) docker pull --quiet "$1" >/dev/null || fail 5 "$1 cannot be pulled." "Log in to its registry, or build it: make $2." ;;
      *) fail 2 "There is no image $1 here." "Build it: make $2." ;;
    esac
  fi
  local image engine
  image=$(docker image inspect --format '{{.Architecture}}' "$1")
  engine=$(docker version --format '{{.Server.Arch}}')
  [ "$image" = "$engine" ] || [ -n "${DOCKER_DEFAULT_PLATFORM:-}" ] ||
    fail 2 "$1 is for $image, and this engine runs $engine." "Build it here: make $2; or emulate: DOCKER_DEFAULT_PLATFORM=linux/$image."
}

# log_in REGISTRY: where it is one of ECR; others are logged in to by hand
log_in() {
  local region=${1#*.dkr.ecr.}
  case $1 in *.dkr.ecr.*.amazonaws.com)
    aws ecr get-login-password --region "${region%.amazonaws.com}" | docker login --username AWS --password-stdin "$1" >&2 ||
      fail 5 "Nobody could be logged in to $1." "Log in to AWS first, as one who may use its repositories." ;;
  esac
}

sha256() {
  if command -v sha256sum >/dev/null; then sha256sum <"$1"; else shasum -a 256 <"$1"; fi | cut -c 1-64
}

# setting NAME: from the environment, or from .env
setting() {
  if [ -n "${!1+set}" ]; then printf %s "${!1}"; return; fi
  [ ! -f .env ] || sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1=//p" .env | tail -n 1 | tr -d \'\"'\r'
}

# ours NAME: a setting that means the same in a container; places there are the image's own
ours() {
  case $1 in
    REVIEWS_DATA_DIR | REVIEWS_CACHE_DIR | REVIEWS_GIT_SHA | REVIEWS_REAL_DATA | REVIEWS_API_HOST | REVIEWS_API_PORT) return 1 ;;
    REVIEWS_API_MONITORING_FILE) return 1 ;;
    REVIEWS_API_KEYS_FILE) return 1 ;; # mounted where the API looks for it
    REVIEWS_*) return 0 ;;
  esac
  return 1
}

# mount SOURCE TARGET [readonly]: any character may be in a path but a line break
mount() {
  local source=${1//\"/\"\"} target=${2//\"/\"\"}
  printf '%s' "type=bind,\"source=$source\",\"target=$target\"${3:+,$3}"
}

# The address of MLflow as a container sees it, in $tracking; the stack's own by default
find_mlflow() {
  case ${MLFLOW_TRACKING_URI-unset} in
    unset)
      tracking=http://mlflow:5000
      docker network inspect "$STACK" >/dev/null 2>&1 || fail 5 "MLflow's server is not up." \
        "Start it: make docker-mlflow-up; or set MLFLOW_TRACKING_URI to another, or to nothing to run without." ;;
    '' | http://* | https://* | databricks*)
      tracking=$(printf %s "$MLFLOW_TRACKING_URI" | sed -E 's#^(https?://([^/@]*@)?)(localhost|127\.0\.0\.1|\[::1\])([:/]|$)#\1host.docker.internal\4#') ;;
    *) fail 2 "MLFLOW_TRACKING_URI names no http address, but a database or a folder, which a container cannot use." \
      "Leave it out (the stack's server), name an http address, or set it to nothing to run without tracking." ;;
  esac
}

# collect_options: everything that tells a container of ours about the caller's settings, in the array $options
collect_options() {
  local name place
  options=("${HARDENED[@]}" --env "MLFLOW_TRACKING_URI=$tracking" --env "REVIEWS_DATA_DIR=data"
    --mount "$(mount "$DATA" /app/data)")
  case $(setting REVIEWS_DATA_DIR) in s3://*) options+=(--env "REVIEWS_DATA_DIR=$(setting REVIEWS_DATA_DIR)") ;; esac
  docker network inspect "$STACK" >/dev/null 2>&1 && options+=(--network "$STACK")
  for name in $(compgen -e); do # the value stays in the environment: no command line shows it
    case $name in
      MLFLOW_TRACKING_URI) ;;
      MLFLOW_* | AWS_* | KAGGLE_* | HTTP_PROXY | HTTPS_PROXY | NO_PROXY) options+=(--env "$name") ;;
      *) if ours "$name"; then options+=(--env "$name"); fi ;;
    esac
    case $name in # a file that a secret or a certificate comes from is there under its own name
      MLFLOW_*_FILE | AWS_*_FILE | MLFLOW_TRACKING_SERVER_CERT_PATH)
        [ ! -f "${!name}" ] || options+=(--mount "$(mount "${!name}" "${!name}" readonly)") ;;
    esac
  done
  [ ! -f .env ] || options+=(--mount "$(mount "$PWD/.env" /app/.env readonly)")
  name=$(setting REVIEWS_LANGUAGE)
  if [ -f "$name" ]; then # a language of one's own
    name=$(cd "$(dirname "$name")" && pwd)/$(basename "$name")
    options+=(--mount "$(mount "$name" /run/language.toml readonly)" --env REVIEWS_LANGUAGE=/run/language.toml)
  fi
  for place in .kaggle .aws; do
    [ ! -d "${HOME:-/}/$place" ] || options+=(--mount "$(mount "$HOME/$place" "/tmp/$place" readonly)")
  done
  [ ! -t 0 ] || [ ! -t 1 ] || [ ! -t 2 ] || options+=(--interactive --tty)
}
