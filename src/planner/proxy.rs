//! The caching proxy: Varnish, each object in the memory of one pod.
//!
//! Hit ratios follow from the time to live and from how often pages are asked for. Requirement:
//! cores for requests, memory for objects. Packing: pods that bear both with one lost. Without it
//! requests reach the services, so it is never what availability hangs on.

use super::Finding;
use super::availability::with_spare;
use super::caching::Popular;
use super::model::{CPU_STEPS, Catalogue, cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, largest_part, scaled, size_text, tier_plan};
use super::plan::{
    Bottleneck, FindingKind, ProxySettings, Reason, Replicas, Requirement, Severity, Size, Tier, TierPlan, TierSettings,
};
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidApp, ValidProxy};

/// Least memory for objects, in bytes.
const LEAST_OBJECTS: f64 = 16.0 * MIB as f64;
/// Smallest memory of a pod.
const SMALLEST_MEMORY: u64 = 256 * MIB;
/// Largest memory of a pod that is taken before more pods are.
const USUAL_MEMORY: u64 = 32 * GIB;
/// Longest time in which an old answer is given while it is fetched anew, in seconds.
const LONGEST_GRACE: u64 = 10;
/// Edge pods address slots in steps of so many, so that a pod more changes no edge.
const SLOTS: u32 = 4;

/// Shares of static files and of cacheable pages that the proxy answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    /// Of static files.
    pub files: f64,
    /// Of cacheable pages.
    pub pages: f64,
}

fn files(catalogue: &Catalogue) -> Popular {
    Popular::zipf(catalogue.proxy_files.value as u64, catalogue.zipf_web.value)
}

fn pages(catalogue: &Catalogue) -> Popular {
    Popular::zipf(catalogue.proxy_pages.value as u64, catalogue.zipf_web.value)
}

/// What the proxy of an application answers at so many requests a second, or as it was measured; nothing without one.
#[must_use]
pub fn hits(app: &ValidApp, catalogue: &Catalogue, statics: f64, cacheable: f64) -> Hits {
    let Some(proxy) = &app.proxy else { return Hits::default() };
    if let Some(measured) = &app.measured.proxy_hit {
        return Hits { files: measured.value, pages: measured.value };
    }
    let ttl = proxy.ttl.value.as_seconds();
    Hits {
        files: files(catalogue).hit_ratio_of_ttl(statics, ttl),
        pages: pages(catalogue).hit_ratio_of_ttl(cacheable, ttl),
    }
}

/// What the demand needs of the proxy: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProxyNeed {
    /// Requests a second at the horizon's peak.
    pub requests: f64,
    /// Cores that they keep busy.
    pub busy: f64,
    /// Objects that are asked for within the time that one is kept.
    pub objects: f64,
    /// Bytes of one.
    pub each: f64,
    /// Bytes of answers under way that are not kept.
    pub transient: f64,
}

