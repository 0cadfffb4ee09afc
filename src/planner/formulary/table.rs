//! The formulae, one entry each. Names and inputs are a contract: scripts feed them.
//!
//! Must never compute by itself what the planner computes: such an entry calls the planner's function.

use super::Domain::{Above0, Between, Whole};
use super::{Formula, Input};
use crate::planner::availability::{k_of_n, with_spare};
use crate::planner::caching::Popular;
use crate::planner::queueing::{
    erlang_b, erlang_c, response_tail, servers_for_waiting_share, square_root_staffing, utilisation_target,
    wait_quantile,
};

const ERLANG: &str = "A. K. Erlang 1917, by recursion";
const MMC: &str = "the queue M/M/c in closed form";
const CHE: &str = "Che, Tung and Wang 2002, as in arXiv 1202.3974; Zipf's law by Breslau 1999";
const RENEWAL: &str = "renewal theory";
const BINOMIAL: &str = "binomial distribution; failures independent of each other";
const USL: &str = "N. Gunther's universal scalability law";
const DEFINITION: &str = "by definition";

/// Most servers or erlangs that the recursions take within a second.
const MANY: f64 = 1e6;
const BIG: f64 = 1e18;

const SERVERS: Input = input("servers", "servers that wait together", Whole(1.0, MANY));
const OFFERED: Input = input("offered", "busy servers, in erlangs: arrivals a second times service time", Above0(MANY));
const SERVICE: Input = input("service_s", "mean service time in seconds", Above0(1e6));
const ITEMS: Input = input("items", "distinct items", Whole(1.0, 1e12));
const ALPHA: Input = input("zipf_alpha", "exponent of Zipf's law", Between(0.0, 5.0));
const FRACTION: Input = input("cache_fraction", "share of the items that there is room for", Between(0.0, 1.0));
const NODE: Input = input("node_a", "availability of one node, as a share", Between(0.0, 1.0));
const N: Input = input("n", "nodes", Whole(1.0, 1000.0));
const RATE: Input = input("rate", "requests a second", Between(0.0, BIG));
const RPS: Input = input("rps", "requests a second", Between(0.0, BIG));
const TTL: Input = input("ttl_s", "time to live in seconds", Between(0.0, 1e9));
const SIGMA: Input = input("sigma", "contention", Between(0.0, 1.0));
const KAPPA: Input = input("kappa", "cost of coherence", Between(0.0, 1.0));

const fn input(name: &'static str, meaning: &'static str, domain: super::Domain) -> Input {
    Input { name, meaning, domain }
}

macro_rules! formulae {
    ($($name:ident: $meaning:literal, $unit:literal, $formula:literal, $source:expr,
       [$($input:expr),*], [$(($low:literal, $high:literal)),*], $compute:expr;)*) => {
        /// All formulae, in the order of the capacity model.
        pub const FORMULAE: &[Formula] = &[$(Formula {
            name: stringify!($name), meaning: $meaning, unit: $unit, formula: $formula, source: $source,
            inputs: &[$($input),*], at_most: &[$(($low, $high)),*], compute: $compute,
        }),*];
    };
}

