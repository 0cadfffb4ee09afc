//! What holds for every plan, over random specs.

mod common;

use std::fmt::Write;

use proptest::prelude::*;
use scaledapp::api::ScaledApp;
use scaledapp::domain::{Environment, validate};
use scaledapp::planner::{Catalogue, FindingKind, Plan, Tier, plan};
use serde_json::Value;

fn spec() -> impl Strategy<Value = (String, f64)> {
    let targets = (
        0.0..8.5_f64,
        5..=3000_u32,
        prop::sample::select(vec!["90", "99", "99.5", "99.9", "99.95", "99.99"]),
        0..=20_u32,
        0..=24_u32,
    );
    let profile = (
        prop::sample::select(vec!["Thin", "Compiled", "Interpreted", "Heavy"]),
        0..=100_u32,
        0..=100_u32,
        0.0..20.0_f64,
        0..100_000_u32,
    );
    let parts = (1..=3_usize, any::<bool>(), any::<bool>(), any::<bool>(), prop::option::of(1..=3_u32));
    let cached = (
        prop::option::of((1..=99_u32, 0.0..9.0_f64, prop::sample::select(vec!["Even", "Web", "Skewed"]))),
        0..=100_u32,
        0.0..40.0_f64,
        prop::option::of((1..=3600_u32, 0..=86_400_u32)),
    );
    let work = (
        prop::option::of(1..=500_u32),
        prop::option::of((0..=200_u32, 1..=600_000_u32, 1.01..100.0_f64, any::<bool>())),
    );
    (targets, profile, parts, cached, work).prop_map(|((users, p99, availability, growth, months), (preset, reads, statics, queries, bytes), (services, paths, database, round_robin, pin), (cache, cacheable, cache_reads, proxy), (sessions, worker))| {
        let users_count = 10_f64.powf(users).ceil();
        let mut text = format!(
            "targets: {{dailyActiveUsers: {users_count}, latency: {{p99: {p99}ms}}, availabilityPercent: '{availability}', growth: {{percentPerMonth: {growth}, horizonMonths: {months}}}}}\n\
             profile: {{preset: {preset}, readPercent: {reads}, staticPercent: {statics}, queriesPerRequest: '{queries:.2}', bytesWrittenPerUserPerDay: '{bytes}', cacheablePercent: {cacheable}, cacheReadsPerRequest: '{cache_reads:.1}'}}\nservices:\n"
        );
        for index in 0..services {
            let _ = writeln!(text, "- {{name: s{index}, image: a{}{}}}", if paths { format!(", paths: [/{index}]") } else { String::new() }, pin.map(|min| format!(", pin: {{minReplicas: {min}}}")).unwrap_or_default());
        }
        if database {
            text.push_str("database: {}\n");
        }
        if let Some((hit, items, popularity)) = cache {
            let items = 10_f64.powf(items) as u64;
            let _ = writeln!(text, "cache: {{hitPercentTarget: {hit}, itemCount: {items}, popularity: {popularity}}}");
        }
        if let Some(hours) = sessions {
            let _ = writeln!(text, "sessions: {{ttl: {hours}h}}");
        }
        if let Some((jobs, time, factor, autoscaled)) = worker {
            let delay = (f64::from(time) * factor).ceil() as u64;
            let varies = if autoscaled { ", autoscaling: Cpu" } else { "" };
            let _ = writeln!(text, "queue: {{queues: [{{name: q}}]}}\nworkers: [{{name: w, image: a, queue: q, jobsPerThousandRequests: {jobs}, timePerJob: {}s{}ms, maxDelay: {}s{}ms{varies}}}]", time / 1000, time % 1000, delay / 1000 + 1, delay % 1000);
        }
        if let Some((ttl, stale)) = proxy.filter(|_| paths || services == 1) {
            let _ = writeln!(text, "proxy: {{ttl: {ttl}s, staleIfErrorFor: {stale}s}}");
        }
        if paths && round_robin {
            text.push_str("ingress: {loadBalancing: RoundRobin}\n");
        }
        (text, users_count)
    })
}

fn planned(text: &str, users: Option<f64>) -> (ScaledApp, Plan) {
    let mut app = common::app(text);
    if let Some(users) = users {
        app.spec.targets.daily_active_users = Some(users as i64);
    }
    let valid = validate("app", "default", None, &app.spec, &Environment::default()).unwrap();
    let plan = plan(&valid, &Catalogue::builtin(), &Environment::default(), None);
    (app, plan)
}

