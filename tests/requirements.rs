//! What writing costs, what pods send and what the tiers give together: the requirements beside cores and memory.

mod common;

use common::{app, planned, sample};
use scaledapp::planner::{Bottleneck, FindingKind, Plan, Reason, Rung, Severity, Tier, availability};

fn near(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 0.001, "{found} is not {expected}");
}

fn writing(writes: u32, cpu: &str) -> Plan {
    planned(&app(&format!(
        "
targets: {{peakRequestsPerSecond: {writes}, availabilityPercent: '99.95'}}
profile: {{preset: Thin, cpuPerRequest: {cpu}, queriesPerRequest: '1', readPercent: 0}}
services: [{{name: web, image: a}}]
database: {{}}"
    )))
}

fn severity(plan: &Plan, kind: FindingKind) -> Option<Severity> {
    plan.findings.iter().find(|finding| finding.kind == kind).map(|finding| finding.severity)
}

fn reason<'a>(plan: &'a Plan, tier: Tier, quantity: &str) -> &'a Reason {
    plan.tier(tier).unwrap().reasons.iter().find(|reason| reason.quantity == quantity).unwrap()
}

/// 1,000 writes a second of 1,460 bytes to two replicas; 3.4 operations each; 30 s of it replayed at 50 MB a second.
#[test]
fn writes_are_log_streams_and_operations() {
    let plan = writing(1000, "1ms");
    let needs = plan.tier(Tier::Database).unwrap().requirement;
    near(needs.network_megabits_per_second, 1000.0 * 1460.0 * 2.0 * 8.0 / 1e6);
    near(needs.volume_operations_per_second, 3400.0);
    assert_eq!(reason(&plan, Tier::Database, "logBytesPerSecond").value, "1460000");
    assert_eq!(reason(&plan, Tier::Database, "replicaCatchUpSeconds").value, "0.9023");
    assert_eq!(severity(&plan, FindingKind::VolumeTooSlow), None);
    assert_eq!(severity(&plan, FindingKind::ReplicasFallBehind), None);
}

#[test]
fn slow_volumes_and_replicas_that_fall_behind_are_told() {
    assert_eq!(severity(&writing(4000, "1ms"), FindingKind::VolumeTooSlow), Some(Severity::Warning));
    let mut named = app("
targets: {peakRequestsPerSecond: 4000}
profile: {preset: Thin, queriesPerRequest: '1', readPercent: 0}
services: [{name: web, image: a}]
database: {storage: {className: fast}}");
    assert_eq!(severity(&planned(&named), FindingKind::VolumeTooSlow), Some(Severity::Info));
    named.spec.targets.peak_requests_per_second = Some(100);
    assert_eq!(severity(&planned(&named), FindingKind::VolumeTooSlow), None);
    assert_eq!(severity(&writing(6000, "1ms"), FindingKind::ReplicasFallBehind), Some(Severity::Warning));
    let never = writing(40_000, "1ms");
    assert_eq!(severity(&never, FindingKind::ReplicasFallBehind), Some(Severity::Error));
    assert_eq!(reason(&never, Tier::Database, "replicaCatchUpSeconds").value, "never");
    let primaries = never.findings.iter().find(|f| f.kind == FindingKind::WritesAboveOnePrimary).unwrap();
    assert!(primaries.message.contains("over 3 or more applications"), "{}", primaries.message);
    let shards = never.ladder.iter().find(|rung| rung.rung == Rung::Shards).unwrap();
    assert!(!shards.on && shards.because.contains("3 primaries"), "{}", shards.because);
}

#[test]
fn large_answers_need_a_faster_network() {
    let serving = |size: &str| {
        planned(&app(&format!(
            "
targets: {{peakRequestsPerSecond: 1000, availabilityPercent: '99.95'}}
profile: {{preset: Thin, responseSize: {size}}}
services: [{{name: web, image: a, paths: [/]}}]"
        )))
    };
    let small = serving("20Ki");
    near(small.tier(Tier::Edge).unwrap().requirement.network_megabits_per_second, 1000.0 * 20480.0 * 8.0 / 1e6);
    assert_eq!(severity(&small, FindingKind::NetworkAboveNode), None);
    assert_eq!(severity(&serving("200Ki"), FindingKind::NetworkAboveNode), Some(Severity::Info));
    let large = serving("2Mi");
    assert_eq!(severity(&large, FindingKind::NetworkAboveNode), Some(Severity::Warning));
    assert_eq!(large.tier(Tier::Edge).unwrap().bottleneck, Bottleneck::Network);
}

/// The product of its parts, each by the binomial distribution, and never above what the zones give.
#[test]
fn a_plan_gives_what_it_promises() {
    for name in ["hello", "shop", "large", "ladder", "external"] {
        let plan = planned(&sample(name));
        let found = &plan.availability;
        let product: f64 = found.parts.iter().map(|part| part.percent / 100.0).product();
        near(found.planned_percent / 100.0, product.min(found.zones_percent / 100.0));
        assert!(found.planned_percent >= found.promised_percent, "{name} {found:?}");
        assert_eq!(severity(&plan, FindingKind::AvailabilityBelowObjective), None);
    }
    let database = planned(&sample("shop")).availability.parts.into_iter().find(|p| p.tier == Tier::Database).unwrap();
    assert_eq!((database.needed, database.members), (2, 3));
    near(database.percent, 99.9988);
}

#[test]
fn a_pin_that_breaks_the_promise_names_the_weakest_tier() {
    let plan = planned(&app("
targets: {dailyActiveUsers: 10000, availabilityPercent: '99.95'}
services: [{name: web, image: a}]
database: {pin: {members: 1}}"));
    let finding = plan.findings.iter().find(|f| f.kind == FindingKind::AvailabilityBelowObjective).unwrap();
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.message.contains("Database database with 1 of 1"), "{}", finding.message);
}

#[test]
fn many_members_are_counted_without_overflow() {
    near(availability::k_of_n(2, 3, 0.998), 0.999_988_016);
    near(availability::k_of_n(3330, 5000, 0.998), 1.0);
    assert!(availability::k_of_n(5000, 5000, 0.998) < 1e-4);
    assert!(availability::k_of_n(3_000_000, 3_000_000, 0.998) < 1e-12);
    near(availability::k_of_n(2_000_000, 3_000_000, 0.998), 1.0);
}
