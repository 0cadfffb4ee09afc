//! The edge's part of the caching proxy: which requests go to it, by which pod, what it asks, and how it is purged.
//!
//! Every edge sends one address to the same pod, without asking anybody: the slots are fixed, and each edge checks them.
//! Must never let a request fail because the proxy is gone: the services are the last server behind it.

use std::fmt::Write as _;

use super::edge_config::{rules, server_timeout_ms, use_backends};
use super::routes::public_services;
use super::{Context, edge_microcache, names, proxy, proxy_config};
use crate::planner::{EdgeSettings, ProxySettings, Tier, TierPlan};

/// Field of the access log.
pub(super) const LOG_FIELD: &str = " %(cache)[var(txn.cache)]";
/// Environment variable with the token that a purge must show.
pub const TOKEN_VARIABLE: &str = "PURGE_TOKEN";
/// Connections for purges, checks and metrics.
const OTHER_CONNECTIONS: u32 = 200;
/// What Varnish waits longer than the edge in front of the services, and the edge in front of Varnish longer than Varnish:
/// who is nearer to the fault answers first.
const STEP_MS: u64 = 2000;

/// How long Varnish waits for an answer: longer than the edge, which it asks, waits for a service.
#[must_use]
pub fn fetch_patience_ms(context: &Context<'_>, queue_timeout_ms: u64) -> u64 {
    server_timeout_ms(context) + queue_timeout_ms + STEP_MS
}

/// Connections of the process: those of clients, as many that the proxy asks with, and a few.
pub(super) fn process_connections(context: &Context<'_>, settings: &EdgeSettings) -> u32 {
    match proxy::planned(context) {
        Some(_) => settings.max_connections.saturating_mul(2).saturating_add(OTHER_CONNECTIONS),
        None => settings.max_connections,
    }
}

/// Lines of the global section.
pub(super) fn global(context: &Context<'_>) -> String {
    match proxy::planned(context) {
        Some(_) => format!(
            "  lua-load /usr/local/share/haproxy/proxy.lua\n  httpclient.retries 0\n  httpclient.timeout.connect 1s\n  set-var proc.purge_token env({TOKEN_VARIABLE})\n{}",
            edge_microcache::GLOBAL,
        ),
        None => String::new(),
    }
}

/// Clients alone may not take all connections of the process: the proxy would have none to ask with.
pub(super) fn frontend_limit(context: &Context<'_>, settings: &EdgeSettings) -> String {
    match proxy::planned(context) {
        Some(_) => format!("  maxconn {}\n  no option http-server-close\n", settings.max_connections),
        None => String::new(),
    }
}

/// Which requests the proxy gets: what may be kept. The rest would only pass through it.
pub(super) fn choice(context: &Context<'_>) -> String {
    if proxy::planned(context).is_none() {
        return String::new();
    }
    format!(
        r"  http-request del-header x-scaledapp- -m beg
  http-request set-var(txn.by_proxy) bool(true) if METH_GET !{{ req.hdr(authorization) -m found }} !{{ req.hdr(upgrade) -m found }} !{{ req.hdr(accept) -m sub text/event-stream }} {{ nbsrv(proxy_pods) gt 0 }}
  # Frameworks take these for the address, the method or the host: such an answer is the client's alone.
  http-request unset-var(txn.by_proxy) if {{ req.hdr(forwarded) -m found }} || {{ req.hdr(x-original-url) -m found }} || {{ req.hdr(x-rewrite-url) -m found }} || {{ req.hdr(x-http-method-override) -m found }} || {{ req.hdr(x-http-method) -m found }} || {{ req.hdr(x-method-override) -m found }}
  # Of two, one would be part of the key, and the service might read the other.
  http-request unset-var(txn.by_proxy) if {{ req.fhdr_cnt(x-forwarded-proto) gt 1 }} || {{ req.fhdr_cnt(x-forwarded-host) gt 1 }} || {{ req.fhdr_cnt(x-forwarded-port) gt 1 }} || {{ req.fhdr_cnt(x-forwarded-prefix) gt 1 }}
{copies}  http-response set-header x-cache pass unless {{ var(txn.by_proxy) -m bool }}
  http-after-response set-var(txn.cache) res.hdr(x-cache)
  use_backend proxy if {{ var(txn.by_proxy) -m bool }}
",
        copies = edge_microcache::rules(),
    )
}

