//! The caching proxy's VCL and the options of its process.
//!
//! The text is `proxy.vcl`, with the plan's numbers in place of the words between dollar signs. It must keep
//! what the origin marks public and nothing else, and must never make an answer depend on which pod gave it.

use super::{Context, edge_microcache, edge_proxy_config, names, proxy};
use crate::domain::quantity::MIB;
use crate::planner::{EXPORTER, ProxySettings, Tier, TierPlan, TierSettings};

/// What the entrypoint and the VCL share: the working directory.
pub const HOME: &str = "/var/lib/varnish";
/// The token that a purge must show, as the pod has it.
pub const TOKEN_FILE: &str = "/etc/varnish-auth/purge-token";
/// Path on the edge's port for the proxy that says whether the services answer; the proxy alone can reach it.
pub const HEALTH_PATH: &str = "/.scaledapp/services";

/// Memory of the shared log: nothing reads it but somebody who looks for a fault.
const LOG_MIB: u64 = 16;
/// What a hit would write into that log at length, a twentieth of its time: headers, and the way through the VCL.
const UNLOGGED: &str =
    "-ReqHeader,-ReqUnset,-ReqProtocol,-RespHeader,-RespUnset,-RespProtocol,-RespReason,-VCL_call,-VCL_return,-VCL_use";
/// Memory of the process without objects and threads: program, compiled VCL, and the compiler while it runs.
const PROCESS_MIB: u64 = 64;
/// Memory of a busy thread: stack and workspaces.
const THREAD_KIB: u64 = 256;
/// Varnish's own number of thread pools.
const POOLS: u64 = 2;
/// An object takes at most one part in so many of the memory for objects, so that one file does not push out the rest.
const LARGEST_PART: u64 = 10;

/// The VCL, with a line feed at the end of each line.
#[must_use]
pub fn vcl(context: &Context<'_>, settings: &ProxySettings) -> String {
    let queue = context.plan.tier(Tier::Edge).map_or(0, |tier| match &tier.settings {
        TierSettings::Edge(edge) => edge.queue_timeout_ms,
        _ => 0,
    });
    let app = context.app;
    let words = [
        ("$origin$", format!("{}.{}", names::host(&names::edge(&app.name), &app.namespace), domain(context))),
        ("$port$", proxy::ORIGIN_PORT.to_string()),
        ("$health$", HEALTH_PATH.to_owned()),
        ("$patience$", edge_proxy_config::fetch_patience_ms(context, queue).div_ceil(1000).to_string()),
        ("$largest$", (settings.storage_bytes / LARGEST_PART).to_string()),
        ("$stale$", settings.stale_if_error_seconds.to_string()),
        ("$copies$", edge_microcache::LIFE_SECONDS.to_string()),
        ("$home$", HOME.to_owned()),
        ("$token$", TOKEN_FILE.to_owned()),
    ];
    words.iter().fold(include_str!("proxy.vcl").to_owned(), |text, (word, value)| text.replace(word, value))
}

/// Options of `varnishd` that follow from the plan.
#[must_use]
pub fn options(tier: &TierPlan, settings: &ProxySettings) -> Vec<String> {
    let threads = threads_of_a_pool(tier.per_replica.memory.0, settings);
    let mut options = vec![
        "-a".to_owned(),
        format!("http=:{}", proxy::PORT),
        "-a".to_owned(),
        format!("admin=:{}", proxy::ADMIN_PORT),
        "-s".to_owned(),
        format!("main=malloc,{}", settings.storage_bytes),
        "-s".to_owned(),
        format!("Transient=malloc,{}", settings.transient_bytes),
    ];
    let parameters = [
        ("default_ttl", settings.ttl_seconds.to_string()),
        // For how long an old answer is served while a new one is fetched.
        ("default_grace", settings.grace_seconds.to_string()),
        ("default_keep", "0".to_owned()),
        // Answers of a short life are objects like others; what is not kept may not fill its memory either.
        ("shortlived", "0".to_owned()),
        ("transit_buffer", "128k".to_owned()),
        ("max_retries", "6".to_owned()),
        ("thread_pool_min", threads.min(50).to_string()),
        ("thread_pool_max", threads.to_string()),
        ("vsl_space", format!("{LOG_MIB}M")),
        ("vsl_mask", UNLOGGED.to_owned()),
        // Longer than the edge keeps an idle connection, so that it never sends on one that is being closed.
        ("timeout_idle", "65".to_owned()),
    ];
    for (name, value) in parameters {
        options.extend(["-p".to_owned(), format!("{name}={value}")]);
    }
    options
}

/// Threads for which there is memory: each request under way has one.
fn threads_of_a_pool(memory: u64, settings: &ProxySettings) -> u64 {
    let taken = settings.storage_bytes + settings.transient_bytes + (LOG_MIB + PROCESS_MIB) * MIB;
    let left = memory.saturating_sub(taken).saturating_sub(EXPORTER.memory.0);
    (left / (THREAD_KIB * 1024) / POOLS).clamp(50, 2500)
}

fn domain<'a>(context: &'a Context<'_>) -> &'a str {
    &context.environment.cluster_domain
}

/// Address of one pod of the proxy; it outlives the pod.
#[must_use]
pub fn pod_address(context: &Context<'_>, ordinal: u32) -> String {
    let app = context.app;
    let service = names::engine_member(&app.name, Tier::Proxy, ordinal);
    format!("{}.{}", names::host(&service, &app.namespace), domain(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_fit_into_the_memory_that_objects_leave() {
        let settings = |storage: u64| ProxySettings {
            storage_bytes: storage * MIB,
            transient_bytes: 32 * MIB,
            ttl_seconds: 60,
            grace_seconds: 10,
            stale_if_error_seconds: 3600,
            slots: 4,
            max_connections: 500,
        };
        assert_eq!(threads_of_a_pool(256 * MIB, &settings(62)), 100);
        assert_eq!(threads_of_a_pool(256 * MIB, &settings(1000)), 50);
        assert_eq!(threads_of_a_pool(8192 * MIB, &settings(5000)), 2500);
    }
}
