//! The application's own containers: services and migrations.

use std::collections::BTreeSet;

use super::checker::{Checker, is_name};
use super::container::{Declared, container, within_pin};
use crate::api::{Health, ScaledAppSpec, Service, ServicePin};
use crate::domain::{Bytes, Millis, ValidContainer, ValidMigration, ValidService, ValidServicePin, defaults};

const TIER_WORDS: [&str; 13] = [
    "edge", "pool", "database", "direct", "cache", "sessions", "queue", "proxy", "worker", "migrate", "plan", "config",
    "cron",
];

/// Endings of the names of objects, by tier.
const OBJECT_ENDINGS: [(&str, &[&str]); 7] = [
    ("edge", &["members"]),
    ("database", &["members", "auth"]),
    ("pool", &["direct", "auth"]),
    ("cache", &["members", "auth", "config", "router"]),
    ("sessions", &["members", "auth", "config", "router"]),
    ("queue", &["members", "auth", "config", "router"]),
    ("proxy", &["members", "auth", "config"]),
];

/// Whether an object of a tier has this name behind the application's.
fn names_an_object(name: &str) -> bool {
    let ordinal = |ending: &str| !ending.is_empty() && ending.bytes().all(|b| b.is_ascii_digit());
    name.starts_with("worker-")
        || OBJECT_ENDINGS.iter().any(|(tier, endings)| {
            let ending = name.strip_prefix(tier).and_then(|rest| rest.strip_prefix('-'));
            ending.is_some_and(|ending| endings.contains(&ending) || ordinal(ending))
        })
}

/// The services, with their parts of the load.
pub(super) fn services(check: &mut Checker, spec: &ScaledAppSpec) -> Vec<ValidService> {
    let declared = &spec.services;
    if declared.is_empty() {
        check.report("spec.services", "is empty", "write at least one service with name and image");
    }
    check.length("spec.services", declared.len(), 16);
    check.distinct("spec.services", declared.iter().map(|s| s.name.as_str()));
    let shares = shares(check, declared);
    shared_paths(check, declared);
    let only = declared.len() == 1;
    declared
        .iter()
        .zip(shares)
        .enumerate()
        .map(|(index, (s, share))| service(check, spec, index, s, share, only))
        .collect()
}

fn service(
    check: &mut Checker,
    spec: &ScaledAppSpec,
    index: usize,
    s: &Service,
    share: f64,
    only: bool,
) -> ValidService {
    let field = format!("spec.services[{index}]");
    if !is_name(&s.name, 20) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}", s.name),
            "start with a letter, use lower-case letters, digits and '-' only, and at most 20 characters",
        );
    }
    if TIER_WORDS.contains(&s.name.as_str()) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}, which names a tier", s.name),
            "choose another name, for example web",
        );
    }
    if names_an_object(&s.name) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}, as an object of a tier is called", s.name),
            "choose another name, for example web",
        );
    }
    if let Some(other) = s.name.strip_suffix("-pods").filter(|name| spec.services.iter().any(|s| s.name == *name)) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}, as the Service is called by which the pods of service {other:?} are found", s.name),
            "choose another name",
        );
    }
    let container = container(check, spec, &field, &Declared::from(s));
    let pin = pin(check, &format!("{field}.pin"), s.pin.as_ref());
    within_pin(check, &field, &container, pin.memory);
    let port = check.integer(&format!("{field}.port"), s.port, 1..=65_535);
    ValidService {
        name: s.name.clone(),
        container,
        port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(defaults::PORT),
        paths: paths(check, &field, s, only),
        request_share: share,
        health: health(check, &field, s.health.as_ref()),
        pin,
    }
}

fn paths(check: &mut Checker, field: &str, s: &Service, only: bool) -> Vec<String> {
    let mut paths = s.paths.clone().unwrap_or_default();
    check.length(&format!("{field}.paths"), paths.len(), 16);
    for path in &paths {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
        if !path.starts_with('/') || path.len() > 256 || !path.chars().all(plain) {
            check.report(
                format!("{field}.paths"),
                format!("has {path:?}"),
                "write path prefixes that begin with '/', of letters, digits and -._~/ only",
            );
        }
    }
    if paths.is_empty() && only {
        paths.push("/".to_owned());
    }
    let mut paths: Vec<String> = paths.iter().map(|path| plain(path).to_owned()).collect();
    paths.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    paths
}

/// A path without the slash at its end, which says nothing.
fn plain(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" if path.starts_with('/') => "/",
        trimmed => trimmed,
    }
}

