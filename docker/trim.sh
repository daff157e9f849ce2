#!/bin/sh
# Make a folder of Python code small, quick to start and the same every time it is built: packages' own tests go, every
# module is compiled with hashes instead of times, and no file tells when it was written.
set -eu
folder=$1
site=$(find "$folder" -type d -name site-packages)
if [ -n "$site" ]; then
  for package in matplotlib mpl_toolkits numpy pandas pyarrow scipy sklearn skops; do
    [ ! -d "$site/$package" ] || find "$site/$package" -type d -name tests -prune -exec rm -rf {} +
  done
  rm -rf "$site/pyarrow/include" "$site/numpy/_core/include"
fi
find "$folder" -name __pycache__ -type d -prune -exec rm -rf {} +
PYTHONHASHSEED=0 python -m compileall -q --invalidation-mode unchecked-hash "$folder" >/dev/null
find "$folder" -exec touch --no-dereference --date=@0 {} +
