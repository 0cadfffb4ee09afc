//! What stands around the parts: name, environment, changes, pull secrets.

use jiff::tz::TimeZoneDatabase;

use super::checker::{Checker, is_label, is_name, is_subdomain};
use crate::api::{Changes, LocalObjectName, Window};
use crate::domain::{AppName, Environment, Millis, ValidChanges};

/// The application's name and namespace.
pub(super) fn name(check: &mut Checker, name: &str, namespace: &str) -> AppName {
    if !is_name(name, AppName::MAX_LENGTH) {
        check.report(
            "metadata.name",
            format!("is {name:?}"),
            format!("start with a letter, use lower-case letters, digits and '-' only, and at most {} characters, since it begins the name of every object", AppName::MAX_LENGTH),
        );
    }
    if !is_label(namespace, 63) {
        check.report("metadata.namespace", format!("is {namespace:?}"), "write the name of a namespace");
    }
    AppName(name.to_owned())
}

/// The operator's own configuration.
pub(super) fn environment(check: &mut Checker, environment: &Environment) {
    if environment.zones == 0 {
        check.report("environment.zones", "is 0", "write the number of zones of the cluster, at least 1");
    }
    if !(1..=100).contains(&environment.request_percent) {
        check.report(
            "environment.requestPercent",
            format!("is {}", environment.request_percent),
            "write a number from 1 to 100",
        );
    }
    match environment.largest_pod.size() {
        Some((cpu, memory)) if cpu.0 >= 100 && memory.0 >= crate::domain::Bytes::mib(64).0 => {}
        _ => check.report(
            "environment.largestPod",
            format!("is {} CPU and {} memory", environment.largest_pod.cpu.0, environment.largest_pod.memory.0),
            "write what the largest node can give to one pod, such as {cpu: \"16\", memory: 64Gi}",
        ),
    }
}

/// How changes are let through.
pub(super) fn changes(check: &mut Checker, declared: Option<&Changes>) -> ValidChanges {
    let declared = declared.cloned().unwrap_or_default();
    let approved = declared.approved.filter(|hash| !hash.is_empty());
    if let Some(hash) = &approved
        && (hash.len() > 64 || !hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
    {
        check.report("spec.changes.approved", format!("is {hash:?}"), "copy the hash from status.proposed.hash");
    }
    if let Some(window) = &declared.window {
        check_window(check, window);
    }
    ValidChanges { policy: declared.policy.unwrap_or_default(), approved, window: declared.window }
}

fn check_window(check: &mut Checker, window: &Window) {
    if let Some(days) = &window.days {
        if days.is_empty() {
            check.report(
                "spec.changes.window.days",
                "is empty",
                "name at least one day, or leave it out for every day",
            );
        }
        let names: Vec<String> = days.iter().map(ToString::to_string).collect();
        check.distinct("spec.changes.window.days", names.iter().map(String::as_str));
    }
    let clock = window.start.split_once(':').filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2);
    let valid = clock.and_then(|(hours, minutes)| Some((hours.parse::<u8>().ok()?, minutes.parse::<u8>().ok()?)));
    if !valid.is_some_and(|(hours, minutes)| hours < 24 && minutes < 60) {
        check.report(
            "spec.changes.window.start",
            format!("is {:?}", window.start),
            "write the time as HH:MM, such as \"02:00\"",
        );
    }
    check.duration(
        "spec.changes.window.duration",
        Some(&window.duration),
        Millis::seconds(60)..=Millis::seconds(7 * 86_400),
    );
    if let Some(zone) = &window.time_zone
        && TimeZoneDatabase::bundled().get(zone).is_err()
    {
        check.report(
            "spec.changes.window.timeZone",
            format!("is {zone:?}, which is no known time zone"),
            "write an IANA name such as Europe/Vienna or Etc/UTC",
        );
    }
}

/// Secrets with which images are pulled.
pub(super) fn pull_secrets(check: &mut Checker, declared: &[LocalObjectName]) -> Vec<String> {
    check.length("spec.imagePullSecrets", declared.len(), 8);
    for (index, secret) in declared.iter().enumerate() {
        if !is_subdomain(&secret.name) {
            check.report(
                format!("spec.imagePullSecrets[{index}].name"),
                format!("is {:?}", secret.name),
                "write the name of a Secret in the application's namespace",
            );
        }
    }
    check.distinct("spec.imagePullSecrets", declared.iter().map(|s| s.name.as_str()));
    declared.iter().map(|secret| secret.name.clone()).collect()
}
