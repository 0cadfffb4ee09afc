//! The tiers that keep their data in memory: cache, sessions and the caching proxy.

use super::Problem;
use super::checker::Checker;
use crate::api::{Cache, MemberPin, Proxy, ScaledAppSpec, SessionStore, Sessions};
use crate::domain::{Bytes, Millis, ValidCache, ValidMemberPin, ValidProxy, ValidSessions, defaults};

/// The cache.
pub(super) fn cache(check: &mut Checker, declared: &Cache) -> ValidCache {
    let target = check.integer("spec.cache.hitPercentTarget", declared.hit_percent_target, 1..=99);
    ValidCache {
        eviction_policy: declared.eviction_policy.unwrap_or_default(),
        hit_target: defaults::HIT_TARGET.or(target.map(|percent| percent as f64 / 100.0)),
        item_size: defaults::ITEM_SIZE.or(check.bytes(
            "spec.cache.itemSize",
            declared.item_size.as_ref(),
            Bytes(1)..=Bytes::mib(512),
        )),
        item_count: defaults::ITEM_COUNT.or(check.integer(
            "spec.cache.itemCount",
            declared.item_count,
            1..=100_000_000_000,
        )),
        popularity: defaults::POPULARITY.or(declared.popularity),
        pin: pin(check, "spec.cache.pin", declared.pin.as_ref()),
        present: 0,
    }
}

/// The sessions, also those of an earlier spec that are to be kept; `database` tells whether there is one.
pub(super) fn checked_sessions(check: &mut Checker, declared: &Sessions, database: bool) -> ValidSessions {
    let range = Millis::seconds(60)..=Millis::seconds(365 * 86_400);
    let ttl = check.duration("spec.sessions.ttl", declared.ttl.as_ref(), range);
    if let Some(ttl) = ttl.filter(|ttl| !ttl.0.is_multiple_of(1000)) {
        check.report("spec.sessions.ttl", format!("is {ttl}"), "write whole seconds, such as 24h or 90m");
    }
    let store = declared.store.unwrap_or_default();
    if store == SessionStore::Database && !database {
        check.report(
            "spec.sessions.store",
            "is Database, and there is no database",
            "add 'database: {}' or take store Memory",
        );
    }
    if store == SessionStore::Database && declared.pin.is_some() {
        check.report(
            "spec.sessions.pin",
            "sizes the memory store, and store is Database",
            "remove pin, or take store Memory",
        );
    }
    ValidSessions {
        ttl: defaults::SESSION_TTL.or(ttl),
        store,
        pin: pin(check, "spec.sessions.pin", declared.pin.as_ref()),
        present: 0,
    }
}

/// Sessions with their defaults, also those of an earlier spec that are to be kept.
///
/// # Errors
/// What is wrong with them.
pub fn sessions(declared: &Sessions) -> Result<ValidSessions, Vec<Problem>> {
    let mut check = Checker::default();
    let sessions = checked_sessions(&mut check, declared, true);
    check.finish(sessions)
}

fn pin(check: &mut Checker, field: &str, declared: Option<&MemberPin>) -> ValidMemberPin {
    let declared = declared.cloned().unwrap_or_default();
    ValidMemberPin {
        members: members(check, &format!("{field}.members"), declared.members),
        memory: check.bytes(&format!("{field}.memory"), declared.memory.as_ref(), Bytes::mib(64)..=Bytes::gib(4096)),
    }
}

/// One member, or three.
pub(super) fn members(check: &mut Checker, field: &str, declared: Option<i32>) -> Option<u32> {
    let count = declared?;
    if count == 1 || count == 3 {
        return u32::try_from(count).ok();
    }
    check.report(
        field,
        format!("is {count}"),
        "write 1, or 3 so that one may be lost: the other two then agree on who leads",
    );
    None
}

/// The caching proxy.
pub(super) fn proxy(check: &mut Checker, spec: &ScaledAppSpec) -> Option<ValidProxy> {
    let declared: &Proxy = spec.proxy.as_ref()?;
    let routed = spec.services.iter().any(|s| s.paths.as_ref().is_some_and(|paths| !paths.is_empty()));
    if !routed && spec.services.len() > 1 {
        check.report(
            "spec.proxy",
            "has no service behind it",
            "give one of spec.services its paths, for example paths: [/]",
        );
    }
    let year = Millis::seconds(365 * 86_400);
    let pin = declared.pin.clone().unwrap_or_default();
    let replicas = check.integer("spec.proxy.pin.replicas", pin.replicas, 1..=64);
    Some(ValidProxy {
        ttl: defaults::PROXY_TTL.or(check.duration("spec.proxy.ttl", declared.ttl.as_ref(), Millis::seconds(1)..=year)),
        stale_if_error_for: defaults::STALE_IF_ERROR.or(check.duration(
            "spec.proxy.staleIfErrorFor",
            declared.stale_if_error_for.as_ref(),
            Millis(0)..=year,
        )),
        pinned_replicas: replicas.map(|count| count as u32),
        pinned_memory: check.bytes("spec.proxy.pin.memory", pin.memory.as_ref(), Bytes::mib(192)..=Bytes::gib(4096)),
    })
}
