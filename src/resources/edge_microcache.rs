//! What an edge keeps of the caching proxy's answers, for three seconds at most: a page that everybody wants would else be
//! one pod's alone, and every answer would pass two processes.
//!
//! The proxy says which answers may be kept. A purge reaches every edge before it is answered: each key of this cache holds
//! the moment of the last purge, so all that was kept before is out of reach at once.

use super::{Context, edge, names, proxy};
use crate::planner::{EdgeSettings, Tier, TierPlan};

/// Longest life of a copy: what a purge waits for where an edge does not answer it.
pub(super) const LIFE_SECONDS: u32 = 3;
/// How long an edge is there before it keeps copies: all others have found it in DNS by then, so a purge reaches it.
const KNOWN_AFTER_SECONDS: u32 = 15;
/// Largest answer that is kept; larger ones cost little more by way of the proxy.
const LARGEST_BYTES: u32 = 64 * 1024;

/// Lines of the global section: the moment of the last purge.
pub(super) const GLOBAL: &str = "  set-var proc.purged date(0,us)\n";

/// The cache, and the edges that a purge tells.
pub(super) fn text(context: &Context<'_>, tier: &TierPlan, settings: &EdgeSettings) -> String {
    let members = names::host(&names::engine_members(&context.app.name, Tier::Edge), &context.app.namespace);
    format!(
        r"cache copies
  total-max-size {mib}
  max-object-size {LARGEST_BYTES}
  max-age {LIFE_SECONDS}
  process-vary on

# All edges, which forget their copies when something is purged.
backend edges
  server-template edge- 1-{slots} {members}.{domain}:{port} no-check

",
        mib = settings.microcache_mib.unwrap_or(1),
        slots = tier.replicas.max + edge::SURGE,
        domain = context.environment.cluster_domain,
        port = proxy::PURGE_PORT,
    )
}

/// Rules of the frontend for a request that goes to the proxy. For the look-up alone the host is what the proxy keeps
/// answers apart by, and the last purge.
pub(super) fn rules() -> String {
    format!(
        "  http-request set-var(txn.copy) bool(true) if {{ var(txn.by_proxy) -m bool }} {{ url_beg / }} !{{ req.hdr(range) -m found }} {{ date,sub(proc.started) ge {KNOWN_AFTER_SECONDS} }}\n{RULES}"
    )
}

const RULES: &str = r"  http-request set-header Host %[var(txn.host)]|%[req.fhdr(x-forwarded-proto)]|%[req.fhdr(x-forwarded-host)]|%[req.fhdr(x-forwarded-port)]|%[req.fhdr(x-forwarded-prefix)]|%[var(proc.purged)] if { var(txn.copy) -m bool }
  http-request cache-use copies if { var(txn.copy) -m bool }
  http-request set-header Host %[var(txn.host)] if { var(txn.copy) -m bool }
  http-response unset-var(txn.copy) unless { res.hdr(x-scaledapp-copy) -m found }
  http-response del-header x-scaledapp-copy
  # What is being kept loses its age on the way, and HAProxy keeps nothing whose age is 0.
  http-response set-var(txn.age) res.hdr(age) if { var(txn.copy) -m bool }
  http-response del-header age if { var(txn.age) -m str 0 }
  http-response cache-store copies if { var(txn.copy) -m bool }
  http-after-response set-header age %[var(txn.age)] if { var(txn.age) -m found }
";

/// Rules of the port for purges: an edge that is told forgets.
pub(super) const FORGET: &str = r#"  http-request set-var(proc.purged) date(0,us) if { path /forget }
  http-request return status 200 content-type text/plain string "forgotten\n" if { path /forget }
"#;

/// Variable of a purge: for how long an edge that cannot be told may still show a copy.
pub(super) fn purge_variable() -> String {
    format!("  http-request set-var(txn.copies_seconds) int({LIFE_SECONDS})\n")
}
