#!/usr/bin/env bash
# Cached answers a second: through two edges and two pods of the caching proxy, and from one Varnish tuned by hand, in turn; once
# with all on the same processors, once with both sides' Varnish bound to the same part of one. Needs no cluster, but root, wrk and the
# built images.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../scripts/lib.sh"
source "$ROOT/tests/bench/lib.sh"
command -v wrk >/dev/null || die "The load comes from wrk: apt-get install wrk."
result=$(PROGRAMS=throughput "$ROOT/images/test/proxy.sh" | tail -n 1)
value() { sed -n "s/.*\"$1\": \([0-9.]*\).*/\1/p" <<<"$result"; }
figure "cached answers, edges and proxy / one Varnish tuned by hand" "$(value edges) / $(value tuned) a second, $(value edges.tuned)"
figure "cached answers, one pod of the proxy / the same" "$(value pod) / $(value tuned) a second, $(value pod.tuned)"
bound() {   # bound WAY WHAT: a figure that says something only where Varnish, and not whoever asks it, was what bounds it
  local what="$2, Varnish bound to $(value share) processors on each side"
  if [ "$(value bound.full)" = 1 ]; then
    figure "$what" "$(value "bound.$1") / $(value bound.tuned) a second, $(value "bound.$1.tuned")"
  else
    figure "$what" "says nothing: Varnish used $(value "bound.used.$1") and $(value bound.used.tuned) of them"
  fi
}
bound edges "edges and proxy / one Varnish tuned by hand"
bound pods "both pods of the proxy / the same"
