#!/usr/bin/env bash
# Propose newer versions: what `make lock` has changed in requirements/ becomes a branch and a pull request, once a week.
set -euo pipefail
cd "$(dirname "$0")/.."
if git diff --quiet -- requirements; then
  echo 'The locks are current; there is nothing to propose.'
  exit 0
fi
command -v gh >/dev/null || { printf 'error: gh was not found.\n  https://cli.github.com; GH_TOKEN= logs it in.\n' >&2; exit 5; }
branch=locks-$(date -u +%G-W%V)
title="Locked packages as of $(date -u +%F)"
gh auth setup-git
git switch --force-create "$branch"
git -c user.name=locks -c user.email=locks@users.noreply.github.com commit --quiet --message "$title" -- requirements
git push --force origin "$branch"
[ -n "$(gh pr list --head "$branch" --state open --json number --jq '.[].number')" ] ||
  gh pr create --head "$branch" --title "$title" --body 'What "make lock" resolves today. The tests of this branch say whether it holds.'
