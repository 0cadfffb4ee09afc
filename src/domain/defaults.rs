//! The documented defaults of the spec, each with the grade of its evidence and its source.
//!
//! They are resolved here and never written into a spec. `explain` prints this table, so that what
//! is documented is what is used.

use super::{Bytes, Grade, Millis, Sourced};
use crate::api::{Popularity, Preset};

/// A documented default of one field.
#[derive(Clone, Copy, Debug)]
pub struct SpecDefault<T> {
    /// The field, as `spec.…`.
    pub field: &'static str,
    /// The value.
    pub value: T,
    /// How good its evidence is.
    pub grade: Grade,
    /// Where it comes from.
    pub source: &'static str,
}

impl<T: Clone> SpecDefault<T> {
    /// The declared value where there is one, else this default.
    pub fn or(&self, declared: Option<T>) -> Sourced<T> {
        match declared {
            Some(value) => Sourced::declared(value, self.field),
            None => Sourced::default(self.value.clone(), self.grade, self.source),
        }
    }
}

const fn judged<T>(field: &'static str, value: T, source: &'static str) -> SpecDefault<T> {
    SpecDefault { field, value, grade: Grade::D, source }
}

/// Requests of one user on a day.
pub const REQUESTS_PER_USER: SpecDefault<u64> = judged(
    "spec.targets.requestsPerUserPerDay",
    20,
    "judgement: a few visits of a few pages; count your own access log",
);
/// Pause of one user between two requests, in seconds.
pub const SECONDS_BETWEEN_REQUESTS: SpecDefault<u64> =
    judged("spec.targets.secondsBetweenRequests", 10, "judgement: the time in which a page is read");
/// Peak over average load.
pub const PEAK_TO_AVERAGE: SpecDefault<f64> = judged(
    "spec.targets.peakToAverage",
    3.0,
    "judgement between the 2 of interview guides and the 10 of a shop on its busiest day",
);
/// Latency objective.
pub const LATENCY_P99: SpecDefault<Millis> =
    judged("spec.targets.latency.p99", Millis(500), "judgement: what users still feel as prompt");
/// Availability objective, as a share.
pub const AVAILABILITY: SpecDefault<f64> = judged(
    "spec.targets.availabilityPercent",
    0.99,
    "judgement: one of each tier serves that, a lost node is repaired by rescheduling",
);
/// Growth a month, in percent.
pub const GROWTH_PERCENT: SpecDefault<u64> =
    judged("spec.targets.growth.percentPerMonth", 0, "no growth is promised unless it is declared");
/// Months planned ahead.
pub const HORIZON_MONTHS: SpecDefault<u64> =
    judged("spec.targets.growth.horizonMonths", 6, "judgement: time enough to look at a plan again");
/// Kind of application.
pub const PRESET: SpecDefault<Preset> = judged(
    "spec.profile.preset",
    Preset::Interpreted,
    "judgement on the safe side; real applications need 100 to 1000 times the CPU of framework benchmarks",
);
/// Mean size of an answer.
pub const RESPONSE_SIZE: SpecDefault<Bytes> = judged(
    "spec.profile.responseSize",
    Bytes(20 << 10),
    "judgement: a compressed page; Stack Overflow had 5.9 KB in 2016",
);
/// Share of queries that only read.
pub const READ_SHARE: SpecDefault<f64> =
    judged("spec.profile.readPercent", 0.8, "judgement below the 85 to 95 % that GitLab publishes for itself");
/// Share of requests for static files.
pub const STATIC_SHARE: SpecDefault<f64> =
    judged("spec.profile.staticPercent", 0.0, "nothing is taken off the application unless it is declared");
