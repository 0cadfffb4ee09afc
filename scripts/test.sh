#!/usr/bin/env bash
# `make test`: installs what the tests need and runs every test that CI runs.
#   scripts/test.sh [check|unit|control-plane|cluster|e2e]...   (all of them without an argument)
# Logs are in build/test/; the last line counts what passed and failed.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$ROOT"
LOGS=$ROOT/build/test
PHASES=(check unit control-plane cluster e2e)
TEST_CLUSTER=scaledapp-test
FAILED=()

# Runs a command with its output shown and kept; a failure is remembered and the next one still runs.
# What hangs must not take the time of the rest; at a terminal the person decides, and the command stays reachable for Ctrl-C.
run() {
  local name=$1 start=$SECONDS limit=(); shift
  [ -t 0 ] || limit=(timeout --kill-after=30 "${LIMIT_S:-1200}")
  say "$name"
  if "${limit[@]}" "$@" 2>&1 | tee "$LOGS/$name.log"; then
    printf -- '-- %s: passed after %s s\n' "$name" $((SECONDS - start)) >&2
  else
    printf -- '-- %s: FAILED after %s s\n' "$name" $((SECONDS - start)) >&2
    FAILED+=("$name")
    echo "SCALEDAPP STEP FAILED" >>"$LOGS/$name.log"
  fi
}

phase_check() {
  run format cargo fmt --all --check
  run generated bash -c 'scripts/generate.sh && git diff --exit-code --stat -- crds charts manifests docs'
  # Not before: it compiles again what helm is being built from.
  [ -z "${ALL:-}" ] || start_ahead
  run format-shop cargo fmt --all --check --manifest-path examples/shop/Cargo.toml
  run clippy cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
  run clippy-e2e cargo clippy --quiet --locked --test e2e --test control_plane -- -D warnings
  run clippy-shop cargo clippy --quiet --locked --all-targets --manifest-path examples/shop/Cargo.toml -- -D warnings
}

phase_unit() {
  run unit cargo test --locked --no-fail-fast
  run thorough cargo test --locked --no-fail-fast --release --package scaledapp-thorough
  run shop cargo test --locked --no-fail-fast --manifest-path examples/shop/Cargo.toml
}

# What the phases on a cluster need, built beside the phases before them on what these leave idle: with nothing cached it is twenty
# minutes. What fails here is built again, and told, where it is needed.
ahead() {
  renice -n 19 -p "$BASHPID" >/dev/null
  tests/cluster/build.sh >/dev/null
  images/build.sh build
  images/build.sh build hello-python hello-node hello-go
}

start_ahead() {
  ahead >build/ahead.log 2>&1 </dev/null &
  AHEAD=$!
}

# Tests on a cluster have the machine to themselves.
await_ahead() {
  [ -n "${AHEAD:-}" ] || return 0
  say "waiting for the builds ahead (build/ahead.log)"
  wait "$AHEAD" || true
  AHEAD=
}

phase_control-plane() {
  await_ahead
  SCALEDAPP_KUBE_BIN=$(tests/cluster/build.sh)/kins
  export SCALEDAPP_KUBE_BIN
  run control-plane cargo test --locked --no-fail-fast --test control_plane
}

phase_cluster() {
  ROUNDS=${ROUNDS:-3} run cluster-real tests/cluster/test.sh
}

phase_e2e() {
  local kins
  kins=$(tests/cluster/build.sh)/kins
  export KINS_NAME=$TEST_CLUSTER
  images/build.sh build
  images/build.sh build hello-python hello-node hello-go
  cargo build --quiet --release --locked --manifest-path examples/shop/Cargo.toml
  # What an interrupted run left is not what is tested.
  "$kins" down 2>/dev/null || true
  "$kins" up --config kind-config.yaml --name "$TEST_CLUSTER" --port-offset 100
  export KUBECONFIG
  KUBECONFIG=$("$kins" kubeconfig)
  "$kins" load $(cut -d' ' -f2 build/images.yaml build/test-images.yaml)
  install_operator
  e2e_settings "$kins" http://127.0.0.1:18180 "$(image shop)"
  LIMIT_S=2700 run e2e cargo test --locked --test e2e -- --test-threads=1 --nocapture
  [ -n "${KEEP_CLUSTER:-}" ] || "$kins" down
}

# What each failed test said, a line each: of a long output often only the end is kept.
causes() {
  printf '\n'
  cat "$LOGS"/*.log | awk '
    cause { printf "%s: %s\n", cause, substr($0, 1, 700); cause = "" }
    /^thread .* panicked at / { cause = $2 }'
}

# Counts of cargo's and go's closing lines, over all logs of this run.
summary() {
  local passed failed skipped
  passed=$(cat "$LOGS"/*.log | grep -aoE '^test result: .* ([0-9]+) passed' | grep -oE '[0-9]+ passed' | awk '{n += $1} END {print n + 0}')
  passed=$((passed + $(cat "$LOGS"/*.log | grep -acE '^ok  ?' || true)))
  failed=$(cat "$LOGS"/*.log | grep -aoE '^test result: .* ([0-9]+) failed' | grep -oE '[0-9]+ failed' | awk '{n += $1} END {print n + 0}')
  [ "$failed" -ge ${#FAILED[@]} ] || failed=${#FAILED[@]}
  skipped=$(cat "$LOGS"/*.log | grep -aoE '^test result: .* ([0-9]+) ignored' | grep -oE '[0-9]+ ignored' | awk '{n += $1} END {print n + 0}')
  if [ ${#FAILED[@]} -gt 0 ]; then
    causes
    printf '\nfailed: %s (logs in %s)\n' "${FAILED[*]}" "${LOGS#"$ROOT"/}"
  fi
  printf '\n%s passed, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
}

main() {
  [ $# -gt 0 ] || set -- "${PHASES[@]}"
  rm -rf "$LOGS"
  mkdir -p "$LOGS"
  need_rust
  need_packages cc:gcc curl:curl git:git "/usr/lib/postgresql/*/bin/postgres:postgresql" redis-server:redis-server "/usr/lib/rabbitmq/bin/rabbitmq-server:rabbitmq-server"
  tests/cluster/setup.sh >&2
  [ $# -lt ${#PHASES[@]} ] || ALL=yes
  local phase
  for phase in "$@"; do "phase_$phase"; done
  summary
  [ ${#FAILED[@]} -eq 0 ]
}

main "$@"