/// The need of the proxy.
#[must_use]
pub fn need(ctx: &Context<'_>, proxy: &ValidProxy) -> ProxyNeed {
    let (catalogue, demand, profile) = (ctx.catalogue, &ctx.demands.horizon, &ctx.app.profile);
    let life = proxy.ttl.value.as_seconds() + proxy.stale_if_error_for.value.as_seconds();
    let cacheable = demand.dynamic * profile.cacheable_share.value;
    let size = profile.response_size.value.0 as f64;
    ProxyNeed {
        requests: demand.peak,
        busy: demand.peak / catalogue.proxy_requests_per_core.value,
        objects: files(catalogue).asked_within(demand.statics, life) + pages(catalogue).asked_within(cacheable, life),
        each: size + catalogue.proxy_object_overhead.value,
        transient: demand.origin * ctx.app.targets.latency_p99.value.as_seconds() * size * 2.0,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pods {
    bearing: u32,
    count: u32,
}

/// Memory of a pod beside its objects.
fn beside(ctx: &Context<'_>, need: &ProxyNeed, bearing: u32) -> (f64, u64) {
    let transient = quarter_step(need.transient / f64::from(bearing), 16 * MIB).max(16 * MIB);
    (ctx.catalogue.proxy_base_mib.value * MIB as f64 + transient as f64, transient)
}

fn memory_of(ctx: &Context<'_>, need: &ProxyNeed, bearing: u32) -> f64 {
    let objects = need.objects * need.each / f64::from(bearing) / ctx.catalogue.proxy_fill.value;
    objects + beside(ctx, need, bearing).0
}

fn pods(ctx: &Context<'_>, proxy: &ValidProxy, need: &ProxyNeed) -> Pods {
    let staffed = need.busy / ctx.catalogue.utilisation_ceiling.value;
    let largest = CPU_STEPS[5].min(ctx.largest.cpu);
    let mut bearing = ((staffed / largest.cores()).ceil() as u32).max(1);
    let most = proxy.pinned_memory.map_or(USUAL_MEMORY.min(ctx.largest.memory.0), |memory| memory.0) as f64;
    while bearing < 64 && memory_of(ctx, need, bearing) > most {
        bearing += 1;
    }
    let spared = if ctx.objective.replicated { with_spare(bearing, ctx.environment.zones).max(2) } else { bearing };
    let Some(pinned) = proxy.pinned_replicas else { return Pods { bearing, count: spared } };
    let left = if ctx.objective.replicated { pinned.saturating_sub(1).max(1) } else { pinned };
    Pods { bearing: left, count: pinned }
}

/// Pods and settings of the proxy.
pub fn plan(ctx: &Context<'_>, proxy: &ValidProxy, findings: &mut Vec<Finding>) -> TierPlan {
    let catalogue = ctx.catalogue;
    let need = need(ctx, proxy);
    let pods = pods(ctx, proxy, &need);
    let staffed = need.busy / catalogue.utilisation_ceiling.value;
    let needed = memory_of(ctx, &need, pods.bearing);
    let per_replica = Size {
        cpu: cpu_step(staffed / f64::from(pods.bearing)),
        memory: proxy.pinned_memory.unwrap_or(Bytes(quarter_step(needed, 64 * MIB).max(SMALLEST_MEMORY))),
        storage: Bytes(0),
    };
    check(ctx, proxy, needed, findings);
    check_room(proxy, beside(ctx, &need, pods.bearing).0, findings);
    let settings = settings(ctx, proxy, &need, pods, per_replica.memory);
    let requirement = Requirement {
        cpu_millicores: need.busy * 1000.0,
        staffed_cpu_millicores: staffed * 1000.0,
        memory_bytes: need.objects * need.each / catalogue.proxy_fill.value
            + beside(ctx, &need, pods.bearing).0 * f64::from(pods.bearing),
        ..Requirement::default()
    };
    let least = pods.bearing == 1 && per_replica.cpu <= Millicores(100) && per_replica.memory.0 <= SMALLEST_MEMORY;
    let bottleneck = if least && pods.count > 1 {
        Bottleneck::Availability
    } else {
        largest_part(&[
            (Bottleneck::Memory, needed / per_replica.memory.0 as f64),
            (Bottleneck::Cpu, staffed / f64::from(pods.bearing) / per_replica.cpu.cores()),
        ])
    };
    let reasons = reasons(ctx, proxy, &need, pods, per_replica, &settings, &requirement);
    let packing = Packing {
        replicas: Replicas { min: pods.count, max: pods.count },
        per_replica,
        bottleneck,
        roles: None,
        settings: TierSettings::Proxy(settings),
    };
    tier_plan(Tier::Proxy, "proxy", "Varnish", requirement, packing, reasons)
}

fn settings(ctx: &Context<'_>, proxy: &ValidProxy, need: &ProxyNeed, pods: Pods, memory: Bytes) -> ProxySettings {
    let (beside, transient) = beside(ctx, need, pods.bearing);
    let objects = (memory.0 as f64 - beside).max(LEAST_OBJECTS) * ctx.catalogue.proxy_fill.value;
    let under_way = need.requests * ctx.app.targets.latency_p99.value.as_seconds() * 2.0 / f64::from(pods.bearing);
    ProxySettings {
        storage_bytes: objects as u64 / MIB * MIB,
        transient_bytes: transient,
        ttl_seconds: (proxy.ttl.value.0 / 1000).max(1),
        grace_seconds: (proxy.ttl.value.0 / 1000).clamp(1, LONGEST_GRACE),
        stale_if_error_seconds: proxy.stale_if_error_for.value.0 / 1000,
        slots: pods.count.next_multiple_of(SLOTS),
        max_connections: ((under_way / 500.0).ceil().max(1.0) as u32).saturating_mul(500),
    }
}

fn check(ctx: &Context<'_>, proxy: &ValidProxy, needed: f64, findings: &mut Vec<Finding>) {
    let profile = &ctx.app.profile;
    if profile.static_share.value <= 0.0 && profile.cacheable_share.value <= 0.0 {
        findings.push(Finding::new(
            Severity::Info,
            FindingKind::NothingCacheable,
            "spec.profile.cacheablePercent",
            "A proxy is declared, and by spec.profile no request is for a static file or a page that it may keep: declare staticPercent and cacheablePercent, or remove spec.proxy.",
        ));
    }
    if let Some(memory) = proxy.pinned_memory.filter(|memory| needed > memory.0 as f64) {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::PinBelowRequirement,
            "spec.proxy.pin.memory",
            format!(
                "A pod of the proxy is pinned to {}, and what is asked for within ttl and staleIfErrorFor needs {}: raise pin.memory or pin.replicas, or objects go before their time.",
                size_text(memory),
                scaled(needed)
            ),
        ));
    }
}

/// A pin that leaves objects no room beside what the proxy itself and the answers under way take.
fn check_room(proxy: &ValidProxy, beside: f64, findings: &mut Vec<Finding>) {
    let least = beside + LEAST_OBJECTS;
    if let Some(memory) = proxy.pinned_memory.filter(|memory| least > memory.0 as f64) {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::PinBelowRequirement,
            "spec.proxy.pin.memory",
            format!(
                "A pod of the proxy is pinned to {}, and itself and the answers under way take {}: raise pin.memory to {} or more, raise pin.replicas, or declare a smaller spec.profile.responseSize.",
                size_text(memory),
                scaled(beside),
                size_text(Bytes(quarter_step(least, 64 * MIB)))
            ),
        ));
    }
}