/// Paths of all numbers and switches below a value that are not zero.
fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| leaves(&format!("{path}.{name}"), child, found)),
        Value::Number(number) if number.as_f64() != Some(0.0) => found.push(path.trim_start_matches('.').to_owned()),
        Value::Bool(_) => found.push(path.trim_start_matches('.').to_owned()),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lints_hold_and_every_number_has_a_reason((text, _) in spec()) {
        let (_, plan) = planned(&text, None);
        prop_assert!(!plan.findings.iter().any(|f| f.kind == FindingKind::PlanInconsistent), "{:?}", plan.findings);
        let numbers = |part: &str| {
            let mut paths = Vec::new();
            leaves(part, &serde_json::to_value(&plan).unwrap()[part], &mut paths);
            paths
        };
        // Without a database nobody asks for what it would be asked.
        let stored = plan.tier(Tier::Database).is_some() || plan.external.iter().any(|external| external.name == "database");
        let derived = |path: &str| {
            let needless = !stored && path.contains(".database");
            needless || plan.demand_reasons.iter().any(|reason| reason.quantity == path)
        };
        for path in numbers("demand") {
            prop_assert!(derived(&path), "{path}");
        }
        // Where nothing grows, the horizon is today but for the rows.
        let grows = plan.demand_at_horizon.peak_requests_per_second > plan.demand.peak_requests_per_second;
        for path in numbers("demandAtHorizon").into_iter().filter(|path| grows || path.ends_with("databaseBytes")) {
            prop_assert!(derived(&path), "{path}");
        }
        for tier in &plan.tiers {
            prop_assert!(tier.replicas.min >= 1 && tier.replicas.min <= tier.replicas.max);
            for part in ["replicas", "perReplica", "requirement", "settings", "monthlyCost"] {
                let mut paths = Vec::new();
                leaves(part, &serde_json::to_value(tier).unwrap()[part], &mut paths);
                for path in paths {
                    prop_assert!(tier.reasons.iter().any(|reason| reason.quantity == path), "{} {path}", tier.tier);
                }
            }
        }
    }

    #[test]
    fn the_same_input_gives_the_same_bytes((text, _) in spec()) {
        let bytes = || serde_json::to_string(&planned(&text, None).1).unwrap();
        prop_assert_eq!(bytes(), bytes());
    }

    #[test]
    fn requirements_rise_with_the_users((text, users) in spec(), factor in 1.0..10.0_f64) {
        let (_, low) = planned(&text, None);
        let (_, high) = planned(&text, Some(users * factor));
        let rungs = |plan: &Plan| plan.ladder.iter().map(|rung| rung.on).collect::<Vec<_>>();
        prop_assume!(rungs(&low) == rungs(&high) && low.tiers.len() == high.tiers.len());
        for (a, b) in low.tiers.iter().zip(&high.tiers) {
            let members = [Tier::Database, Tier::Queue, Tier::Proxy].contains(&a.tier);
            if members && a.replicas != b.replicas {
                continue;
            }
            prop_assert!(a.requirement.cpu_millicores <= b.requirement.cpu_millicores, "{} {}", a.tier, text);
            prop_assert!(a.requirement.staffed_cpu_millicores <= b.requirement.staffed_cpu_millicores, "{} {}", a.tier, text);
            prop_assert!(a.requirement.storage_bytes <= b.requirement.storage_bytes, "{} {}", a.tier, text);
        }
    }

    #[test]
    fn up_and_down_never_shrinks_the_database((text, users) in spec(), factor in 1.0..100.0_f64) {
        let (app, low) = planned(&text, None);
        prop_assume!(low.tier(Tier::Database).is_some());
        let first = common::recorded(&app, &low, None);
        let mut grown = app.clone();
        grown.spec.targets.daily_active_users = Some((users * factor).min(1e10) as i64);
        let high = common::planned_after(&grown, Some(&first));
        let second = common::recorded(&grown, &high, Some(&first));
        let back = common::planned_after(&app, Some(&second));
        let (low, high, back) = (low.tier(Tier::Database).unwrap(), high.tier(Tier::Database).unwrap(), back.tier(Tier::Database).unwrap());
        prop_assert!(high.replicas.max >= low.replicas.max && high.per_replica.storage >= low.per_replica.storage);
        prop_assert!(high.per_replica.cpu >= low.per_replica.cpu && high.per_replica.memory >= low.per_replica.memory);
        prop_assert_eq!((back.replicas, back.per_replica), (high.replicas, high.per_replica));
    }
}