/// Queries for each dynamic request at the origin.
pub const QUERIES_PER_REQUEST: SpecDefault<f64> = SpecDefault {
    field: "spec.profile.queriesPerRequest",
    value: 3.0,
    grade: Grade::B,
    source: "Stack Overflow 2016: 2.41 queries a request and 7.6 a page, derived from its published counts",
};
/// Share of dynamic requests for pages that the services mark public.
pub const CACHEABLE_SHARE: SpecDefault<f64> =
    judged("spec.profile.cacheablePercent", 0.0, "nothing is taken off the services unless it is declared");
/// Reads that a cache may answer, for each dynamic request at the origin.
pub const CACHE_READS_PER_REQUEST: SpecDefault<f64> = judged(
    "spec.profile.cacheReadsPerRequest",
    0.0,
    "an application reads through a cache only where it was written to",
);
/// Bytes that one user adds to the database on a day.
pub const BYTES_PER_USER: SpecDefault<Bytes> =
    judged("spec.profile.bytesWrittenPerUserPerDay", Bytes(512), "judgement: a few small rows; measure yours");
/// A replica further behind gets no reads.
pub const MAX_LAG: SpecDefault<Millis> =
    judged("spec.database.reads.maxLag", Millis::seconds(5), "judgement: longer than a busy replica's usual delay");
/// Share of reads that the cache should answer.
pub const HIT_TARGET: SpecDefault<f64> = judged(
    "spec.cache.hitPercentTarget",
    0.9,
    "judgement: beyond it each percent costs as much memory as the last ten",
);
/// Mean size of an item of the cache.
pub const ITEM_SIZE: SpecDefault<Bytes> =
    judged("spec.cache.itemSize", Bytes(2 << 10), "judgement: a row or a small fragment as JSON");
/// Distinct items of the cache.
pub const ITEM_COUNT: SpecDefault<u64> =
    judged("spec.cache.itemCount", 100_000, "judgement: a mid-sized catalogue; count yours");
/// How unevenly items are asked for.
pub const POPULARITY: SpecDefault<Popularity> = SpecDefault {
    field: "spec.cache.popularity",
    value: Popularity::Web,
    grade: Grade::B,
    source: "Breslau et al. 1999: requests of the web follow Zipf's law with an exponent of 0.6 to 0.9",
};
/// A session that nobody used for this long is over.
pub const SESSION_TTL: SpecDefault<Millis> =
    judged("spec.sessions.ttl", Millis::seconds(86_400), "judgement: who comes back the next day logs in again");
/// A message that was given out so often without success is dead.
pub const DELIVERY_LIMIT: u64 = 5;
/// Most messages that wait in a queue.
pub const MAX_LENGTH: SpecDefault<u64> =
    judged("spec.queue.queues[].maxLength", 100_000, "judgement: a night of small jobs, and a bounded volume");
/// Jobs that one request makes.
pub const JOBS_PER_REQUEST: SpecDefault<f64> =
    judged("spec.workers[].jobsPerThousandRequests", 0.01, "judgement: one request in a hundred leaves work behind");
/// Time of one job on one core.
pub const TIME_PER_JOB: SpecDefault<Millis> = judged(
    "spec.workers[].timePerJob",
    Millis::seconds(1),
    "judgement: a picture made smaller, a mail sent; measure yours",
);
/// From publishing a job to its end.
pub const MAX_DELAY: SpecDefault<Millis> =
    judged("spec.workers[].maxDelay", Millis::seconds(60), "judgement: what a user still waits for");
/// For how long a public answer without an age of its own is fresh.
pub const PROXY_TTL: SpecDefault<Millis> = judged(
    "spec.proxy.ttl",
    Millis::seconds(60),
    "judgement: nobody minds a minute, and the load of a minute is one request",
);
/// For how long after that it serves while the services fail.
pub const STALE_IF_ERROR: SpecDefault<Millis> =
    judged("spec.proxy.staleIfErrorFor", Millis::seconds(3600), "judgement: the time in which an outage is mended");
