//! The edge's `haproxy.cfg`.
//!
//! The bar is that no request fails through roll-out, scale-in and drain of what is behind it:
//! a pod that leaves goes from DNS at once and gets its SIGTERM ten seconds later, each request has
//! a connection of its own, a refused connection is tried elsewhere, and what was sent is never
//! sent twice unless it only reads.

use std::fmt::Write as _;

use super::router::{self, STARTED};
use super::routes::{DRAWS, Route, public_services, routes};
use super::{Context, edge, edge_limits, edge_proxy_config, meta, names, proxy};
use crate::api::LoadBalancing;
use crate::domain::ValidService;
use crate::planner::{EdgeSettings, TierPlan};

/// A stopping edge ends the requests that are under way after this time.
pub const HARD_STOP_SECONDS: i64 = 30;
/// The shortest time that an answer may take before the edge gives up.
const SHORTEST_SERVER_TIMEOUT_MS: u64 = 60_000;

/// The configuration, with a line feed at the end of each line.
#[must_use]
pub fn text(context: &Context<'_>, tier: &TierPlan, settings: &EdgeSettings) -> String {
    let mut out = head(context, tier, settings);
    out.push_str(&frontend(context, tier, settings));
    out.push_str(no_route(context));
    out.push_str(&edge_proxy_config::text(context, tier, settings));
    out.push_str(&edge_limits::table(context, tier));
    out.push_str(&admin(context));
    for service in public_services(context.app) {
        out.push_str(&backend(context, service, tier, settings));
    }
    // One line feed at the end, so that the ConfigMap is shown as a plain block.
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// The longest time that a service's answer may take.
pub(super) fn server_timeout_ms(context: &Context<'_>) -> u64 {
    (20 * context.app.targets.latency_p99.value.0).max(SHORTEST_SERVER_TIMEOUT_MS)
}

fn head(context: &Context<'_>, tier: &TierPlan, settings: &EdgeSettings) -> String {
    // As many threads as the plan gives cores: by itself HAProxy starts one for each core of the node.
    let threads = tier.per_replica.cpu.0.div_ceil(1000).clamp(1, 64);
    let server_timeout = server_timeout_ms(context);
    format!(
        r#"# Made by the ScaledApp operator from the plan.
global
  log stdout format raw local0 info
  maxconn {maxconn}
  nbthread {threads}
  stats socket /run/haproxy/admin.sock mode 660 level admin
  hard-stop-after {HARD_STOP_SECONDS}s
{STARTED}{proxy}
defaults
  mode http
  log global
  option dontlognull
  # A connection to a pod carries one request: a kept one may be closed by the pod just when a request is sent on it.
  option http-server-close
  # While stopping, idle connections of clients get one more answer, with "Connection: close".
  option idle-close-on-response
  # The ingress controller has said who the client is; only without one it is the peer.
  option forwardfor if-none
  retries 2
  option redispatch 1
  retry-on conn-failure empty-response
  timeout connect 1s
  timeout http-request 5s
  timeout http-keep-alive 120s
  timeout client 60s
  timeout server {server_timeout}ms
  timeout queue {queue}ms
  timeout tunnel 1h
  # A pod that is slow to answer is busy; only one that refuses or is not there is taken out within two seconds.
  timeout check 5s
  default-server check inter 1s fall 2 rise 1 slowstart 5s resolvers cluster resolve-prefer ipv4 init-addr none

# An answer of the DNS counts at once; its silence takes nobody out.
resolvers cluster
  parse-resolv-conf
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 1s
  timeout retry 1s
  hold valid 1s
  hold obsolete 0s
  hold nx 30s
  hold timeout 1h
  hold refused 1h
  hold other 1h

"#,
        maxconn = edge_proxy_config::process_connections(context, settings),
        proxy = edge_proxy_config::global(context),
        queue = settings.queue_timeout_ms,
    )
}

/// What clients reach.
fn frontend(context: &Context<'_>, tier: &TierPlan, settings: &EdgeSettings) -> String {
    let mut out = format!("frontend edge\n  bind :{}\n", edge::PORT);
    out.push_str(&edge_proxy_config::frontend_limit(context, settings));
    out.push_str(
        r"  unique-id-format %[uuid()]
  http-request set-header X-Request-ID %[unique-id] unless { req.hdr(X-Request-ID) -m found }
  http-request set-header X-Forwarded-Proto http unless { req.hdr(X-Forwarded-Proto) -m found }
",
    );
    out.push_str(&rules(context));
    out.push_str(&edge_limits::rules(context, tier));
    out.push_str(&edge_proxy_config::choice(context));
    out.push_str(&use_backends(context));
    out
}

/// What every frontend with a way to the services does.
pub(super) fn rules(context: &Context<'_>) -> String {
    let cache = if proxy::planned(context).is_some() { edge_proxy_config::LOG_FIELD } else { "" };
    let log_format = LOG_FORMAT.replace(" %(end)ts", &format!("{cache} %(end)ts"));
    let mut out = r"  http-request set-var(txn.request_id) req.hdr(X-Request-ID)
  http-request set-var(txn.host) req.hdr(Host)
  # Once sent, only what reads may be sent again.
  http-request disable-l7-retry unless METH_GET
"
    .to_owned();
    if context.app.splits_requests() {
        let _ = writeln!(out, "  http-request set-var(txn.draw) rand({DRAWS})");
    }
    out.push_str(&log_format);
    out.push_str(public_without_cookie(context));
    out
}

/// What the origin marks public is for everybody, so nobody's pod is written on it.
fn public_without_cookie(context: &Context<'_>) -> &'static str {
    if balancing(context) != LoadBalancing::Cookie {
        return "";
    }
    r"  http-response set-var(txn.public) res.fhdr(cache-control) if { res.fhdr(cache-control) -m sub -i public } !{ res.hdr(set-cookie) -m found }
  http-after-response set-header cache-control %[var(txn.public)] if { var(txn.public) -m found }
  http-after-response del-header set-cookie if { var(txn.public) -m found }
"
}

/// Routes, the longest path first; counted by whole path elements. The answer of a path that is nobody's comes last.
pub(super) fn use_backends(context: &Context<'_>) -> String {
    let routes = routes(context.app);
    let mut out = String::new();
    for route in &routes {
        out.push_str(&split(context, route));
        let _ = match route.prefix {
            "/" => writeln!(out, "  default_backend {}", route.main.name),
            _ => writeln!(out, "  use_backend {}{}", route.main.name, condition(route.prefix, "")),
        };
    }
    if !routes.iter().any(|route| route.prefix == "/") {
        out.push_str("  default_backend no_route\n");
    }
    out.push('\n');
    out
}

/// Who gets a request of a path that several services have: with cookies the service at which the client was, else by
/// the lot that was drawn. A service without a pod gets none.
fn split(context: &Context<'_>, route: &Route<'_>) -> String {
    let mut out = String::new();
    if route.others.is_empty() {
        return out;
    }
    if balancing(context) == LoadBalancing::Cookie {
        for service in route.others.iter().map(|(service, _)| *service).chain([route.main]) {
            let known = format!("{{ req.cook(pod-{name}) -m found }} {{ nbsrv({name}) gt 0 }}", name = service.name);
            let _ = writeln!(out, "  use_backend {}{}", service.name, condition(route.prefix, &known));
        }
    }
    for (service, below) in route.others.iter().filter(|(_, below)| *below > 0) {
        let drawn = format!("{{ var(txn.draw) -m int lt {below} }} {{ nbsrv({}) gt 0 }}", service.name);
        let _ = writeln!(out, "  use_backend {}{}", service.name, condition(route.prefix, &drawn));
    }
    out
}

/// The condition that a path is below a prefix, and that another one holds as well.
fn condition(prefix: &str, also: &str) -> String {
    let parts: Vec<String> = match prefix {
        "/" => vec![also.to_owned()],
        _ => [format!("{{ path {prefix} }} {also}"), format!("{{ path_beg {prefix}/ }} {also}")]
            .map(|part| part.trim_end().to_owned())
            .into(),
    };
    format!(" if {}", parts.join(" || "))
}

/// The answer of a path that no service has.
fn no_route(context: &Context<'_>) -> &'static str {
    if routes(context.app).iter().any(|route| route.prefix == "/") {
        return "";
    }
    "backend no_route\n  http-request return status 404 content-type text/plain string \"no service has this path\\n\"\n\n"
}

/// One JSON object for each request. The time is as HAProxy writes it: in another form it would be a tenth of a cached answer's cost.
const LOG_FORMAT: &str = r"  log-format '%{+json}o %(time)tr %(requestId)[var(txn.request_id)] %(method)HM %(host)[var(txn.host)] %(path)HP %(status:sint)ST %(bytes:sint)B %(service)b %(server)s %(queueMs:sint)Tw %(connectMs:sint)Tc %(answerMs:sint)Tr %(totalMs:sint)Ta %(retries:sint)rc %(end)ts'
";

/// Health, metrics and statistics. Ready is who has found a pod of each service once, or has looked for 20 seconds:
/// what happens behind the edge afterwards never takes it out.
fn admin(context: &Context<'_>) -> String {
    let mut out = format!(
        r"frontend admin
  bind :{port}
  no log
  timeout client 10s
  monitor-uri /healthz
",
        port = edge::ADMIN_PORT
    );
    let found: Vec<String> =
        public_services(context.app).iter().map(|service| format!("{{ nbsrv({}) gt 0 }}", service.name)).collect();
    out.push_str(&router::readiness(&found.join(" "), "the services"));
    out.push_str(
        r"  http-request use-service prometheus-exporter if { path /metrics }
  stats enable
  stats uri /stats

",
    );
    out
}

/// One edge's part of the requests that a pod may have under way, so that all edges but one keep to the plan's number;
/// a few at least, since requests do not fall evenly on the edges.
fn part_of(per_pod: u32, edges: u32) -> u32 {
    per_pod.div_ceil(edges.saturating_sub(1).max(1)).max(per_pod.min(8))
}

fn balancing(context: &Context<'_>) -> LoadBalancing {
    context.app.ingress.as_ref().map_or_else(LoadBalancing::default, |ingress| ingress.load_balancing)
}

/// How requests are spread. A cookie names the pod by a hash of its address, so that all edges read it alike; one name
/// for each service, since a browser shows a host's cookies to all of its services.
fn balance(context: &Context<'_>, service: &ValidService) -> String {
    match balancing(context) {
        LoadBalancing::LeastRequests => "  balance leastconn\n".to_owned(),
        LoadBalancing::RoundRobin => "  balance roundrobin\n".to_owned(),
        LoadBalancing::Cookie => format!(
            "  balance leastconn\n  cookie pod-{name} insert indirect nocache httponly dynamic attr SameSite=Lax\n  dynamic-cookie-key {key}\n",
            name = service.name,
            key = meta::hash([context.app.namespace.as_str(), context.app.name.as_str()]),
        ),
    }
}

fn backend(context: &Context<'_>, service: &ValidService, tier: &TierPlan, settings: &EdgeSettings) -> String {
    let app = context.app;
    let name = &service.name;
    let mut out = format!("backend {name}\n{}", balance(context, service));
    if let Some(path) = &service.health.readiness_path {
        let uri = as_uri(path);
        let host = known_host(context, service);
        let _ = writeln!(out, "  option httpchk\n  http-check send meth GET uri '{uri}' ver HTTP/1.1 hdr Host {host}");
    }
    let fqdn = format!(
        "{}.{}",
        names::host(&names::web_pods(&app.name, name), &app.namespace),
        context.environment.cluster_domain
    );
    let slots = settings.slots.get(name).copied().unwrap_or(1).max(1);
    let per_pod = settings.max_connections_per_pod.get(name);
    let maxconn = per_pod.map_or_else(String::new, |&count| format!(" maxconn {}", part_of(count, tier.replicas.max)));
    let _ = writeln!(out, "  server-template {name}- 1-{slots} {fqdn}:{port}{maxconn}\n", port = service.port);
    out
}

/// A host name that the application answers to: its own where it has one, since some refuse others.
fn known_host(context: &Context<'_>, service: &ValidService) -> String {
    let app = context.app;
    let hosts = app.ingress.iter().flat_map(|ingress| &ingress.hosts);
    hosts
        .into_iter()
        .find(|host| !host.starts_with("*."))
        .cloned()
        .unwrap_or_else(|| names::host(&names::web(&app.name, &service.name), &app.namespace))
}

/// The path as it may stand between single quotes in one line: all that is no part of an address is percent-encoded.
fn as_uri(path: &str) -> String {
    path.bytes().fold(String::with_capacity(path.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~!$&()*+,;=:@/?%".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_health_path_cannot_leave_its_line_or_its_quotes() {
        assert_eq!(as_uri("/healthz?deep=1"), "/healthz?deep=1");
        assert_eq!(as_uri("/a b'\n  lua-load x#\"\\"), "/a%20b%27%0A%20%20lua-load%20x%23%22%5C");
        assert_eq!(as_uri("/ä"), "/%C3%A4");
    }

    #[test]
    fn edges_share_what_a_pod_bears_with_one_edge_lost() {
        assert_eq!(part_of(100, 1), 100);
        assert_eq!(part_of(100, 2), 100);
        assert_eq!(part_of(100, 5), 25);
        assert_eq!(part_of(16, 20), 8);
        assert_eq!(part_of(4, 20), 4);
    }
}
