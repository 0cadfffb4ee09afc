//! The worked example of the capacity model: each step by hand, from users to pods, held against the plan.
//!
//! The steps use constants as a reader finds them in the documentation and `scaledapp calc`, never the planner's own types;
//! but for the share of late pages, which is an integral and not for the hand.

mod common;

use std::fmt::Write;

use scaledapp::planner::delay::{Moments, Waiting};
use scaledapp::planner::formulary::formula;
use scaledapp::planner::response::Work;
use scaledapp::planner::{Plan, Tier, TierPlan, TierSettings};

const SPEC: &str = "targets:
  dailyActiveUsers: 50000
  requestsPerUserPerDay: 40
  peakToAverage: \"3\"
  latency: {p99: 500ms}
  availabilityPercent: \"99.9\"
profile:
  cpuPerRequest: 40ms
  serviceTime: {p99: 150ms}
  memoryPerReplica: 256Mi
  staticPercent: 50
  readPercent: 90
  queriesPerRequest: \"5\"
  bytesWrittenPerUserPerDay: 2Ki
services: [{name: web, image: registry.example/library:1.0}]
database: {}
";
const MIB: f64 = 1_048_576.0;
const DAYS_OF_A_MONTH: f64 = 365.0 / 12.0;

/// The text of the example, which grows step by step.
struct Example(String);

impl Example {
    fn title(&mut self, text: &str) {
        let _ = writeln!(self.0, "\n**{text}**\n");
    }

    fn step(&mut self, text: &str) {
        let _ = writeln!(self.0, "- {text}");
    }

    /// A formula of `scaledapp calc`, told as it would be asked for.
    fn calc(&mut self, what: &str, name: &str, inputs: &[(&str, f64)], unit: &str) -> f64 {
        let given: Vec<(String, f64)> = inputs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let value = formula(name).unwrap().value(&given).unwrap();
        let inputs: Vec<String> = inputs.iter().map(|(name, value)| format!("{name}={}", short(*value))).collect();
        self.step(format!("{what}: `scaledapp calc {name} {}` = {} {unit}", inputs.join(" "), short(value)).trim_end());
        value
    }
}

