#!/usr/bin/env bash
# Regenerates every file that is made from the code. CI checks that this changes nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
need_rust
SCALEDAPP_UPDATE=1 cargo test --quiet --test generated
{
  printf '# The chart with its defaults, by `make generate`.\napiVersion: v1\nkind: Namespace\nmetadata:\n  name: scaledapp-system\n  labels: {pod-security.kubernetes.io/enforce: restricted}\n---\n'
  "$(helm_binary)" template scaledapp charts/scaledapp --namespace scaledapp-system --kube-version 1.34.0 --include-crds
} >manifests/install.yaml