/// Frontends and backends that are there for the proxy.
pub(super) fn text(context: &Context<'_>, edge: &TierPlan, settings: &EdgeSettings) -> String {
    let Some((tier, planned)) = proxy::planned(context) else { return String::new() };
    let mut out = edge_microcache::text(context, edge, settings);
    out.push_str(&origin(context, settings));
    out.push_str(&purge(tier));
    out.push_str(&pods(context, settings, planned));
    out
}

/// What the proxy asks: the routes as without it.
fn origin(context: &Context<'_>, settings: &EdgeSettings) -> String {
    let mut out = format!(
        "frontend origin\n  bind :{port}\n  maxconn {maxconn}\n  monitor-uri {path}\n  monitor fail if",
        port = proxy::ORIGIN_PORT,
        maxconn = settings.max_connections,
        path = proxy_config::HEALTH_PATH,
    );
    for service in public_services(context.app) {
        let _ = write!(out, " {{ nbsrv({}) eq 0 }}", service.name);
    }
    out.push('\n');
    out.push_str(&rules(context));
    out.push_str("  http-request del-header x-scaledapp- -m beg\n");
    // It is Varnish's to say anything else.
    out.push_str("  http-response set-header x-cache pass\n  http-response del-header x-proxy\n  http-response del-header x-scaledapp- -m beg\n");
    out.push_str(&use_backends(context));
    out
}

/// A purge goes to every pod of the plan, then to every edge; `proxy.lua` tells which of the pods took it.
fn purge(tier: &TierPlan) -> String {
    format!(
        r#"frontend purge
  bind :{port}
  maxconn 100
  timeout client 30s
  http-request return status 404 content-type text/plain string "not found\n" unless {{ path /purge /forget }}
  http-request return status 405 content-type text/plain hdr Allow POST string "POST alone purges\n" unless METH_POST
  http-request return status 401 content-type text/plain hdr WWW-Authenticate Bearer string "the token is missing or wrong\n" unless {{ http_auth_bearer,secure_memcmp(proc.purge_token) -m bool }}
{forget}  http-request set-var(txn.pods) int({pods})
{copies}  http-request use-service lua.purge

"#,
        port = proxy::PURGE_PORT,
        forget = edge_microcache::FORGET,
        pods = tier.replicas.max,
        copies = edge_microcache::purge_variable(),
    )
}

fn pods(context: &Context<'_>, settings: &EdgeSettings, planned: &ProxySettings) -> String {
    let slots = planned.slots.max(1);
    let mut out = format!(
        r"# One address is always one pod's, on every edge; without that pod it is the next one's. A pod that refuses is out at
# once, and what it had is sent to the next, for such requests only read. One that is silent is out within seconds, and
# proxy.lua ends what it had.
backend proxy
  balance uri whole path-only
  hash-type consistent sdbm avalanche
  no option http-server-close
  http-reuse always
  retries {retries}
  timeout connect 500ms
  timeout check 2s
  timeout server {patience}ms
  option httpchk
  http-check send meth GET uri /healthz
  # Stopping: what it has it ends.
  http-check disable-on-404
  default-server port {admin} inter 1s fastinter 500ms fall 2 rise 1 slowstart 0 weight 100 observe layer4 error-limit 1 on-error mark-down
",
        retries = slots.min(7) + 1,
        patience = fetch_patience_ms(context, settings.queue_timeout_ms) + STEP_MS,
        admin = proxy::ADMIN_PORT,
    );
    for ordinal in 0..slots {
        let name = names::engine_member(&context.app.name, Tier::Proxy, ordinal);
        let address = proxy_config::pod_address(context, ordinal);
        let _ = writeln!(out, "  server {name} {address}:{}", proxy::PORT);
    }
    let _ = writeln!(out, "  server services 127.0.0.1:{} no-check backup\n", proxy::ORIGIN_PORT);
    out.push_str(
        "# The pods alone, to be counted.\nbackend proxy_pods\n  option httpchk\n  http-check disable-on-404\n",
    );
    for ordinal in 0..slots {
        let name = names::engine_member(&context.app.name, Tier::Proxy, ordinal);
        let _ = writeln!(out, "  server {name} 127.0.0.1:{} no-check track proxy/{name}", proxy::PORT);
    }
    out.push('\n');
    out
}