formulae! {
    average_rps: "average requests", "1/s", "dau * req_per_user_day / 86400", DEFINITION,
        [input("dau", "users a day", Between(0.0, 1e12)), input("req_per_user_day", "requests of a user in a day", Between(0.0, 1e9))],
        [], |i| i[0] * i[1] / 86_400.0;
    peak_rps: "peak requests", "1/s", "average_rps * peak_factor", DEFINITION,
        [input("average_rps", "average requests a second", Between(0.0, BIG)), input("peak_factor", "peak over average", Between(1.0, 1000.0))],
        [], |i| i[0] * i[1];
    reads_rps: "reads of a mix of R reads to one write", "1/s", "rps * reads_per_write / (reads_per_write + 1)", DEFINITION,
        [RPS, input("reads_per_write", "reads for each write", Between(0.0, 1e9))], [], |i| i[0] * i[1] / (i[1] + 1.0);
    writes_rps: "writes of a mix of R reads to one write", "1/s", "rps / (reads_per_write + 1)", DEFINITION,
        [RPS, input("reads_per_write", "reads for each write", Between(0.0, 1e9))], [], |i| i[0] / (i[1] + 1.0);
    grown: "a figure after months of compound growth", "as the figure", "now * (1 + percent_per_month / 100)^months", DEFINITION,
        [input("now", "the figure today", Between(0.0, BIG)), input("percent_per_month", "growth in per cent a month", Between(-100.0, 1000.0)),
         input("months", "months", Between(0.0, 120.0))], [], |i| i[0] * (1.0 + i[1] / 100.0).powf(i[2]);
    concurrency: "requests under way, or busy servers", "requests", "rate * time_s", "J. Little 1961",
        [RATE, input("time_s", "time of one request in seconds", Between(0.0, 1e9))], [], |i| i[0] * i[1];
    network_mbps: "traffic", "Mbit/s", "rps * bytes * 8 / 1e6", DEFINITION,
        [RPS, input("bytes", "bytes of an answer", Between(0.0, BIG))], [], |i| i[0] * i[1] * 8.0 / 1e6;

    erlang_b: "share of arrivals that find all servers busy and leave", "share", "B(0) = 1, B(k) = a B(k-1) / (k + a B(k-1))", ERLANG,
        [SERVERS, OFFERED], [], |i| erlang_b(whole(i[0]), i[1]);
    erlang_c_p_wait: "share of arrivals that must wait; 1 at full use", "share", "C = B / (1 - a/c (1 - B))", ERLANG,
        [SERVERS, OFFERED], [], |i| erlang_c(whole(i[0]), i[1]);
    erlang_c_min_servers: "fewest servers with which at most a share of arrivals waits", "servers", "min c: C(c, a) <= p_wait", ERLANG,
        [OFFERED, input("p_wait", "share of arrivals that may wait", Between(1e-12, 1.0))], [],
        |i| f64::from(servers_for_waiting_share(i[0], i[1]));
    mmc_wait_mean_s: "mean wait", "s", "C S / (c - a)", MMC,
        [SERVERS, OFFERED, SERVICE], [], |i| if i[1] < i[0] { erlang_c(whole(i[0]), i[1]) * i[2] / (i[0] - i[1]) } else { f64::INFINITY };
    mmc_wait_p99_s: "wait that 99 of 100 arrivals do not exceed", "s", "S / (c - a) * ln(C / 0.01), 0 where C <= 0.01", MMC,
        [SERVERS, OFFERED, SERVICE], [], |i| wait_quantile(whole(i[0]), i[1], i[2], 0.99);
    mmc_wait_quantile_s: "wait that a share of arrivals does not exceed", "s", "S / (c - a) * ln(C / (1 - p)), 0 where C <= 1 - p", MMC,
        [SERVERS, OFFERED, SERVICE, input("p", "share of arrivals", Between(0.0, 0.999_999_999))], [],
        |i| wait_quantile(whole(i[0]), i[1], i[2], i[3]);
    mmc_p_response_gt_t: "share of responses that take longer than a time; 1 at full use", "share",
        "e^(-t/S) (1 + C (1 - e^(-(c-1-a) t/S)) / (c-1-a))", MMC,
        [SERVERS, OFFERED, SERVICE, input("t_s", "time in seconds", Between(0.0, 1e9))], [],
        |i| if i[1] < i[0] { response_tail(whole(i[0]), i[1], i[2], i[3]) } else { 1.0 };
    allen_cunneen_wait_s: "mean wait where arrivals and service vary otherwise than exponentially", "s",
        "C S / (c - a) * (ca2 + cs2) / 2", "Allen and Cunneen's approximation",
        [SERVERS, OFFERED, SERVICE, input("ca2", "squared coefficient of variation of the arrivals' gaps", Between(0.0, 1e6)),
         input("cs2", "squared coefficient of variation of the service time", Between(0.0, 1e6))], [],
        |i| if i[1] < i[0] { erlang_c(whole(i[0]), i[1]) * i[2] / (i[0] - i[1]) * f64::midpoint(i[3], i[4]) } else { f64::INFINITY };
    sqrt_staffing: "servers by square-root staffing", "servers", "a + qos sqrt(a)", "Halfin and Whitt 1981",
        [OFFERED, input("qos", "standard deviations of safety", Between(0.0, 100.0))], [], |i| square_root_staffing(i[0], i[1]);
    sqrt_staffing_ceil: "whole servers by square-root staffing", "servers", "ceil(a + qos sqrt(a))",
        "Halfin and Whitt 1981; Netflix's service-capacity-modeling takes 2.375, 1.761, 1.16 and 1 by tier",
        [OFFERED, input("qos", "standard deviations of safety", Between(0.0, 100.0))], [], |i| square_root_staffing(i[0], i[1]).ceil();
    utilisation_target: "use at which about 30 % of arrivals wait", "share", "1 - 0.712 / c^0.448", "fit of Netflix's service-capacity-modeling",
        [input("effective_cpu", "cores that wait together", Between(0.5, 1e6))], [], |i| utilisation_target(i[0]);
    usl_throughput: "throughput of N nodes, in that of one", "as lambda", "lambda N / (1 + sigma (N-1) + kappa N (N-1))", USL,
        [input("lambda", "throughput of one node", Between(0.0, BIG)), input("n", "nodes", Between(1.0, 1e9)), SIGMA, KAPPA], [],
        |i| i[0] * i[1] / (1.0 + i[2] * (i[1] - 1.0) + i[3] * i[1] * (i[1] - 1.0));
    usl_peak_n: "nodes beyond which throughput falls", "nodes", "sqrt((1 - sigma) / kappa)", USL,
        [SIGMA, input("kappa", "cost of coherence", Above0(1.0))], [], |i| ((1.0 - i[0]) / i[1]).sqrt();
    hpa_replicas: "replicas that the autoscaler wants", "pods", "ceil(current * metric / target), current within a tenth of the target",
        "Kubernetes, Horizontal Pod Autoscaling",
        [input("current", "pods now", Whole(0.0, 1e6)), input("metric", "what is measured", Between(0.0, BIG)), input("target", "what it is to be", Above0(BIG))],
        [], |i| if (i[1] / i[2] - 1.0).abs() <= 0.1 { i[0] } else { (i[0] * i[1] / i[2]).ceil() };

    lru_hit_ratio_che: "hit ratio of a cache that drops what was not asked for the longest", "share",
        "sum q (1 - e^(-q t)) with t such that sum (1 - e^(-q t)) = items * cache_fraction", CHE,
        [ITEMS, ALPHA, FRACTION], [], |i| Popular::zipf(i[0] as u64, i[1]).hit_ratio(i[0] * i[2]);
    lru_items_for_hit_ratio: "items for which such a cache needs room", "items", "the same, solved for the room", CHE,
        [ITEMS, ALPHA, input("hit_ratio", "hit ratio to be reached", Between(0.0, 0.9999))], [],
        |i| Popular::zipf(i[0] as u64, i[1]).room_for(i[2]);
    static_top_k_hit_ratio: "hit ratio of the most popular items, which no policy exceeds", "share", "sum of the largest shares", CHE,
        [ITEMS, ALPHA, FRACTION], [], |i| Popular::zipf(i[0] as u64, i[1]).best_static(i[0] * i[2]);
    ttl_hit_ratio: "hit ratio of an object that lives for a time after it was fetched", "share", "l T / (1 + l T)", RENEWAL,
        [RATE, TTL], [], |i| i[0] * i[1] / (1.0 + i[0] * i[1]);
    ttl_hit_ratio_renewed: "hit ratio of an object whose time begins anew with each hit", "share", "1 - e^(-l T)", RENEWAL,
        [RATE, TTL], [], |i| -(-i[0] * i[1]).exp_m1();
    ttl_cache_hit_ratio: "hit ratio over items by Zipf's law that live for a time after they were fetched", "share",
        "sum q l q T / (1 + l q T)", RENEWAL,
        [ITEMS, ALPHA, RATE, TTL], [], |i| Popular::zipf(i[0] as u64, i[1]).hit_ratio_of_ttl(i[2], i[3]);
    cache_bytes: "memory of a cache", "bytes", "items * (value_bytes + overhead_bytes) / fill", DEFINITION,
        [ITEMS, input("value_bytes", "bytes of a value", Between(0.0, 1e12)), input("overhead_bytes", "bytes beside each value", Between(0.0, 1e9)),
         input("fill", "share of the memory that may be filled", Between(0.01, 1.0))], [], |i| i[0] * (i[1] + i[2]) / i[3];

    pool_connections: "connections that a database keeps busy", "connections", "2 cores + spindles", "PostgreSQL's wiki and HikariCP's",
        [input("cores", "cores of the database's host", Above0(1e6)), input("spindles", "discs that turn; 1 for flash", Between(0.0, 1e6))],
        [], |i| 2.0 * i[0] + i[1];
    wal_bytes_per_s: "write-ahead log", "bytes/s", "write_tps * bytes_per_tx", DEFINITION,
        [input("write_tps", "writing transactions a second", Between(0.0, BIG)), input("bytes_per_tx", "log of one", Between(0.0, 1e12))], [], |i| i[0] * i[1];
    catch_up_s: "time in which a replica replays a backlog", "s", "backlog / (replay - generation)", DEFINITION,
        [input("backlog", "bytes not replayed", Between(0.0, BIG)), input("replay", "bytes replayed a second", Between(0.0, BIG)),
         input("generation", "bytes written a second", Between(0.0, BIG))], [("generation", "replay")], |i| i[0] / (i[1] - i[2]);
    storage_bytes: "volumes at the horizon", "bytes", "(initial + growth_per_day * days) * (1 + bloat) * copies / (1 - free)", DEFINITION,
        [input("initial", "bytes today", Between(0.0, BIG)), input("growth_per_day", "bytes a day", Between(0.0, BIG)), input("days", "days kept", Between(0.0, 1e5)),
         input("bloat", "indexes and bloat, as a share of the rows", Between(0.0, 100.0)), input("copies", "copies", Whole(1.0, 100.0)),
         input("free", "share that stays free", Between(0.0, 0.99))], [], |i| (i[0] + i[1] * i[2]) * (1.0 + i[3]) * i[4] / (1.0 - i[5]);
    moved_keys: "share of the keys that move from n shards to m", "share", "1 - min(n, m) / max(n, m)", "consistent or rendezvous hashing",
        [input("n", "shards before", Whole(1.0, 1e9)), input("m", "shards after", Whole(1.0, 1e9))], [], |i| 1.0 - i[0].min(i[1]) / i[0].max(i[1]);
    workers_to_drain: "workers that keep up and empty a backlog in time", "workers", "ceil(rate * job_s + backlog * job_s / drain_s)", DEFINITION,
        [input("rate", "jobs a second", Between(0.0, 1e12)), input("job_s", "time of a job in seconds", Above0(1e6)),
         input("backlog", "jobs that wait", Between(0.0, BIG)), input("drain_s", "time in which they are to be done", Above0(1e9))], [],
        |i| (i[0] * i[1] + i[2] * i[1] / i[3]).ceil();

    k_of_n_availability: "probability that at least k of n are up", "share", "sum over i >= k of C(n,i) a^i (1-a)^(n-i)", BINOMIAL,
        [NODE, input("k", "nodes that are needed", Whole(0.0, 1000.0)), N], [("k", "n")], |i| k_of_n(whole(i[1]), whole(i[2]), i[0]);
    series_availability: "availability of n in a row", "share", "a^n", BINOMIAL, [NODE, N], [], |i| i[0].powf(i[1]);
    parallel_availability: "availability of n of which one is enough", "share", "1 - (1-a)^n", BINOMIAL, [NODE, N], [], |i| 1.0 - (1.0 - i[0]).powf(i[1]);
    error_budget_s: "time out of order that an objective allows", "s", "(1 - slo) * window_s", "Google, Site Reliability Engineering",
        [input("slo", "objective, as a share", Between(0.0, 1.0)), input("window_s", "window in seconds", Between(0.0, 1e9))], [], |i| (1.0 - i[0]) * i[1];
    quorum_members: "members that keep a majority without some of them", "members", "2 f + 1", DEFINITION,
        [input("f", "members lost", Whole(0.0, 1000.0))], [], |i| 2.0 * i[0] + 1.0;
    pods_with_spare: "pods of which enough are left without any one node or zone", "pods", "max(n + 1, ceil(n z / (z - 1)))", DEFINITION,
        [input("n", "pods that are needed", Whole(1.0, 1e6)), input("zones", "zones", Whole(1.0, 100.0))], [],
        |i| f64::from(with_spare(whole(i[0]), whole(i[1])));
}

/// A whole number within its domain, which ends below 2^32.
fn whole(value: f64) -> u32 {
    value as u32
}