fn reasons(
    ctx: &Context<'_>,
    proxy: &ValidProxy,
    need: &ProxyNeed,
    pods: Pods,
    size: Size,
    settings: &ProxySettings,
    requirement: &Requirement,
) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let replicas = |name: &str| {
        let (formula, source) = if proxy.pinned_replicas.is_some() {
            ("as pinned", "spec.proxy.pin.replicas")
        } else if ctx.objective.replicated {
            ("max(2, bearing + 1, ceil(bearing * zones / (zones - 1)))", "kept pages outlive a node")
        } else {
            ("bearing", "each object is in one pod; without the proxy the services answer")
        };
        Reason::new(format!("replicas.{name}"), pods.count, formula, source)
            .with("bearing", pods.bearing)
            .with("zones", ctx.environment.zones)
    };
    let memory = if proxy.pinned_memory.is_some() {
        Reason::new("perReplica.memoryBytes", size.memory.0, "as pinned", "spec.proxy.pin.memory")
    } else {
        Reason::new(
            "perReplica.memoryBytes",
            size.memory.0,
            "step(objects * bytesEach / bearing / fill + transient + base), at least 256 MiB",
            catalogue.proxy_pages.because(),
        )
        .with("objects", figure(need.objects))
        .with("bytesEach", figure(need.each))
        .with("bearing", pods.bearing)
        .with("fill", catalogue.proxy_fill.value)
        .with("transient", scaled(settings.transient_bytes as f64))
        .with("baseMiB", catalogue.proxy_base_mib.value)
    };
    let mut list = vec![
        replicas("max"),
        memory,
        Reason::new(
            "perReplica.cpuMillicores",
            size.cpu.0,
            "step(requests / requestsPerCore / ceiling / bearing)",
            catalogue.proxy_requests_per_core.because(),
        )
        .with("requests", figure(need.requests))
        .with("requestsPerCore", catalogue.proxy_requests_per_core.value)
        .with("ceiling", catalogue.utilisation_ceiling.value)
        .with("bearing", pods.bearing),
        replicas("min"),
        Reason::new(
            "requirement.cpuMillicores",
            figure(requirement.cpu_millicores),
            "requests / requestsPerCore",
            catalogue.proxy_requests_per_core.because(),
        )
        .with("requests", figure(need.requests))
        .with("requestsPerCore", catalogue.proxy_requests_per_core.value),
        Reason::new(
            "requirement.staffedCpuMillicores",
            figure(requirement.staffed_cpu_millicores),
            "busy / ceiling",
            catalogue.utilisation_ceiling.because(),
        )
        .with("ceiling", catalogue.utilisation_ceiling.value),
        Reason::new(
            "requirement.memoryBytes",
            figure(requirement.memory_bytes),
            "objects * bytesEach / fill + (transient + base) * bearing",
            catalogue.proxy_files.because(),
        )
        .with("objects", figure(need.objects))
        .with("bytesEach", figure(need.each))
        .with("fill", catalogue.proxy_fill.value)
        .with("transient", scaled(settings.transient_bytes as f64))
        .with("baseMiB", catalogue.proxy_base_mib.value)
        .with("bearing", pods.bearing),
    ];
    list.extend(setting_reasons(ctx, proxy, settings));
    list
}

fn setting_reasons(ctx: &Context<'_>, proxy: &ValidProxy, settings: &ProxySettings) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let setting = |name: &str, value: u64, formula: &str, source: String| {
        Reason::new(format!("settings.{name}"), value, formula, source)
    };
    vec![
        setting(
            "storageBytes",
            settings.storage_bytes,
            "(memory - transient - base) * fill",
            catalogue.proxy_fill.because(),
        ),
        setting(
            "transientBytes",
            settings.transient_bytes,
            "step(origin requests * latencyP99 * responseSize * 2 / bearing), at least 16 MiB",
            "answers under way that are not kept; unbounded they would take the pod's memory".to_owned(),
        ),
        setting("ttlSeconds", settings.ttl_seconds, "ttl", proxy.ttl.source()),
        setting(
            "graceSeconds",
            settings.grace_seconds,
            "min(ttl, 10 s)",
            "judgement, grade D: nobody waits for a page that is fetched anew, and it is hardly older".to_owned(),
        ),
        setting(
            "staleIfErrorSeconds",
            settings.stale_if_error_seconds,
            "staleIfErrorFor",
            proxy.stale_if_error_for.source(),
        ),
        setting(
            "slots",
            u64::from(settings.slots),
            "replicas.max in steps of 4",
            "every edge pod agrees on who has an object, and a pod more changes no edge".to_owned(),
        ),
        setting(
            "maxConnections",
            u64::from(settings.max_connections),
            "step(2 * requests * latencyP99 / bearing)",
            "Little's law, twice over".to_owned(),
        ),
    ]
}
