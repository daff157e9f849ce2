#!/usr/bin/env bash
# Build every image that runs on AWS once, each with a list of what is in it (SBOM) and how it was made (provenance), push
# them to REGISTRY, and write their names by digest into images.json of DOCKER_DATA.
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"
need_engine
[ -n "${REGISTRY:-}" ] ||
  fail 2 "REGISTRY= has to be where the repositories are." "ACCOUNT.dkr.ecr.REGION.amazonaws.com, or 127.0.0.1:5000."
sha=$(git rev-parse HEAD 2>/dev/null) || fail 2 "This is no Git repository." "An image has to name the commit it is of."
[ -z "$(git status --porcelain -- src requirements docker airflow)" ] ||
  fail 2 "There are changes that no commit has." "Commit them first: an image has to name the commit it is of."
log_in "$REGISTRY"
builder=${BUILDER:-tutoria-mlops} # of a kind that can attest: the engine's own cannot, unless it keeps images in containerd
docker buildx inspect "$builder" >/dev/null 2>&1 || docker buildx create --name "$builder" --driver docker-container --driver-opt network=host >/dev/null
named=()
for role in model monitoring api mlflow airflow; do
  repository=$REGISTRY/tutoria-mlops-$role
  tag=$IMAGE_TAG-${sha:0:12}
  if digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$repository:$tag" 2>/dev/null); then
    echo "$repository:$tag was pushed before." >&2 # a tag names one image for ever
  else
    docker buildx build --builder "$builder" --file "docker/$role.Dockerfile" --tag "$repository:$tag" \
      --build-arg "BASE=$BASE_IMAGE" --build-arg "GIT_SHA=$sha" --build-arg "VERSION=$IMAGE_TAG" \
      --build-arg "LOCK=$(sha256 "requirements/$role.txt")" --sbom="${SBOM:-true}" --provenance=mode=max \
      --metadata-file "$DATA/tmp/$role.json" --push . >&2 ||
      fail 5 "$repository could not be built or pushed." "Above is why."
    digest=$(sed -n 's/.*"containerimage.digest": "\(sha256:[0-9a-f]*\)".*/\1/p' "$DATA/tmp/$role.json" | head -n 1)
  fi
  [ -n "$digest" ] || fail 5 "It is not known which digest $repository:$tag has." "Push it again: make docker-push."
  [ "$role" = airflow ] || named+=("\"$role\": \"$repository@$digest\"")
done
(IFS=, && printf '{%s}\n' "${named[*]}") | tee "$DATA/images.json"
[ -z "${GITHUB_OUTPUT:-}" ] || echo "images=$(cat "$DATA/images.json")" >>"$GITHUB_OUTPUT"
