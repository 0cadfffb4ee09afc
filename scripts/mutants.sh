#!/usr/bin/env bash
# Changes the code in small ways and lists the changes that no test notices.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
need_rust
command -v cargo-mutants >/dev/null || cargo install --locked cargo-mutants
options=(-f 'src/planner/**' -f 'src/domain/**' -f 'src/resources/**' --output build)
if [ -z "${ALL:-}" ]; then
  mkdir -p build
  git diff "${BASE:-HEAD~1}" >build/mutants.diff
  options+=(--in-diff build/mutants.diff)
fi
cargo mutants "${options[@]}" -- --lib
