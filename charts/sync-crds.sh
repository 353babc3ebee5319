#!/usr/bin/env bash
# Copies the CRDs from crds/, the source of truth, into the chart. With --check it only compares, and fails when one is stale.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=charts/limbeck/files/crds
mkdir -p "$target"
for source in crds/*.yaml; do
  copy=$target/${source##*/}
  cmp -s "$source" "$copy" && continue
  if [[ ${1:-} == --check ]]; then
    echo "$copy is stale: run bash charts/sync-crds.sh" >&2
    exit 1
  fi
  cp "$source" "$copy"
done