/// After this time a migration counts as failed.
pub const MIGRATION_TIMEOUT: Millis = Millis::seconds(600);
/// After this time a run of a cron job counts as failed.
pub const CRON_TIMEOUT: Millis = Millis::seconds(3600);
/// Time zone of schedules.
pub const TIME_ZONE: &str = "Etc/UTC";
/// Port of a service.
pub const PORT: u16 = 8080;
/// Major version of PostgreSQL.
pub const POSTGRES_VERSION: u32 = 17;

/// CPU time of a request by preset, in milliseconds.
#[must_use]
pub const fn preset_cpu_ms(preset: Preset) -> f64 {
    match preset {
        Preset::Thin => 2.0,
        Preset::Compiled => 20.0,
        Preset::Interpreted => 50.0,
        Preset::Heavy => 100.0,
    }
}

/// Memory of one web pod at work by preset, for a pod of up to one core.
#[must_use]
pub const fn preset_memory(preset: Preset) -> Bytes {
    Bytes::mib(match preset {
        Preset::Thin => 32,
        Preset::Compiled => 192,
        Preset::Interpreted => 96,
        Preset::Heavy => 384,
    })
}

/// Source of the presets' CPU time.
pub const PRESET_CPU_SOURCE: &str = "preset: real applications publish 8 to 330 ms of CPU a request (Stack Overflow 7.7 ms, GitLab Rails 330 ms a core); the presets are judgements";
/// Source of the presets' memory.
pub const PRESET_MEMORY_SOURCE: &str =
    "judgement by preset for a pod of one core, larger pods in proportion; measure yours at work";
/// Source of the default service time.
pub const SERVICE_TIME_SOURCE: &str = "judgement: four times the CPU time of a request, at least 20 ms; an exponential service would have 4.6 times its mean";

/// Time of a request without load at the 99th percentile, where it was not measured.
#[must_use]
pub fn service_time_p99(cpu_ms: f64) -> Millis {
    Millis((cpu_ms * 4.0).ceil().max(20.0) as u64)
}

/// One line of the table of defaults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultLine {
    /// The field, as `spec.…`.
    pub field: &'static str,
    /// The value as it would be written.
    pub value: String,
    /// How good its evidence is; `None` for choices that are no estimates.
    pub grade: Option<Grade>,
    /// Where it comes from.
    pub source: &'static str,
}

