//! The edge's limit on the requests of one client.
//!
//! A client is who the ingress controller says it is; without a controller it is the peer. Only requests that were let
//! through count, so that who asks too often still gets what the limit allows.

use std::fmt::Write as _;

use super::Context;
use crate::planner::TierPlan;

/// Clients that the edge remembers.
const CLIENTS: &str = "100k";

/// What one edge lets through: so many requests within so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    requests: u64,
    milliseconds: u64,
}

/// One edge's part of the limit: an ingress controller spreads a client's requests over all edges.
fn window(per_second: u32, burst: u32, edges: u32) -> Window {
    let (per_second, edges) = (u64::from(per_second.max(1)), u64::from(edges.max(1)));
    let requests = u64::from(burst).div_ceil(edges).max(1);
    Window { requests, milliseconds: (requests * edges * 1000).div_ceil(per_second).max(1) }
}

fn planned(context: &Context<'_>, tier: &TierPlan) -> Option<Window> {
    let limit = context.app.ingress.as_ref()?.rate_limit?;
    Some(window(limit.requests_per_second, limit.burst, tier.replicas.max))
}

/// Rules of the frontend.
pub(super) fn rules(context: &Context<'_>, tier: &TierPlan) -> String {
    let Some(window) = planned(context, tier) else { return String::new() };
    let mut out = r"  http-request set-var(txn.client) src
  http-request set-var(txn.client) req.hdr_ip(X-Forwarded-For,-1) if { req.hdr_ip(X-Forwarded-For,-1) -m found }
  # Who has an IPv6 network has all its addresses.
  http-request track-sc0 var(txn.client),ipmask(32,64) table clients
"
    .to_owned();
    let _ = writeln!(
        out,
        "  http-request return status 429 content-type text/plain hdr Retry-After 1 string \"too many requests\\n\" if {{ sc0_gpc0_rate ge {} }}",
        window.requests
    );
    out.push_str("  http-request sc-inc-gpc0(0)\n");
    out
}

/// The table of clients.
pub(super) fn table(context: &Context<'_>, tier: &TierPlan) -> String {
    planned(context, tier).map_or_else(String::new, |window| {
        let period = window.milliseconds;
        format!(
            "backend clients\n  stick-table type ipv6 size {CLIENTS} expire {}ms store gpc0_rate({period}ms)\n\n",
            2 * period
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_share_a_limit_and_each_lets_one_request_through() {
        assert_eq!(window(10, 20, 1), Window { requests: 20, milliseconds: 2000 });
        assert_eq!(window(10, 20, 2), Window { requests: 10, milliseconds: 2000 });
        assert_eq!(window(10, 1, 2), Window { requests: 1, milliseconds: 200 });
        assert_eq!(window(100, 20, 3), Window { requests: 7, milliseconds: 210 });
    }
}
