//! The session store: how many sessions live at a time, and what each request does with one.

use super::Finding;
use super::demand::{self, STATEFUL_MONTHS};
use super::model::Catalogue;
use super::packing::{Context, size_text};
use super::plan::{FindingKind, Severity, Tier};
use super::redis::{self, Store};
use crate::domain::{Bytes, Millis, ValidApp, ValidSessions};

/// Sessions that live at the same time after so many months.
#[must_use]
pub fn live(app: &ValidApp, catalogue: &Catalogue, ttl: Millis, months: u64) -> f64 {
    let days = ttl.as_seconds() / 86_400.0;
    // Within a day, those who come at its peak; over days the same users come back.
    let share = if days < 1.0 {
        (days * app.targets.peak_to_average.value).min(1.0)
    } else {
        days.min(catalogue.monthly_users.value)
    };
    (demand::daily_users(app, catalogue) * demand::growth_factor(app, months) * share).max(1.0)
}

/// The session store, ready to be packed.
#[must_use]
pub fn store<'a>(ctx: &Context<'_>, sessions: &'a ValidSessions) -> Store<'a> {
    let catalogue = ctx.catalogue;
    let items = live(ctx.app, catalogue, sessions.ttl.value, STATEFUL_MONTHS);
    let each = redis::item(catalogue, catalogue.session_bytes.value);
    let operations = ctx.demands.soon.computed * catalogue.session_operations.value;
    // Of two operations one reads the session and one prolongs it.
    let writes = operations / 2.0;
    let fill = redis::fill(catalogue, catalogue.sessions_fill.value, writes, each);
    Store {
        tier: Tier::Sessions,
        pin: &sessions.pin,
        items,
        each,
        memory: sessions.pin.memory.unwrap_or_else(|| redis::memory_step(catalogue, items * each, fill)),
        operations,
        writes,
        fill,
        policy: "noeviction",
        persistent: true,
        present: sessions.present,
    }
}

/// What the owner should know of the sessions.
pub fn check(ctx: &Context<'_>, sessions: &ValidSessions, findings: &mut Vec<Finding>) {
    let store = store(ctx, sessions);
    let needed = store.needs(ctx).memory;
    let most = redis::room(ctx.catalogue, ctx.largest);
    if sessions.pin.memory.is_none() && store.memory > most {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::PodAboveLargestNode,
            "spec.sessions.ttl",
            format!(
                "{:.0} sessions live at a time and need {} of memory in one server, and the largest pod has {}: shorten spec.sessions.ttl, take store Database, or offer larger nodes (environment.largestPod).",
                store.items,
                size_text(store.memory),
                size_text(most)
            ),
        ));
    }
    if let Some(memory) = sessions.pin.memory.filter(|memory| needed > memory.0 as f64) {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::PinBelowRequirement,
            "spec.sessions.pin.memory",
            format!(
                "The session store is pinned to {} a member, but {:.0} live sessions need {}: raise pin.memory or shorten spec.sessions.ttl.",
                size_text(memory),
                store.items,
                size_text(Bytes(needed.ceil() as u64))
            ),
        ));
    }
}
