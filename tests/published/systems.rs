//! Whole systems of which only a few figures are published: what the planner says of them, right or wrong.

use std::fmt::Write;

use scaledapp::api::Quantity;
use scaledapp::domain::{Environment, LargestPod, validate};
use scaledapp::planner::{Catalogue, FindingKind, Plan, Tier, TierSettings, plan};

use crate::common::{app, documented};

/// Nodes of 128 cores and 2 TiB, as these companies have them.
fn on_large_nodes(spec: &str) -> Plan {
    let largest_pod = LargestPod { cpu: Quantity::from("128"), memory: Quantity::from("2Ti") };
    let environment = Environment { largest_pod, ..Environment::default() };
    let app = validate("app", "default", None, &app(spec).spec, &environment).unwrap();
    plan(&app, &Catalogue::builtin(), &environment, None)
}

fn database_of(requests: u32, read_percent: u32) -> Plan {
    on_large_nodes(&format!(
        "
targets: {{peakRequestsPerSecond: {requests}}}
profile: {{preset: Thin, queriesPerRequest: '1', readPercent: {read_percent}}}
services: [{{name: web, image: a}}]
database: {{}}"
    ))
}

fn member(plan: &Plan) -> (u32, f64) {
    let tier = plan.tier(Tier::Database).unwrap();
    let TierSettings::Database(settings) = &tier.settings else { panic!() };
    (tier.replicas.max, settings.postgres.cpu.cores())
}

struct Row(&'static str, &'static str, String, &'static str);

/// 284 M requests a minute at the edge, 80 M of them at the application; static here is what the edge absorbs.
fn shopify() -> Row {
    let plan = on_large_nodes(
        "
targets: {peakRequestsPerSecond: 4733333}
profile: {preset: Thin, staticPercent: 72}
services: [{name: web, image: a}]
proxy: {}",
    );
    let origin = plan.demand.origin_requests_per_second / 1e6;
    assert!((origin / 1.333 - 1.0).abs() < 0.05, "{origin}");
    let planned = format!("{origin:.2} M requests/s");
    Row(
        "Shopify, November 2024",
        "1.33 M requests/s of 4.73 M reach the application",
        planned,
        "right, with the published share as input",
    )
}

fn wikipedia() -> Row {
    let plan = on_large_nodes(
        "
targets: {peakRequestsPerSecond: 133333}
profile: {preset: Thin, responseSize: '23000'}
services: [{name: web, image: a}]",
    );
    let gigabits = plan.demand.egress_megabits_per_second / 1000.0;
    assert!((gigabits / 25.0 - 1.0).abs() < 0.05, "{gigabits}");
    Row(
        "Wikipedia, about 2018",
        "25 Gbit/s",
        format!("{gigabits:.1} Gbit/s"),
        "right; that 10,000 pages stand for an encyclopaedia is not, and a plan says so",
    )
}

/// A database grows in its machine before it gets replicas; at 90 % of 48 threads it was too small.
fn lets_encrypt() -> Row {
    let cores: Vec<(u32, f64)> =
        [2000, 8000, 16_000, 32_000, 48_000].map(|requests| member(&database_of(requests, 100))).to_vec();
    assert!(cores.iter().all(|(members, _)| *members == 1), "{cores:?}");
    assert!(cores.windows(2).all(|pair| pair[0].1 < pair[1].1), "{cores:?}");
    let (members, cores) = member(&database_of(36_000, 100));
    assert!(members == 1 && cores > 48.0, "{members} {cores}");
    let planned = format!("{members} member of {cores:.0} cores");
    Row(
        "Let's Encrypt, 2021",
        "48 threads at 90 % were too few; one larger machine, 128 threads",
        planned,
        "right: up before out, and 48 are too few; they bought twice of what the planner would",
    )
}

/// 25 pictures and 90 likes a second.
fn instagram() -> Row {
    let plan = database_of(115, 0);
    let (members, cores) = member(&plan);
    assert_eq!(members, 1);
    let planned = format!("{members} member, {cores} core");
    Row(
        "Instagram, 2012",
        "12 shards, by memory",
        planned,
        "wrong: writes do not ask for shards, and that all rows should be in memory the planner does not know",
    )
}

fn stack_overflow() -> Row {
    let plan = on_large_nodes(
        "
targets: {peakRequestsPerSecond: 2424, peakToAverage: '1', availabilityPercent: '99.95'}
profile: {cpuPerRequest: 8ms}
services: [{name: web, image: a}]",
    );
    let cores = plan.web("web").unwrap().total.cpu.cores();
    assert!(cores < 216.0, "{cores}");
    let planned = format!("{cores:.0} web cores");
    Row(
        "Stack Overflow, 2016",
        "216 web cores, 9 % busy",
        planned,
        "wrong on purpose: they bought for one server to be enough; the planner buys for 70 %",
    )
}

/// Millions of queries a second, one primary and about fifty replicas.
fn openai() -> Row {
    let plan = database_of(2_000_000, 99);
    let refused = plan
        .findings
        .iter()
        .any(|f| f.kind == FindingKind::PodAboveLargestNode || f.kind == FindingKind::WritesAboveOnePrimary);
    assert!(plan.is_refused() && refused);
    let planned = format!("refused beyond {} members", member(&plan).0);
    Row(
        "OpenAI, 2025",
        "one primary, about 50 replicas",
        planned,
        "wrong: the planner leaves 30 % of the reads to the primary, a judgement, and offers no replicas of replicas",
    )
}

#[test]
fn whole_systems_are_told_as_they_come_out() {
    let mut text = String::from("| system | published | planned | |\n|---|---|---|---|\n");
    for Row(system, published, planned, verdict) in
        [shopify(), wikipedia(), lets_encrypt(), instagram(), stack_overflow(), openai()]
    {
        let _ = writeln!(text, "| {system} | {published} | {planned} | {verdict} |");
    }
    documented("docs/evidence/published.md", "systems", &text);
}
