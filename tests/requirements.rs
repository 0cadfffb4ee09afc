//! What writing costs, what pods send and what the tiers give together: the requirements beside cores and memory.

mod common;

use common::{app, planned, sample, valid};
use scaledapp::domain::{Bytes, Environment};
use scaledapp::planner::{
    Bottleneck, Catalogue, FindingKind, Plan, Reason, Rung, Severity, Tier, TierSettings, availability, plan, redis,
};

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

/// What a loss leaves opens all connections that are wanted, whatever the zones; and a user who waits is no request.
#[test]
fn pods_of_the_pool_that_are_left_open_all_connections() {
    let spec = app("targets: {dailyActiveUsers: 2000000, availabilityPercent: '99.9'}
services: [{name: web, image: a}]
database: {}");
    for (zones, pods, left) in [(1, 3, 2), (2, 4, 2), (3, 3, 2)] {
        let environment = Environment { zones, ..Environment::default() };
        let plan = plan(&valid(&spec), &Catalogue::builtin(), &environment, None);
        let pool = plan.tier(Tier::Pool).unwrap();
        let TierSettings::Pool(settings) = &pool.settings else { panic!() };
        let TierSettings::Database(database) = &plan.tier(Tier::Database).unwrap().settings else { panic!() };
        let cores = database.postgres.cpu.cores();
        assert_eq!(pool.replicas.max, pods, "{zones} zones");
        assert!(f64::from(settings.write_connections * left) > 2.0 * cores, "{zones} zones: {settings:?}");
        let all = (pods + settings.surge) * (settings.write_connections + settings.read_connections);
        assert!(f64::from(database.max_connections) >= 1.1 * f64::from(all), "{zones} zones");
    }
    let sessions = app("targets: {dailyActiveUsers: 100000, availabilityPercent: '99.9'}
services: [{name: web, image: a}]
database: {pooling: Session}");
    let plan = planned(&sessions);
    let pool = plan.tier(Tier::Pool).unwrap();
    let TierSettings::Pool(settings) = &pool.settings else { panic!() };
    let clients = pool.reasons.iter().find(|reason| reason.quantity == "settings.writeConnections").unwrap();
    let wanted: u32 = clients.inputs["wanted"].parse().unwrap();
    assert_eq!((pool.replicas.max, settings.write_connections), (2, wanted), "any pod may have all clients");
}

/// Little's law has the mean time of an answer, not the slowest hundredth's.
#[test]
fn users_at_once_ask_again_after_the_mean_answer() {
    let plan = planned(&app("targets: {peakConcurrentUsers: 1000, secondsBetweenRequests: 1, latency: {p99: 10s}}
profile: {cpuPerRequest: 100ms, serviceTime: {p99: 4600ms}}
services: [{name: web, image: a}]"));
    near(plan.demand.peak_requests_per_second / 500.0, 1.0);
}

/// Pods that keep the latency are more than those without which requests go unanswered.
#[test]
fn a_tier_of_many_pods_keeps_what_single_ones_promise() {
    for (users, availability, zones) in [(1_000_000, "99", 3), (3_000_000, "99", 3), (2_000_000, "99.9", 1)] {
        let spec = app(&format!(
            "targets: {{dailyActiveUsers: {users}, availabilityPercent: '{availability}'}}
services: [{{name: web, image: a}}]"
        ));
        let plan = plan(&valid(&spec), &Catalogue::builtin(), &Environment { zones, ..Environment::default() }, None);
        assert!(plan.tier(Tier::Web).unwrap().replicas.max > 8);
        let found = plan.availability;
        assert!(found.planned_percent >= found.promised_percent, "{users} {zones}: {found:?}");
    }
}

#[test]
fn a_cache_of_large_items_is_bound_by_its_network() {
    let plan = planned(&app("targets: {peakRequestsPerSecond: 2000}
profile: {cpuPerRequest: 2ms, serviceTime: {p99: 20ms}, queriesPerRequest: '0', cacheReadsPerRequest: '10'}
services: [{name: web, image: a}]
database: {}
cache: {itemSize: 100Ki, itemCount: 10000}"));
    let cache = plan.tier(Tier::Cache).unwrap();
    near(cache.requirement.network_megabits_per_second, 2000.0 * 10.0 * 102_400.0 * 8.0 / 1e6);
    assert_eq!(cache.bottleneck, Bottleneck::Network);
    let told = plan.findings.iter().find(|finding| finding.kind == FindingKind::NetworkAboveNode).unwrap();
    assert_eq!(told.field, "spec.cache.itemSize");
}

#[test]
fn redis_leaves_room_for_what_a_full_copy_keeps_twice() {
    let catalogue = Catalogue::builtin();
    let mib = 1024.0 * 1024.0;
    // A value of 2 KiB takes 2,560 bytes of the allocator's; one that is a little above a size, an eighth more.
    near(redis::item(&catalogue, 2048.0), 2560.0 + 150.0);
    near(redis::item(&catalogue, 2553.0), 2559.0 * 1.125 + 150.0);
    // Of little that is written the constant decides, of much the writes do: of each item's 0.18 writes 1 - e^(-0.54) are kept twice.
    near(redis::fill(&catalogue, 0.7, 100.0, 1430.0), 0.7);
    near(redis::fill(&catalogue, 0.7, 12_000.0, 1430.0), 1.0 / (1.0 + 0.4177 + 0.188_64));
    // The smallest keep as much as they hold free; a pin below the smallest size holds a quarter of what is left.
    for (memory, most) in [(64, 10.0), (96, 24.0), (128, 56.0), (1024, 700.0)] {
        near(redis::max_memory(&catalogue, Bytes::mib(memory), 0.7), most * mib);
        near(redis::held(&catalogue, Bytes::mib(memory), 0.7), most * mib * 15.0 / 16.0);
    }
    for bytes in [20.0 * mib, 200.0 * mib, 3e10] {
        near(
            redis::held(&catalogue, Bytes(redis::memory_for(&catalogue, bytes, 0.62).round() as u64), 0.62) / bytes,
            1.0,
        );
    }
    assert_eq!(redis::memory_step(&catalogue, 1.0, 0.75), Bytes::mib(96), "the smallest");
}
