#!/usr/bin/env bash
# Cached answers a second: through two edges and two pods of the caching proxy, and from one Varnish tuned by hand, in turn, all on the
# same processors. Needs no cluster, but root, wrk and the built images.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
command -v wrk >/dev/null || die "The load comes from wrk: apt-get install wrk."
result=$(PROGRAMS=throughput "$ROOT/images/test/proxy.sh" | tail -n 1)
value() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" <<<"$result"; }
figure "cached answers, edges and proxy / one Varnish tuned by hand" "$(value edges) / $(value tuned) a second, $(value edges.tuned)"
figure "cached answers, one pod of the proxy / the same" "$(value pod) / $(value tuned) a second, $(value pod.tuned)"
figure "processor time of an answer: edges and proxies together / the tuned Varnish" "$(value us.edges.edges) + $(value us.edges.proxies) us / $(value us.tuned.tuned) us"
