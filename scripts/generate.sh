#!/usr/bin/env bash
# Regenerates every file that is made from the code. CI checks that this changes nothing.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
need_rust
SCALEDAPP_UPDATE=1 cargo test --quiet --test generated
