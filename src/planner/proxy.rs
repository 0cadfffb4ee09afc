//! The caching proxy: Varnish, each object in the memory of one pod.

use super::availability::with_spare;
use super::caching::Popular;
use super::model::{Catalogue, cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, tier_plan};
use super::plan::{Bottleneck, ProxySettings, Reason, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, ValidApp, ValidProxy};

/// Smallest memory of a pod.
const SMALLEST_MEMORY: u64 = 256 * MIB;

/// Shares of static files and of cacheable pages that the proxy answers.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Hits {
    /// Of static files.
    pub files: f64,
    /// Of cacheable pages.
    pub pages: f64,
}

/// What the proxy of an application answers at so many requests a second; nothing without one.
#[must_use]
pub fn hits(app: &ValidApp, catalogue: &Catalogue, statics: f64, cacheable: f64) -> Hits {
    let Some(proxy) = &app.proxy else { return Hits::default() };
    let ttl = proxy.ttl.value.as_seconds();
    let of = |count: f64, rate: f64| Popular::zipf(count as u64, catalogue.zipf_web.value).hit_ratio_of_ttl(rate, ttl);
    Hits { files: of(catalogue.proxy_files.value, statics), pages: of(catalogue.proxy_pages.value, cacheable) }
}

/// The proxy.
#[must_use]
pub fn plan(ctx: &Context<'_>, proxy: &ValidProxy) -> TierPlan {
    let catalogue = ctx.catalogue;
    let demand = &ctx.demands.horizon;
    let requests = demand.peak;
    let busy = requests / catalogue.proxy_requests_per_core.value;
    let staffed = busy / catalogue.utilisation_ceiling.value;
    let bearing = ((staffed / 4.0).ceil() as u32).max(1);
    let count = proxy.pinned_replicas.unwrap_or_else(|| {
        if ctx.objective.replicated { with_spare(bearing, ctx.environment.zones).max(2) } else { bearing }
    });
    let cpu = cpu_step(staffed / f64::from(bearing));
    let life = proxy.ttl.value.as_seconds() + proxy.stale_if_error_for.value.as_seconds();
    let kept = |count: f64, rate: f64| Popular::zipf(count as u64, catalogue.zipf_web.value).asked_within(rate, life);
    let cacheable = demand.dynamic * ctx.app.profile.cacheable_share.value;
    let objects = kept(catalogue.proxy_files.value, demand.statics) + kept(catalogue.proxy_pages.value, cacheable);
    let each = ctx.app.profile.response_size.value.0 as f64 + catalogue.proxy_object_overhead.value;
    let base = catalogue.proxy_base_mib.value * MIB as f64;
    let bytes = objects * each / f64::from(count.saturating_sub(1).max(1)) / catalogue.proxy_fill.value + base;
    let memory = proxy.pinned_memory.unwrap_or(Bytes(quarter_step(bytes, 64 * MIB).max(SMALLEST_MEMORY)));
    let settings = ProxySettings {
        storage_bytes: ((memory.0 as f64 - base).max(16.0 * MIB as f64) * catalogue.proxy_fill.value) as u64 / MIB
            * MIB,
        transient_bytes: 32 * MIB,
        ttl_seconds: proxy.ttl.value.0 / 1000,
        grace_seconds: (proxy.ttl.value.0 / 1000).clamp(1, 10),
        stale_if_error_seconds: proxy.stale_if_error_for.value.0 / 1000,
        slots: count.next_multiple_of(4),
        max_connections: (((requests * ctx.app.targets.latency_p99.value.as_seconds() * 2.0 / f64::from(bearing))
            / 500.0)
            .ceil()
            .max(1.0) as u32)
            * 500,
    };
    let requirement = Requirement {
        cpu_millicores: busy * 1000.0,
        staffed_cpu_millicores: staffed * 1000.0,
        memory_bytes: objects * each,
        storage_bytes: 0.0,
    };
    let reasons = vec![
        Reason::new(
            "replicas.max",
            count,
            "max(2, bearing + 1, ceil(bearing * zones / (zones - 1))) where one may be lost",
            "each object is in one pod",
        ),
        Reason::new("replicas.min", count, "as replicas.max", "a pod that comes or goes moves objects"),
        Reason::new(
            "perReplica.cpuMillicores",
            cpu.0,
            "step(requests / requestsPerCore / ceiling / bearing)",
            catalogue.proxy_requests_per_core.because(),
        )
        .with("requests", figure(requests)),
        Reason::new(
            "perReplica.memoryBytes",
            memory.0,
            "step(objects * each / pods / fill + base)",
            catalogue.proxy_pages.because(),
        )
        .with("objects", figure(objects)),
    ];
    let packing = Packing {
        replicas: Replicas { min: count, max: count },
        per_replica: Size { cpu, memory, storage: Bytes(0) },
        bottleneck: Bottleneck::Memory,
        roles: None,
        settings: TierSettings::Proxy(settings),
    };
    tier_plan(Tier::Proxy, "proxy", "Varnish", requirement, packing, reasons)
}