/// One path leads to one service, or to several that have all their paths in common and say how the requests are split.
fn shared_paths(check: &mut Checker, declared: &[Service]) {
    let paths: Vec<Vec<&str>> =
        declared.iter().map(|service| service.paths.iter().flatten().map(|path| plain(path)).collect()).collect();
    let sets: Vec<BTreeSet<&str>> = paths.iter().map(|paths| paths.iter().copied().collect()).collect();
    for (index, (service, set)) in declared.iter().zip(&sets).enumerate() {
        let field = format!("spec.services[{index}].paths");
        if set.len() < paths[index].len() {
            check.report(&field, "has a path twice", "give each path once");
        }
        for (other, others) in declared.iter().zip(&sets).take(index) {
            let Some(path) = set.intersection(others).next() else { continue };
            if set != others || service.request_percent.is_none() || other.request_percent.is_none() {
                check.report(
                    &field,
                    format!("has {path:?}, which service {:?} has as well", other.name),
                    "give each path to one service; or, to split its requests, give both services the same paths and each a requestPercent",
                );
            } else if service.request_percent == Some(0) && other.request_percent == Some(0) {
                check.report(
                    &field,
                    format!("are those of service {:?}, and both have a requestPercent of 0", other.name),
                    "give one of them a requestPercent above 0",
                );
            }
        }
    }
}

/// Each service's part of the dynamic requests.
fn shares(check: &mut Checker, declared: &[Service]) -> Vec<f64> {
    let percents: Vec<Option<u64>> = declared
        .iter()
        .enumerate()
        .map(|(i, s)| check.integer(&format!("spec.services[{i}].requestPercent"), s.request_percent, 0..=100))
        .collect();
    let sum: u64 = percents.iter().flatten().sum();
    let open = declared.iter().filter(|s| s.request_percent.is_none()).count();
    if sum > 100 {
        check.report(
            "spec.services",
            format!("have requestPercent values that add up to {sum}"),
            "let them add up to 100 at most",
        );
    } else if sum < 100 && open == 0 && !declared.is_empty() {
        check.report(
            "spec.services",
            format!("have requestPercent values that add up to {sum}"),
            "let them add up to 100, or leave one of them out so that it takes the rest",
        );
    }
    let rest = 100_u64.saturating_sub(sum) as f64 / 100.0 / open.max(1) as f64;
    percents.iter().map(|percent| percent.map_or(rest, |p| p as f64 / 100.0)).collect()
}

fn health(check: &mut Checker, field: &str, declared: Option<&Health>) -> Health {
    let health = declared.cloned().unwrap_or_default();
    let paths = [
        ("readinessPath", &health.readiness_path),
        ("livenessPath", &health.liveness_path),
        ("startupPath", &health.startup_path),
    ];
    for (name, path) in paths {
        if let Some(path) = path.as_deref().filter(|path| !path.starts_with('/') || path.len() > 256) {
            check.report(
                format!("{field}.health.{name}"),
                format!("is {path:?}"),
                "write a path that begins with '/', such as /healthz",
            );
        }
    }
    health
}

fn pin(check: &mut Checker, field: &str, declared: Option<&ServicePin>) -> ValidServicePin {
    let declared = declared.cloned().unwrap_or_default();
    let fewest = check.integer(&format!("{field}.minReplicas"), declared.min_replicas, 1..=5000);
    let most = check.integer(&format!("{field}.maxReplicas"), declared.max_replicas, 1..=5000);
    if let (Some(fewest), Some(most)) = (fewest, most)
        && fewest > most
    {
        check.report(
            field,
            format!("has minReplicas {fewest} above maxReplicas {most}"),
            "swap them or raise maxReplicas",
        );
    }
    ValidServicePin {
        min_replicas: fewest.map(|count| count as u32),
        max_replicas: most.map(|count| count as u32),
        cpu: check.cpu(&format!("{field}.cpu"), declared.cpu.as_ref()),
        memory: check.bytes(&format!("{field}.memory"), declared.memory.as_ref(), Bytes::mib(8)..=Bytes::gib(1024)),
    }
}

/// The migrations; what they do not say themselves is as in the first service.
pub(super) fn migrations(check: &mut Checker, spec: &ScaledAppSpec, services: &[ValidService]) -> Vec<ValidMigration> {
    let declared = spec.migrations.as_deref().unwrap_or_default();
    check.length("spec.migrations", declared.len(), 8);
    if !declared.is_empty() && spec.database.is_none() {
        check.report(
            "spec.migrations",
            "needs spec.database, since there is nothing to migrate without one",
            "add 'database: {}' or remove migrations",
        );
    }
    check.distinct("spec.migrations", declared.iter().map(|m| m.name.as_str()));
    let first = services.first().map(|service| service.container.clone()).unwrap_or_default();
    let mut valid = Vec::new();
    for (index, migration) in declared.iter().enumerate() {
        let field = format!("spec.migrations[{index}]");
        if !is_name(&migration.name, 15) {
            check.report(
                format!("{field}.name"),
                format!("is {:?}", migration.name),
                "start with a letter, use lower-case letters, digits and '-' only, and at most 15 characters",
            );
        }
        let own = container(check, spec, &field, &Declared::from(migration));
        let image = migration.image.as_ref().map_or_else(|| first.image.clone(), |_| own.image);
        let range = Millis::seconds(1)..=Millis::seconds(86_400);
        valid.push(ValidMigration {
            name: migration.name.clone(),
            container: ValidContainer {
                image,
                command: own.command,
                args: own.args,
                env: own.env,
                env_from: own.env_from,
                ..first.clone()
            },
            timeout: check
                .duration(&format!("{field}.timeout"), migration.timeout.as_ref(), range)
                .unwrap_or(defaults::MIGRATION_TIMEOUT),
        });
    }
    valid
}
