//! Tiers that somebody else runs: the provider with exactly its member, and nothing that would shape what is not ours.

use strum::IntoEnumIterator;

use super::checker::{Checker, is_subdomain};
use super::memory;
use crate::api::{Database, DatabaseProvider, External, Provider, Queue, ScaledAppSpec};
use crate::domain::external::{Backing, ValidExternals, reference};

/// Endings of the names of Secrets that the operator makes for a tier.
const OURS: [&str; 3] = ["", "-auth", "-config"];

/// The external tiers.
pub(super) fn externals(check: &mut Checker, spec: &ScaledAppSpec, app: &str) -> ValidExternals {
    pairs(check, spec);
    let mut found = ValidExternals::default();
    for backing in Backing::iter() {
        if let Some(external) = reference(spec, backing) {
            secret(check, backing, external, app);
            found.secrets.insert(backing, external.secret_ref.name.clone());
        }
    }
    shapes(check, spec, &found);
    found.cache = spec.cache.as_ref().filter(|_| found.has(Backing::Cache)).map(|cache| memory::cache(check, cache));
    let sessions = spec.sessions.as_ref().filter(|_| found.has(Backing::Sessions));
    // Whether there is a database matters to sessions of our own only.
    found.session_ttl = sessions.map(|sessions| memory::checked_sessions(check, sessions, true).ttl);
    found
}

/// The provider and its member, which come together.
fn pairs(check: &mut Checker, spec: &ScaledAppSpec) {
    let external = |provider: Option<Provider>| provider == Some(Provider::External);
    if let Some(Database { provider, external, .. }) = &spec.database {
        if *provider == Some(DatabaseProvider::CloudNativePg) {
            check.report(
                "spec.database.provider",
                "is CloudNativePG, which is reserved and not offered by this version",
                "take BuiltIn or External",
            );
        }
        pair(check, "database", *provider == Some(DatabaseProvider::External), external.is_some());
    }
    if let Some(cache) = &spec.cache {
        pair(check, "cache", external(cache.provider), cache.external.is_some());
    }
    if let Some(sessions) = &spec.sessions {
        pair(check, "sessions", external(sessions.provider), sessions.external.is_some());
    }
    if let Some(queue) = &spec.queue {
        pair(check, "queue", external(queue.provider), queue.external.is_some());
    }
}

fn pair(check: &mut Checker, tier: &str, declared: bool, member: bool) {
    if declared && !member {
        check.report(
            format!("spec.{tier}.provider"),
            "is External, and nothing says where that is",
            format!("add 'external: {{secretRef: {{name: my-{tier}}}}}', or remove provider"),
        );
    }
    if member && !declared {
        check.report(
            format!("spec.{tier}.external"),
            "belongs to provider External, and the provider is another one",
            "write 'provider: External', or remove external",
        );
    }
}

fn secret(check: &mut Checker, backing: Backing, external: &External, app: &str) {
    let (field, name) = (format!("spec.{}.external.secretRef.name", backing.name()), &external.secret_ref.name);
    if !is_subdomain(name) {
        check.report(field, format!("is {name:?}"), "write the name of a Secret in the application's namespace");
        return;
    }
    let tier = name.strip_prefix(app).and_then(|rest| rest.strip_prefix('-'));
    let ours = ["database", "pool", "cache", "sessions", "queue", "proxy"]
        .iter()
        .any(|known| tier.and_then(|tier| tier.strip_prefix(known)).is_some_and(|ending| OURS.contains(&ending)));
    if ours {
        check.report(
            field,
            format!("is {name:?}, a Secret that the operator makes for its own tier"),
            "write the name of a Secret of yours",
        );
    }
}

/// What sizes or shapes a tier of our own has no effect on another's.
fn shapes(check: &mut Checker, spec: &ScaledAppSpec, found: &ValidExternals) {
    let mut refuse = |tier: &str, field: &str, is_set: bool| {
        if is_set {
            check.report(
                format!("spec.{tier}.{field}"),
                "shapes a tier that the operator runs, and this one is external",
                "remove it",
            );
        }
    };
    if let Some(database) = spec.database.as_ref().filter(|_| found.has(Backing::Database)) {
        refuse("database", "version", database.version.is_some());
        refuse("database", "durability", database.durability.is_some());
        refuse("database", "pooling", database.pooling.is_some());
        refuse("database", "reads", database.reads.is_some());
        refuse("database", "storage", database.storage.is_some());
        refuse("database", "pin", database.pin.is_some());
    }
    if let Some(cache) = spec.cache.as_ref().filter(|_| found.has(Backing::Cache)) {
        refuse("cache", "evictionPolicy", cache.eviction_policy.is_some());
        refuse("cache", "pin", cache.pin.is_some());
    }
    if let Some(sessions) = spec.sessions.as_ref().filter(|_| found.has(Backing::Sessions)) {
        refuse("sessions", "store", sessions.store.is_some());
        refuse("sessions", "pin", sessions.pin.is_some());
    }
    if let Some(queue) = spec.queue.as_ref().filter(|_| found.has(Backing::Queue)) {
        refuse("queue", "pin", queue.pin.is_some());
        queues(queue, &mut refuse);
    }
}

fn queues(queue: &Queue, refuse: &mut impl FnMut(&str, &str, bool)) {
    for (index, declared) in queue.queues.iter().flatten().enumerate() {
        refuse("queue", &format!("queues[{index}].deliveryLimit"), declared.delivery_limit.is_some());
        refuse("queue", &format!("queues[{index}].maxLength"), declared.max_length.is_some());
        refuse("queue", &format!("queues[{index}].deadLetter"), declared.dead_letter.is_some());
    }
}

/// External tiers of an earlier spec that are to be kept.
#[must_use]
pub fn resolve(spec: &ScaledAppSpec) -> ValidExternals {
    externals(&mut Checker::default(), spec, "")
}
