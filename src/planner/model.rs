//! The catalogue: every constant of the planner as data, with unit, grade and source, and prices.
//!
//! A new revision of it changes what new plans choose, and never the size of a recorded stateful
//! tier by itself. No constant of the planner may live elsewhere.

use serde::Serialize;

use super::prices::PriceTable;
use crate::domain::{Grade, Millicores};

/// One number that the planner takes as given.
#[derive(Serialize, Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// What it is called in reasons.
    pub name: &'static str,
    /// What it is, in one sentence.
    pub meaning: &'static str,
    /// The number.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// How good its evidence is.
    pub grade: Grade,
    /// Where it comes from.
    pub source: &'static str,
}

impl Constant {
    /// One sentence for `reasons[].source`.
    #[must_use]
    pub fn because(&self) -> String {
        format!("{}, grade {}: {}", self.name, self.grade, self.source)
    }
}

macro_rules! catalogue {
    ($(#[doc = $doc:literal] $field:ident = $value:expr, $unit:literal, $grade:ident, $source:literal;)*) => {
        /// Unit costs, limits and prices of one revision.
        #[derive(Serialize, Clone, Debug, PartialEq)]
        pub struct Catalogue {
            /// Name of the revision; recorded with each accepted plan.
            pub revision: String,
            /// Prices.
            pub prices: PriceTable,
            $(#[doc = $doc] pub $field: Constant,)*
        }

        impl Catalogue {
            /// The catalogue of this release.
            #[must_use]
            pub fn builtin() -> Self {
                Self {
                    revision: REVISION.to_owned(),
                    prices: PriceTable::builtin(),
                    $($field: Constant {
                        name: stringify!($field),
                        meaning: $doc,
                        value: $value,
                        unit: $unit,
                        grade: Grade::$grade,
                        source: $source,
                    },)*
                }
            }

            /// All constants, in the order of the documentation.
            #[must_use]
            pub fn constants(&self) -> Vec<Constant> {
                vec![$(self.$field,)*]
            }

            /// The catalogue with another value of one constant; `None` where there is none of that name.
            #[must_use]
            pub fn with_value(&self, name: &str, value: f64) -> Option<Self> {
                let mut changed = self.clone();
                match name {
                    $(stringify!($field) => changed.$field.value = value,)*
                    _ => return None,
                }
                Some(changed)
            }
        }
    };
}

/// Name of the built-in revision; changes with every constant.
const REVISION: &str = "2026-11-30";

catalogue! {
    /// Use of a tier at peak above which it is too small.
    utilisation_ceiling = 0.70, "share", A, "GitLab reference architectures: watch a component above 70 % use";
    /// Use of several pods of a service or a worker at peak, with as many lost as may be, above which they are too few.
    peak_ceiling = 0.85, "share", D, "judgement: half of what the 70 % of a single pod leave free; several wait as Erlang says, and the rest is for peaks that are rougher than his";
    /// Use below which a tier is too large.
    utilisation_floor = 0.40, "share", A, "GitLab reference architectures: over-provisioned under 40 % use";
    /// Fewest pods of an autoscaled tier over its pods at peak.
    autoscaler_floor = 2.0 / 3.0, "share", A, "GitLab Cloud Native: minimum replicas are 2/3 of the maximum";
    /// Room over the memory at work.
    memory_margin = 1.15, "factor", A, "KRR: largest memory seen plus 15 %";
    /// CPU of a static file served by the application's own pods.
    static_cpu_ms = 0.5, "ms", D, "judgement: far over nginx's 0.04 ms, since applications serve files slowly";
    /// Largest web pod that is taken before more pods are.
    web_pod_cores = 4.0, "cores", D, "judgement: larger pods are slow to place and lose more at once";
    /// Pods above which larger web pods are taken.
    web_pods_preferred = 12.0, "pods", D, "judgement: fine steps for the autoscaler without hundreds of endpoints";
    /// Pods above which web pods over the usual largest size are taken.
    web_pods_most = 100.0, "pods", D, "judgement: addresses that each edge pod checks once a second";
    /// Part of the pods that a roll-out adds at once.
    surge_share = 0.25, "share", A, "Kubernetes' default maxSurge of a Deployment";
    /// Requests of one core of the edge.
    edge_requests_per_core = 10_000.0, "requests/s", B, "HAProxy publishes 32,000 requests/s a core; a third of it with logging and health checks";
    /// Memory of an edge pod without connections.
    edge_base_mib = 32.0, "MiB", D, "judgement: HAProxy with one thread, its checks and statistics";
    /// Memory of a proxied connection.
    edge_connection_kib = 34.0, "KiB", D, "judgement: two buffers of 16 KiB, HAProxy's default size, and the session";
    /// Memory of an edge pod for copies of the caching proxy's answers.
    edge_microcache_mib = 16.0, "MiB", D, "judgement: a thousand pages of 10 KiB, each kept for three seconds";
    /// Connections that clients keep open without a request under way.
    edge_idle_connections = 400.0, "connections", D, "judgement: keep-alive connections of the ingress controller's pods";
    /// Transactions of one core of `PgBouncer`.
    pool_transactions_per_core = 15_000.0, "transactions/s", B, "ProxySQL's comparison: 33,000 a process on a fast desktop core; half of it";
    /// Transactions of one core of the router.
    router_transactions_per_core = 30_000.0, "transactions/s", B, "HAProxy publishes 32,000 requests/s a core";
    /// Memory of `PgBouncer` without clients.
    pool_base_mib = 12.0, "MiB", D, "judgement: process, prepared statements and logs";
    /// Memory of one client of `PgBouncer`.
    pool_client_kib = 8.0, "KiB", D, "judgement over the 2 KiB that PgBouncer documents: packet buffers and statement names";
    /// Memory of the pool's router.
    router_mib = 32.0, "MiB", D, "judgement: HAProxy with one thread and the pool's server connections";
    /// Memory of one of our sidecars.
    agent_mib = 16.0, "MiB", D, "judgement: a small Rust process with one HTTP server";
    /// CPU of one of our sidecars.
    agent_millicores = 10.0, "millicores", D, "judgement: one small request a second";
    /// Connections that one web pod opens to each address of the pool.
    clients_per_web_pod = 20.0, "connections", D, "judgement: client libraries keep 5 to 20 connections";
    /// CPU of a query that reads.
    read_cpu_ms = 1.2, "ms", B, "Stack Overflow 2016: mean of 1.20 ms a query, derived from its published counts";
    /// CPU of a query that writes.
    write_cpu_ms = 1.67, "ms", A, "PostgresBench 2026-03: 600 transactions/s a core on managed network storage";
    /// CPU of replaying a write on a replica, of that of doing it.
    replay_share = 0.5, "share", D, "judgement: a replica applies pages and plans no queries";
    /// Write-ahead log of a writing transaction.
    wal_bytes_per_write = 1460.0, "bytes", B, "Postgres Professional's laboratory: pgbench's TPC-B wrote 20.5 MB of log for 14,047 transactions";
    /// Log of a page that is changed for the first time since a checkpoint.
    wal_page_bytes = 8192.0, "bytes", A, "PostgreSQL documentation, full_page_writes: the whole page goes into the log";
    /// Log that a replica replays in a second.
    replay_bytes_per_second = 50e6, "bytes/s", D, "judgement: replay is one process, here with its pages in memory";
    /// How long a query may hold up replay.
    replay_pause_seconds = 30.0, "s", A, "PostgreSQL's default max_standby_streaming_delay";
    /// Operations of a volume for a writing transaction.
    volume_operations_per_write = 3.4, "operations", A, "PostgresBench 2026-03: a volume of 16,000 operations/s gave 4,697 transactions/s on data far above memory";
    /// Operations of a volume for a read.
    volume_operations_per_read = 0.01, "operations", D, "judgement: the working set is planned into memory, and one read of a hundred is of something else";
    /// Operations a second that usual network volumes give at most.
    volume_operations_usual = 16_000.0, "operations/s", A, "AWS, most of a gp3 volume";
    /// Operations a second that the fastest network volumes give.
    volume_operations_most = 64_000.0, "operations/s", A, "AWS, most of an io2 volume within its usual latency";
    /// Traffic up to which an ordinary node is enough.
    node_megabits_ordinary = 1000.0, "Mbit/s", A, "GitLab reference architectures: an ordinary virtual machine below 1 Gbit/s, to be watched from 1 to 3";
    /// Traffic above which nodes with a faster network are needed.
    node_megabits_watched = 3000.0, "Mbit/s", A, "GitLab reference architectures: enhanced networking from 3 to 10 Gbit/s";
    /// Slowest hundredth of a request's own time over its mean.
    tail_over_mean = 4.6, "factor", B, "ln(100), of exponential service; real services vary less, so it is a lower mean, with which users at once ask more often";
    /// Reads that bear a bounded lag and go to replicas.
    offload_share = 0.7, "share", D, "judgement: the rest is read back right after a write";
    /// Room for vacuum and checkpoints.
    database_overhead = 1.2, "factor", A, "Netflix service-capacity-modeling, aurora.py: 1.2 for VACUUM";
    /// Data that is touched again and again, of all data.
    working_set_share = 0.1, "share", A, "Netflix service-capacity-modeling, rds.py: working set of 10 % by default";
    /// Indexes and bloat over the data.
    bloat_factor = 1.5, "factor", D, "judgement: indexes and dead rows are half of the data";
    /// Part of a volume that stays free.
    free_share = 0.3, "share", D, "judgement: room for a rebuild of the largest table and for write-ahead log that a replica still needs";
    /// Memory of one server connection.
    backend_mib = 4.0, "MiB", D, "judgement below the 5 to 10 MB that OpenAI publishes for long-lived backends: pooled ones do small work";
    /// Memory of Patroni.
    patroni_mib = 64.0, "MiB", D, "judgement: one Python process with its API client";
    /// Memory of PostgreSQL's own processes.
    postgres_base_mib = 16.0, "MiB", D, "judgement: postmaster, writers, WAL and autovacuum launchers";
    /// Most bytes of one database.
    database_bytes_ceiling = 10e12, "bytes", D, "judgement after Notion and Figma, who sharded at about 10 TB a database";
    /// Most server connections of one database.
    connections_ceiling = 5000.0, "connections", B, "Azure's limit, which OpenAI publishes as its own";
    /// Connections that are not the pool's: Patroni 3, exporter 1, migrations 2, backup 2, superuser 3.
    connections_fixed = 11.0, "connections", D, "counted: Patroni 3, exporter 1, migrations 2, backup 2, reserved for the superuser 3";
    /// Room for cancel requests over the pool's caps.
    connections_margin = 1.1, "factor", A, "PgBouncer source: cancel requests may exceed a pool's cap";
    /// Fewest server connections of one pool pod.
    connections_fewest = 5.0, "connections", D, "judgement: a slow report must not hold up everyone";
    /// Most members that stream from one primary, with itself.
    members_most = 11.0, "members", B, "OpenAI: about 50 replicas, cascading tested beyond; above 10 to 15 direct ones the primary only sends";
    /// Availability of one pod on one node.
    pod_availability = 0.998, "share", D, "judgement: a node lost twice a year and half a day without it";
    /// Availability that one zone gives.
    one_zone_availability = 0.9995, "share", D, "judgement: power, network and control plane of one data hall";
    /// Availability that two zones give.
    two_zones_availability = 0.9995, "share", D, "judgement: of three members two share a zone, and fall together";
    /// Availability that three zones of one region give.
    three_zones_availability = 0.9999, "share", D, "judgement: what clouds promise for one region";
    /// Exponent of Zipf's law for pages of the web.
    zipf_web = 0.9, "exponent", B, "Breslau et al. 1999: 0.6 to 0.9 for requests of the web; 80 % of requests on 20 % of items means 0.91";
    /// Exponent of Zipf's law where a few items take most requests.
    zipf_skewed = 1.2, "exponent", D, "judgement: celebrities, or the front page's items";
    /// Memory of an item of the cache beside its value.
    item_overhead = 150.0, "bytes", C, "measured: entry, key of 32 bytes, object and expiry take 108 to 149 bytes in Redis 8.0";
    /// Memory of a value of the cache over its size, where sizes vary.
    item_rounding = 1.125, "factor", D, "judgement: the allocator has four sizes in each doubling, so a value takes up to a quarter more";
    /// Part of a cache's memory that items may fill.
    cache_fill = 0.7, "share", C, "measured: 1.37 times 150 MiB of items of 2 KiB, overwritten at 48 MB/s while copied";
    /// Part of a session store's memory that sessions may fill.
    sessions_fill = 0.62, "share", D, "judgement: rewriting the log forks and copies what is written meanwhile";
    /// Memory of Redis without items.
    redis_base_mib = 24.0, "MiB", C, "measured: process, backlog and probes of a member take 21 to 23 MiB beside its items";
    /// Memory of Redis beside its items that a full copy needs at least.
    redis_copy_mib = 48.0, "MiB", C, "measured: small items at full speed are all kept twice, and up to 30 MB wait";
    /// Part of its maximum that Redis keeps for replicas that were away for a moment.
    redis_backlog = 0.0625, "share", D, "judgement: some seconds of writes";
    /// Memory that a write makes Redis keep twice while a full copy is made.
    redis_copied_per_write = 4096.0, "bytes", C, "measured: 0.57 to 0.66 pages of 4 KiB a write to random items; a whole one";
    /// Items that a full copy takes a second.
    redis_copied_items_per_second = 100_000.0, "items/s", C, "measured: 118,000 to 120,000 on a core that others used as well";
    /// Bytes that a full copy takes a second, beside its items.
    redis_copied_bytes_per_second = 2.5e8, "bytes/s", C, "measured: 2 KiB items, 260 MB/s beside the time of their number";
    /// Memory of a Sentinel.
    sentinel_mib = 16.0, "MiB", D, "judgement: one process that watches two others";
    /// CPU of a Sentinel.
    sentinel_millicores = 20.0, "millicores", D, "judgement: a few pings a second, never throttled";
    /// Operations of one core of Redis.
    redis_operations_per_core = 80_000.0, "operations/s", B, "published without pipelining: 115,000 to 160,000 on one core; half to two thirds of it";
    /// Memory of a router without connections.
    front_mib = 24.0, "MiB", D, "judgement: HAProxy with one thread, its checks and statistics";
    /// Operations of a thread of Redis where several read and write for the one that works.
    redis_operations_per_thread = 50_000.0, "operations/s", B, "Valkey 8: 380,000 to 1,200,000 a second on eight cores; the lower end";
    /// Connections that one worker's pod opens to each address.
    clients_per_worker_pod = 4.0, "connections", D, "judgement: one job at a time needs one or two, and a spare to reconnect";
    /// Bytes of a session.
    session_bytes = 2048.0, "bytes", D, "judgement: who, since when and a small basket";
    /// Operations on sessions for each dynamic request.
    session_operations = 2.0, "operations/request", D, "judgement: read it, and prolong it";
    /// Users of a month over users of a day.
    monthly_users = 5.0, "factor", D, "judgement: services publish that a fifth to a half of a month's users come on a day";
    /// Messages of one core of the queue.
    queue_messages_per_core = 750.0, "messages/s", A, "RabbitMQ 2020: 37,000 messages of 1 KiB a second on three nodes of 16 cores, quorum queues";
    /// Part of the queue's published rate that is planned with.
    queue_share = 0.5, "share", A, "RabbitMQ 2020: clusters of 65,000 to 70,000 messages a second gave 20,000 to 30,000 under backlog or with a node lost";
    /// Memory of the queue's broker without messages.
    queue_base_mib = 160.0, "MiB", D, "judgement: Erlang's machine, plugins and management statistics";
    /// Memory of a message that waits.
    queue_message_bytes = 64.0, "bytes", D, "judgement: a quorum queue's index keeps each message's place in memory";
    /// Bytes of a message on the volume.
    message_bytes = 4096.0, "bytes", D, "judgement: an address of what is to be done, not the thing itself";
    /// Part of a member's memory that the broker counts on.
    queue_available = 0.9, "share", B, "RabbitMQ's guide for containers: leave a tenth to what is not counted";
    /// Part of the broker's memory above which publishers wait.
    queue_watermark = 0.6, "share", B, "RabbitMQ's guide: 0.4 to 0.7 of what the broker may use";
    /// Memory of a worker without a job.
    worker_mib = 64.0, "MiB", D, "judgement: a runtime and one job's data; measure yours at work";
    /// Requests of one core of the caching proxy.
    proxy_requests_per_core = 10_000.0, "requests/s", B, "Varnish: 23,000 cached requests/s a core on a Xeon of 2010; half of it with logging";
    /// Distinct pages that may be kept.
    proxy_pages = 10_000.0, "pages", D, "judgement: pages of a shop or of a magazine; a page of several languages counts as several";
    /// Distinct static files.
    proxy_files = 1_000.0, "files", D, "judgement: pictures, scripts and styles of all pages";
    /// Memory of an object of the proxy beside its body.
    proxy_object_overhead = 1024.0, "bytes", A, "Varnish's documentation: about 1 KiB an object";
    /// Part of the proxy's memory that objects may fill.
    proxy_fill = 0.65, "share", D, "judgement: the allocator's slack and objects that are just being replaced";
    /// Memory of the proxy without objects.
    proxy_base_mib = 128.0, "MiB", D, "judgement: shared log of 80 MiB, threads and the compiled configuration";
    /// Doubt about a value whose evidence is of grade A: it may be smaller or larger by this factor.
    doubt_of_grade_a = 1.2, "factor", D, "judgement: the same measure at another site";
    /// Doubt about a value of grade B.
    doubt_of_grade_b = 1.5, "factor", D, "judgement: another site, told by somebody else";
    /// Doubt about a value of grade C.
    doubt_of_grade_c = 2.0, "factor", D, "judgement: one narrow benchmark is rarely off by more";
    /// Doubt about a value of grade D.
    doubt_of_grade_d = 2.0, "factor", D, "judgement: half to double, the step between two presets of CPU time";
}

/// CPU sizes of pods.
pub const CPU_STEPS: [Millicores; 10] = [
    Millicores(100),
    Millicores(250),
    Millicores(500),
    Millicores(1000),
    Millicores(2000),
    Millicores(4000),
    Millicores(8000),
    Millicores(16_000),
    Millicores(32_000),
    Millicores(64_000),
];

/// The smallest CPU size of at least `cores`; the amount itself, rounded up, above the list.
#[must_use]
pub fn cpu_step(cores: f64) -> Millicores {
    let wanted = Millicores((cores * 1000.0).ceil() as u64);
    CPU_STEPS.into_iter().find(|step| *step >= wanted).unwrap_or(wanted)
}

/// The smallest size of at least `bytes` in four steps a doubling, from `smallest` on: 16, 20, 24, 28, 32, 40 …
#[must_use]
pub fn quarter_step(bytes: f64, smallest: u64) -> u64 {
    let mut octave = smallest.max(4);
    loop {
        for quarter in 4..8 {
            let step = octave / 4 * quarter;
            if step as f64 >= bytes {
                return step;
            }
        }
        match octave.checked_mul(2) {
            Some(next) => octave = next,
            None => return u64::MAX,
        }
    }
}