/// All documented defaults.
#[must_use]
pub fn table() -> Vec<DefaultLine> {
    fn line<T>(default: &SpecDefault<T>, value: impl Into<String>) -> DefaultLine {
        DefaultLine { field: default.field, value: value.into(), grade: Some(default.grade), source: default.source }
    }
    fn choice(field: &'static str, value: &str, source: &'static str) -> DefaultLine {
        DefaultLine { field, value: value.to_owned(), grade: None, source }
    }
    fn estimate(field: &'static str, value: &str, source: &'static str) -> DefaultLine {
        DefaultLine { field, value: value.to_owned(), grade: Some(Grade::D), source }
    }
    let percent = |share: f64| format!("{}", share * 100.0);
    vec![
        choice("spec.mode", "Apply", "the architecture is written and kept"),
        choice("spec.paused", "false", "the operator writes"),
        choice("spec.deletionPolicy", "Retain", "nothing is lost by a deletion"),
        choice("spec.changes.policy", "Guarded", "shrinking and destroying wait for an approval"),
        choice("spec.changes.window.timeZone", TIME_ZONE, "one meaning everywhere"),
        line(&REQUESTS_PER_USER, REQUESTS_PER_USER.value.to_string()),
        line(&SECONDS_BETWEEN_REQUESTS, SECONDS_BETWEEN_REQUESTS.value.to_string()),
        line(&PEAK_TO_AVERAGE, PEAK_TO_AVERAGE.value.to_string()),
        line(&LATENCY_P99, LATENCY_P99.value.to_string()),
        line(&AVAILABILITY, percent(AVAILABILITY.value)),
        line(&GROWTH_PERCENT, GROWTH_PERCENT.value.to_string()),
        line(&HORIZON_MONTHS, HORIZON_MONTHS.value.to_string()),
        line(&PRESET, PRESET.value.to_string()),
        estimate("spec.profile.cpuPerRequest", "of the preset: 2ms, 20ms, 50ms, 100ms", PRESET_CPU_SOURCE),
        estimate("spec.profile.serviceTime.p99", "four times cpuPerRequest, at least 20ms", SERVICE_TIME_SOURCE),
        estimate("spec.profile.memoryPerReplica", "of the preset: 32Mi, 192Mi, 96Mi, 384Mi", PRESET_MEMORY_SOURCE),
        line(&RESPONSE_SIZE, RESPONSE_SIZE.value.quantity()),
        line(&READ_SHARE, percent(READ_SHARE.value)),
        line(&STATIC_SHARE, percent(STATIC_SHARE.value)),
        line(&QUERIES_PER_REQUEST, QUERIES_PER_REQUEST.value.to_string()),
        line(&CACHEABLE_SHARE, percent(CACHEABLE_SHARE.value)),
        line(&CACHE_READS_PER_REQUEST, CACHE_READS_PER_REQUEST.value.to_string()),
        line(&BYTES_PER_USER, BYTES_PER_USER.value.quantity()),
        choice("spec.services[].port", "8080", "no privilege is needed for it"),
        choice("spec.services[].paths", "/ for an only service, else none", "a service without paths is internal"),
        choice(
            "spec.services[].requestPercent",
            "an equal part of what the others leave",
            "all services bear all requests",
        ),
        choice(
            "spec.services[].securityContext.readOnlyRootFilesystem",
            "false",
            "images often write beside themselves",
        ),
        choice("spec.cronJobs[].timeZone", TIME_ZONE, "one meaning everywhere"),
        choice("spec.cronJobs[].timeout", "1h", "judgement"),
        choice("spec.migrations[].image", "the first service's", "migrations usually ship with the application"),
        choice("spec.migrations[].timeout", "10m", "judgement"),
        choice("spec.ingress.loadBalancing", "LeastRequests", "pods then wait as one queue, which needs fewer of them"),
        choice("spec.ingress.rateLimit.burst", "twice requestsPerSecond", "a page asks for its files at once"),
        choice("spec.network.egress", "Open", "what an application calls is its own affair"),
        choice("spec.database.version", "17", "the one there is"),
        choice("spec.database.durability", "Synchronous", "no acknowledged write is lost in a failover"),
        choice("spec.database.pooling", "Transaction", "the same on every rung"),
        line(&MAX_LAG, MAX_LAG.value.to_string()),
        choice("spec.cache.evictionPolicy", "LeastFrequentlyUsed", "one pass over everything does not empty the cache"),
        line(&HIT_TARGET, percent(HIT_TARGET.value)),
        line(&ITEM_SIZE, ITEM_SIZE.value.quantity()),
        line(&ITEM_COUNT, ITEM_COUNT.value.to_string()),
        line(&POPULARITY, POPULARITY.value.to_string()),
        line(&SESSION_TTL, "24h".to_owned()),
        choice("spec.sessions.store", "Memory", "a session costs the database nothing"),
        choice("spec.queue.queues[].deliveryLimit", "5", "a job that fails five times does not succeed the sixth"),
        line(&MAX_LENGTH, MAX_LENGTH.value.to_string()),
        choice("spec.queue.queues[].deadLetter", "true", "nothing is lost unseen"),
        line(&JOBS_PER_REQUEST, "10".to_owned()),
        line(&TIME_PER_JOB, TIME_PER_JOB.value.to_string()),
        line(&MAX_DELAY, MAX_DELAY.value.to_string()),
        line(&PROXY_TTL, PROXY_TTL.value.to_string()),
        line(&STALE_IF_ERROR, "1h".to_owned()),
    ]
}
