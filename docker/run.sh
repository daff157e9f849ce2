#!/usr/bin/env bash
# Run a module of the model's image, or of monitoring's, as the caller, on the data of $DOCKER_DATA: docker/run.sh MODULE [ARGUMENT …]
# Files of this machine that the arguments name are there under the same names: sources to read, results to write.
set -euo pipefail
called_from=$PWD
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

absolute() { # absolute PATH: without `..`, if there is such a folder
  (cd "$called_from" && cd "$(dirname -- "$1")" 2>/dev/null && printf %s/%s "${PWD%/}" "$(basename -- "$1")") || printf %s "$1"
}

need_engine
case $1 in src.monitoring.*) image=$MONITORING_IMAGE room=monitoring ;; *) image=$MODEL_IMAGE room=model ;; esac
need_image "$image" "docker-$room-build"
find_mlflow
collect_options
scratch=(--tmpfs /tmp)
arguments=("$1")
shift
readable() { # readable PATH: mounted, if it is here; if not, the step says so
  [ ! -e "$1" ] || options+=(--mount "$(mount "$1" "$1" readonly)")
}
writable() { # writable PATH: the folder it will be in
  local folder
  folder=$(dirname "$1")
  [ -d "$folder" ] || fail 2 "There is no folder $folder." "Make it, or choose another place for the result."
  case $folder in
    /) fail 2 "A result cannot be written to /." "Choose a folder." ;;
    /tmp) scratch=() ;; # the caller's own
  esac
  options+=(--mount "$(mount "$folder" "$folder")")
}
files=0
for word in "$@"; do
  case $word in
    --source=?*)
      found=$(absolute "${word#--source=}")
      [ ! -e "$found" ] || { readable "$found" && word=--source=$found; } ;;
    --) files=1 ;;
    ?*)
      if [ "$files" = 1 ]; then word=$(absolute "$word") && readable "$word" && files=2
      elif [ "$files" = 2 ]; then word=$(absolute "$word") && writable "$word" && files=3; fi ;;
  esac
  arguments+=("$word")
done
echo "In the container, data is $DATA" >&2
exec docker run --rm ${scratch[@]+"${scratch[@]}"} "${options[@]}" "$image" "${arguments[@]}"