/// Four digits, as one writes by hand.
fn short(value: f64) -> String {
    let digits = 3 - value.abs().log10().floor().max(-3.0) as i32;
    let text = format!("{value:.*}", usize::try_from(digits.clamp(0, 6)).unwrap());
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn same(by_hand: f64, planned: f64) {
    assert!((by_hand - planned).abs() <= 1e-3 * planned.abs().max(1.0), "{by_hand} by hand, {planned} planned");
}

fn tier(plan: &Plan, tier: Tier) -> &TierPlan {
    plan.tier(tier).unwrap()
}

/// Reads and writes a second.
fn demand(example: &mut Example, plan: &Plan) -> (f64, f64, f64) {
    example.title("Demand");
    let average =
        example.calc("average", "average_rps", &[("dau", 50_000.0), ("req_per_user_day", 40.0)], "requests/s");
    same(average, plan.demand.average_requests_per_second);
    let peak = example.calc("peak", "peak_rps", &[("average_rps", average), ("peak_factor", 3.0)], "requests/s");
    same(peak, plan.demand.peak_requests_per_second);
    let dynamic = peak * 0.5;
    example.step(&format!("half of them are files: {} pages and {} files a second", short(dynamic), short(dynamic)));
    let (reads, writes) = (dynamic * 5.0 * 0.9, dynamic * 5.0 * 0.1);
    example.step(&format!(
        "5 queries a page, 90 % of them reads: {} reads and {} writes a second",
        short(reads),
        short(writes)
    ));
    same(reads, plan.demand.database_reads_per_second);
    same(writes, plan.demand.database_writes_per_second);
    let rows = 50_000.0 * 2048.0 * DAYS_OF_A_MONTH * 6.0;
    example.step(&format!(
        "rows after the 6 months of the horizon: 50000 users * 2 KiB * 182.5 days = {} GB",
        short(rows / 1e9)
    ));
    same(rows, plan.demand_at_horizon.database_bytes as f64);
    (dynamic, reads, writes)
}

/// Why more than one of each, and how many more.
fn availability(example: &mut Example, plan: &Plan) {
    example.title("Availability");
    let singles = example.calc(
        "one pod each of web, pool and database",
        "series_availability",
        &[("node_a", 0.998), ("n", 3.0)],
        "",
    );
    assert!(singles < 0.999 && tier(plan, Tier::Database).replicas.max == 3);
    example.step("99.9 % is more, so every tier survives the loss of a node or of one of three zones, and the database has 3 members");
}

/// What the queries of a page wait for the database.
fn queries(example: &mut Example, reads: f64, writes: f64) -> Waiting {
    let mut member = |which: &str, reads: f64, writes: f64, write: f64| {
        let (read, write) = (1.2 * 1.2, write * 1.2);
        let offered = (reads * read + writes * write) / 1000.0;
        let share = example.calc(which, "erlang_c_p_wait", &[("servers", 1.0), ("offered", offered)], "");
        let work = Moments::mixed([(reads, Moments::exponential(read)), (writes, Moments::exponential(write))]);
        let waiting = Waiting::of_servers(1, offered, &work);
        same(share, waiting.share);
        example.step(&format!(
            "those wait {} ms: a core that is found busy is so for {} ms more, and {} of it is idle",
            short(waiting.mean),
            short(work.rest()),
            short(1.0 - offered)
        ));
        waiting
    };
    let primary = member(
        "the primary (below) has 1 core, of which this share of its queries finds it busy",
        reads * 0.3,
        writes,
        1.67,
    );
    let replica = member(
        "and the replica, with one of two lost, which replays the writes in half of their time",
        reads * 0.7,
        writes,
        1.67 / 2.0,
    );
    let both = primary.repeated(0.5 + 4.5 * 0.3).and(replica.repeated(4.5 * 0.7));
    example.step(&format!(
        "of a page's 5 queries 1.85 go to the primary and 3.15 to a replica: {} of the pages wait, {} ms on average",
        short(both.share),
        short(both.mean)
    ));
    both
}

/// Pods of a size that keep the latency: the fewest that are 85 % busy at most, more while over 1 of 100 pages are late.
fn bearing(example: &mut Example, busy: f64, cores: f64, queries: Waiting) -> Option<f64> {
    let (offered, size) = (busy / cores, format!("a pod of {cores} core"));
    let own = 150.0 / cores;
    if own >= 500.0 {
        example
            .step(&format!("{size}: 99 of 100 pages take {own} ms without any load, and 500 are promised: too slow"));
        return None;
    }
    let page = Work::of_request(40.0, 150.0).at_speed(cores);
    let all = Moments::mixed([(1.0, page.moments()), (1.0, Moments::constant(0.5 / cores))]);
    let (mut pods, alone) = ((offered / 0.85).ceil(), page.later_than(500.0, [Waiting::NONE, queries]));
    example.step(&format!(
        "{size}: {} busy servers, {pods} at 85 %; one that is found busy is so for {} ms more; without waiting for a pod {} % of the pages take longer than 500 ms",
        short(offered),
        short(all.rest()),
        short(alone * 100.0)
    ));
    loop {
        let inputs = [("servers", pods), ("offered", offered)];
        let share = example.calc(&format!("{pods} pods, share of the pages that wait"), "erlang_c_p_wait", &inputs, "");
        let waiting = Waiting::of_servers(pods as u32, offered, &all).then(all.rest(), all.variation_of_rest());
        same(share, waiting.share);
        let late = page.later_than(500.0, [waiting, queries]);
        example.step(&format!(
            "those wait {} ms, for what is before them everywhere and then for their own pod: {} % of all take longer than 500 ms",
            short(waiting.mean),
            short(late * 100.0)
        ));
        if late - alone <= 0.95 * (0.01 - alone) {
            return Some(pods);
        }
        pods += 1.0;
    }
}

fn web(example: &mut Example, plan: &Plan, dynamic: f64, queries: Waiting) {
    example.title("Web");
    let planned = plan.web("web").unwrap();
    let busy = dynamic * 0.040 + dynamic * 0.0005;
    example.step(&format!(
        "{} pages * 40 ms + {} files * 0.5 ms = {} busy cores",
        short(dynamic),
        short(dynamic),
        short(busy)
    ));
    same(busy * 1000.0, planned.requirement.cpu_millicores);
    for cores in [0.1, 0.25] {
        assert_eq!(bearing(example, busy, cores, queries), None);
    }
    let pods = bearing(example, busy, 0.5, queries).unwrap();
    let pods = example.calc("with one of three zones lost", "pods_with_spare", &[("n", pods), ("zones", 3.0)], "pods");
    same(pods, f64::from(planned.replicas.max));
    same(500.0, planned.per_replica.cpu.0 as f64);
    let fewest = (pods * 2.0 / 3.0).ceil();
    example.step(&format!("the autoscaler goes down to two thirds of that: {fewest} pods"));
    same(fewest, f64::from(planned.replicas.min));
    let target =
        example.calc("its target at most", "utilisation_target", &[("effective_cpu", fewest)], "of a pod's CPU");
    let TierSettings::Web(settings) = &planned.settings else { panic!() };
    assert!(f64::from(settings.target_cpu_percent) <= (target.min(0.7) * 100.0).floor());
    example.step(&format!(
        "and so low that what a zone leaves of {fewest}, {} or {} pods keeps the latency when they are 1.1 times as busy, which is when the autoscaler moves: {} %",
        fewest + 1.0,
        fewest + 2.0,
        settings.target_cpu_percent
    ));
    let memory = 256.0 * 1.15;
    example.step(&format!("memory: 256 MiB * 1.15 = {} MiB, in quarter steps 320 MiB", short(memory)));
    same(320.0 * MIB, planned.per_replica.memory.0 as f64);
}

fn database(example: &mut Example, plan: &Plan, reads: f64, writes: f64) {
    example.title("Database and pool");
    let planned = tier(plan, Tier::Database);
    let TierSettings::Database(settings) = &planned.settings else { panic!() };
    let (read, write) = (reads * 0.0012, writes * 0.00167);
    let (primary, replica) = (write + 0.3 * read, 0.5 * write + 0.7 * read);
    example.step(&format!("reads keep {} cores busy, writes {}", short(read), short(write)));
    example.step(&format!("the primary has the writes and 30 % of the reads, {}; with one replica lost the other replays the writes and has 70 %, {}", short(primary), short(replica)));
    let staffed = example.calc(
        "so that the busiest waits little",
        "sqrt_staffing",
        &[("offered", replica), ("qos", 1.761)],
        "cores",
    ) * 1.2;
    example.step(&format!("and a fifth for vacuum: {} cores, the next power of two is 1", short(staffed)));
    assert!(staffed > 0.5);
    same(1000.0, settings.postgres.cpu.0 as f64);
    let hands = example.calc(
        "server connections",
        "pool_connections",
        &[("cores", 1.0), ("spindles", 1.0)],
        "for writes, and as many for each of two readers",
    );
    let open = 3.0 * ((hands.max(5.0) / 2.0).ceil() + ((hands * 2.0).max(5.0) / 2.0).ceil());
    example.step(&format!(
        "3 pods of the pool, of which any two open all of them, 5 at least: 3 * (3 + 3) = {open} connections"
    ));
    same(3.0, f64::from(tier(plan, Tier::Pool).replicas.max));
    let data = 50_000.0 * 2048.0 * DAYS_OF_A_MONTH * 3.0 * 1.5;
    let memory = (64.0 + 16.0 + 4.0 * open) * MIB + data / 10.0;
    example.step(&format!("memory: 64 + 16 + 4 * {open} MiB and a tenth of {} GB of data and indexes in three months = {} MiB, in quarter steps 1536 MiB", short(data / 1e9), short(memory / MIB)));
    assert!(memory <= 1536.0 * MIB && memory > 1280.0 * MIB);
    same(1536.0 * MIB, settings.postgres.memory.0 as f64);
    let rows = 50_000.0 * 2048.0 * DAYS_OF_A_MONTH * 6.0 * 1.5;
    let log = (rows / 8.0 / (256.0 * MIB)).floor() * 256.0 * MIB;
    let volume = rows / 0.7 + 2.0 * log;
    example.step(&format!(
        "volume: {} GB at the horizon / 0.7 and twice {} GB of log = {} GiB, in quarter steps 48 GiB",
        short(rows / 1e9),
        short(log / 1e9),
        short(volume / MIB / 1024.0)
    ));
    same(48.0 * 1024.0 * MIB, planned.per_replica.storage.0 as f64);
}

#[test]
fn the_worked_example_is_the_plan() {
    let plan = common::planned(&common::app(SPEC));
    let mut example = Example(format!("```yaml\n{SPEC}```\n"));
    let (dynamic, reads, writes) = demand(&mut example, &plan);
    availability(&mut example, &plan);
    example.title("Waiting for the database");
    let waits = queries(&mut example, reads, writes);
    web(&mut example, &plan, dynamic, waits);
    database(&mut example, &plan, reads, writes);
    let edge = tier(&plan, Tier::Edge);
    example.title("And before them");
    example.step("edge: 69 requests a second are 0.007 busy cores, so 2 pods of 100m, for the loss of one");
    assert_eq!((edge.replicas.max, edge.per_replica.cpu.0), (2, 100));
    common::documented("docs/capacity-model.md", "worked example", &example.0);
}
