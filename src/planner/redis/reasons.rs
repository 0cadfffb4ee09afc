//! Why the numbers of a cache or session store are what they are. Decides nothing.

use super::super::database::Sizing;
use super::super::ladder::{percent, rounded};
use super::super::model::Constant;
use super::super::packing::{Context, figure, scaled};
use super::super::plan::{EXPORTER, Reason, RedisSettings, Requirement, Size, Tier, TierPlan};
use super::super::router;
use super::Store;

pub(super) struct Facts<'a> {
    pub ctx: &'a Context<'a>,
    pub store: &'a Store<'a>,
    pub sizing: Sizing,
    pub users: &'a [&'a TierPlan],
    pub settings: &'a RedisSettings,
    pub requirement: &'a Requirement,
}

impl Facts<'_> {
    pub fn reasons(&self) -> Vec<Reason> {
        let mut list = self.sizes();
        list.extend(self.settings());
        list.extend(self.requirements());
        let clients = router::clients(self.ctx, self.users);
        let router = router::plan(self.ctx, clients, self.store.operations, self.sizing.members);
        list.extend(router::reasons(self.ctx, &router, clients, self.store.operations, self.sizing.members));
        list
    }

    fn cached(&self) -> bool {
        self.store.tier == Tier::Cache
    }

    fn pin(&self, name: &str) -> String {
        format!("spec.{}.pin.{name}", self.store.tier.component())
    }

    /// The reason, or the pin where there is one.
    fn or_pin(&self, pinned: bool, name: &str, reason: Reason) -> Reason {
        if pinned { Reason::new(reason.quantity, reason.value, "as pinned", self.pin(name)) } else { reason }
    }

    fn sizes(&self) -> Vec<Reason> {
        let Self { ctx, store, sizing, settings, .. } = self;
        let catalogue = ctx.catalogue;
        let members = |name: &str| {
            let reason = Reason::new(
                format!("replicas.{name}"),
                sizing.members,
                "3 where the objective is above what single pods give, else 1; never fewer than there are",
                "two of three Sentinels agree on who leads; two members could not",
            )
            .with("objective", format!("{} %", percent(ctx.objective.objective)))
            .with("singlesGive", format!("{} %", rounded(ctx.objective.singles)));
            self.or_pin(store.pin.members == Some(sizing.members), "members", reason)
        };
        let memory = Reason::new(
            "settings.redis.memoryBytes",
            settings.redis.memory.0,
            if self.cached() {
                "step(base + max(maxmemory / fill, maxmemory + copy)), at least 96 MiB; maxmemory: items * bytesEach / (1 - backlog), items by Che's approximation for the hit ratio"
            } else {
                "step(base + max(maxmemory / fill, maxmemory + copy)), at least 96 MiB; maxmemory: live sessions * bytesEach / (1 - backlog)"
            },
            match &ctx.app.cache {
                Some(cache) if self.cached() => super::super::cache::popularity_source(catalogue, cache),
                _ => catalogue.session_bytes.because(),
            },
        );
        let memory = self.with_content(self.with_room(memory.with("maxmemory", scaled(self.needed()))));
        let cpu = Reason::new(
            "settings.redis.cpuMillicores",
            settings.redis.cpu.0,
            "step(operations / operationsPerCore / ceiling); above one core with threads, operationsPerThread each",
            catalogue.redis_operations_per_core.because(),
        )
        .with("operations", figure(store.operations))
        .with("operationsPerCore", catalogue.redis_operations_per_core.value)
        .with("operationsPerThread", catalogue.redis_operations_per_thread.value)
        .with("ceiling", catalogue.utilisation_ceiling.value);
        let whole = settings.redis.plus(settings.sentinel_size).plus(EXPORTER);
        let together = |quantity: &str, value: u64, of: fn(Size) -> String| {
            Reason::new(quantity, value, "redis + sentinel + exporter", "sum of the containers")
                .with("redis", of(settings.redis))
                .with("sentinel", of(settings.sentinel_size))
                .with("exporter", of(EXPORTER))
        };
        let mut list = vec![
            members("max"),
            self.or_pin(store.pin.memory == Some(settings.redis.memory), "memory", memory),
            cpu,
            members("min"),
            together("perReplica.cpuMillicores", whole.cpu.0, |size| size.cpu.to_string()),
            together("perReplica.memoryBytes", whole.memory.0, |size| scaled(size.memory.0 as f64)),
        ];
        if store.persistent {
            for quantity in ["perReplica.storageBytes", "settings.redis.storageBytes"] {
                list.push(Reason::new(
                    quantity,
                    settings.redis.storage.0,
                    "step(maxmemory * 3), at least 1 GiB, and never less than there is",
                    "the log, what it was rewritten from, and the new one while it is written",
                ));
            }
        }
        list
    }

    /// Bytes of `maxmemory` in which all items are held.
    fn needed(&self) -> f64 {
        super::max_needed(self.ctx.catalogue, self.store.items * self.store.each)
    }

    /// What is left of the memory beside its content.
    fn with_room(&self, reason: Reason) -> Reason {
        let catalogue = self.ctx.catalogue;
        let reason = reason
            .with("fill", figure(self.store.fill))
            .with("baseMiB", catalogue.redis_base_mib.value)
            .with("copyMiB", catalogue.redis_copy_mib.value)
            .with("backlog", catalogue.redis_backlog.value);
        if self.store.fill < self.most().value {
            reason.with("writesPerSecond", figure(self.store.writes))
        } else {
            reason
        }
    }

    /// Most of the memory that may be filled where little is written.
    fn most(&self) -> Constant {
        if self.cached() { self.ctx.catalogue.cache_fill } else { self.ctx.catalogue.sessions_fill }
    }

    /// Why no more of the memory may be filled.
    fn fill_source(&self) -> String {
        let most = self.most();
        if self.store.fill < most.value { self.ctx.catalogue.redis_copied_per_write.because() } else { most.because() }
    }

    /// What the memory is filled with.
    fn with_content(&self, reason: Reason) -> Reason {
        let store = self.store;
        match (&self.ctx.app.cache, &self.ctx.app.sessions) {
            (Some(cache), _) if self.cached() => reason
                .with("items", figure(store.items))
                .with("itemCount", cache.item_count.value)
                .with("popularity", cache.popularity.value)
                .with("hitTarget", cache.hit_target.value)
                .with("bytesEach", figure(store.each)),
            (_, Some(sessions)) => reason
                .with("liveSessions", figure(store.items))
                .with("ttl", sessions.ttl.value)
                .with("bytesEach", figure(store.each)),
            _ => reason,
        }
    }

    fn settings(&self) -> Vec<Reason> {
        let Self { ctx, store, settings, .. } = self;
        let catalogue = ctx.catalogue;
        let mut list = vec![
            self.with_room(
                Reason::new(
                    "settings.maxMemoryBytes",
                    settings.max_memory_bytes,
                    "min((memory - base) * fill, memory - base - copy), in whole MiB, at least a quarter of memory - base; fill leaves what is written during a full copy",
                    self.fill_source(),
                )
                .with("memory", scaled(settings.redis.memory.0 as f64)),
            ),
            Reason::new(
                "settings.persistent",
                settings.persistent,
                "sessions have a log on a volume, a cache has none",
                "losing the whole cache loses no data of record",
            ),
            Reason::new(
                "settings.ioThreads",
                settings.io_threads,
                "whole cores of the server, 1 to 8",
                catalogue.redis_operations_per_thread.because(),
            ),
            Reason::new(
                "settings.sentinel",
                settings.sentinel,
                "members > 1",
                "who leads is agreed upon where somebody else may",
            ),
        ];
        if settings.sentinel {
            list.push(Reason::new(
                "settings.sentinelSize.cpuMillicores",
                settings.sentinel_size.cpu.0,
                "constant",
                catalogue.sentinel_millicores.because(),
            ));
            list.push(Reason::new(
                "settings.sentinelSize.memoryBytes",
                settings.sentinel_size.memory.0,
                "constant",
                catalogue.sentinel_mib.because(),
            ));
        }
        if store.tier == Tier::Sessions {
            list.push(Reason::new(
                "settings.evictionPolicy",
                &settings.eviction_policy,
                "constant",
                "a full store refuses a new session and drops none",
            ));
        }
        list
    }

    fn requirements(&self) -> Vec<Reason> {
        let Self { ctx, store, requirement, .. } = self;
        let catalogue = ctx.catalogue;
        let (formula, per) = if self.cached() {
            (
                "operations / operationsPerCore; operations: cacheReads * (2 - hit ratio), since a miss is read elsewhere and put in",
                "cacheReads",
            )
        } else {
            (
                "operations / operationsPerCore; operations: requests * sessionOperations, of dynamic requests at the origin",
                "requests",
            )
        };
        let asked = if self.cached() { ctx.demands.soon.cache_reads } else { ctx.demands.soon.computed };
        let mut list = vec![
            Reason::new(
                "requirement.cpuMillicores",
                figure(requirement.cpu_millicores),
                formula,
                if self.cached() {
                    catalogue.redis_operations_per_core.because()
                } else {
                    catalogue.session_operations.because()
                },
            )
            .with(per, figure(asked))
            .with("operations", figure(store.operations))
            .with("operationsPerCore", catalogue.redis_operations_per_core.value),
            Reason::new(
                "requirement.staffedCpuMillicores",
                figure(requirement.staffed_cpu_millicores),
                "busy / ceiling, of the one server that works",
                catalogue.utilisation_ceiling.because(),
            )
            .with("ceiling", catalogue.utilisation_ceiling.value),
            self.with_room(
                Reason::new(
                    "requirement.memoryBytes",
                    figure(requirement.memory_bytes),
                    "(base + max(maxmemory / fill, maxmemory + copy)) * members; maxmemory: items * bytesEach / (1 - backlog)",
                    catalogue.item_overhead.because(),
                )
                .with("maxmemory", scaled(self.needed()))
                .with("items", figure(store.items))
                .with("bytesEach", figure(store.each)),
            ),
        ];
        if store.persistent {
            let storage = Reason::new(
                "requirement.storageBytes",
                figure(requirement.storage_bytes),
                "sessions * bytesEach * 3 * members",
                "the log, what it was rewritten from, and the new one",
            )
            .with("sessions", figure(store.items))
            .with("bytesEach", figure(store.each));
            list.push(storage);
        }
        list
    }
}
