//! Calm sizes of the engines beside the database: the recorded size stands while it fits.
//!
//! The rules are those of `changes`: a stateful tier keeps its size while the requirement lies
//! within 40 to 100 % of it, only the owner's own change lets it grow, what would shrink waits for
//! an approval, volumes never shrink and members are never taken away. A cache holds nothing that
//! is not elsewhere, so the owner's change moves it both ways; nothing else moves it at all.

use super::changes::{self, Settled};
use super::database::Sizing;
use super::packing::Context;
use super::plan::{Size, Tier};
use super::recorded::RecordedPlan;

/// What one member needs, and the size that a fresh one would get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Needs {
    /// Millicores with room.
    pub cpu: f64,
    /// Bytes.
    pub memory: f64,
    /// Bytes.
    pub storage: f64,
    /// Size of a fresh member.
    pub fresh: Size,
    /// Whether the owner fixed the memory.
    pub pinned_memory: bool,
}

/// So many members, or one more where they are even: an even number loses no more of them than the odd one before.
#[must_use]
pub fn quorum(members: u32) -> u32 {
    members | 1
}

/// Holds what is needed against the recorded size; `needs` by the number of members.
#[must_use]
pub fn settle(
    ctx: &Context<'_>,
    tier: Tier,
    members: u32,
    needs: impl Fn(u32) -> Needs,
    previous: Option<&RecordedPlan>,
) -> Settled {
    let recorded = previous.and_then(|plan| plan.tier(tier, tier.component()).map(|was| (plan, was)));
    let Some((previous, was)) = recorded else {
        let whole = Sizing { members, member: needs(members).fresh };
        return Settled { held: whole, target: whole, waiting: Vec::new() };
    };
    let installed = Sizing { members: was.replicas.max, member: changes::recorded_container(was) };
    let owner = changes::owner_changed(ctx.app, previous);
    let most = installed.members.max(members);
    let floor = ctx.catalogue.utilisation_floor.value;
    let target = Sizing { members: most, member: fitted(&needs(most), installed.member, floor) };
    if !tier.is_stateful() {
        let held = if owner { target } else { installed };
        return Settled { held, target: held, waiting: Vec::new() };
    }
    let held = if owner {
        Sizing { members: most, member: changes::largest(installed.member, target.member) }
    } else {
        installed
    };
    let reason = if owner { "sizes shrink only with an approval" } else { "the spec did not ask for it" };
    let waiting = changes::compare(&changes::object(ctx.app, tier), held, target, reason);
    Settled { held, target, waiting }
}

/// The installed size where it fits, else the fresh one.
fn fitted(needs: &Needs, was: Size, floor: f64) -> Size {
    let fits = |needed: f64, size: u64| needed <= size as f64 && needed >= size as f64 * floor;
    let fresh = needs.fresh;
    Size {
        cpu: if fits(needs.cpu, was.cpu.0) { was.cpu } else { fresh.cpu },
        memory: if !needs.pinned_memory && fits(needs.memory, was.memory.0) { was.memory } else { fresh.memory },
        storage: if needs.storage <= was.storage.0 as f64 { was.storage } else { was.storage.max(fresh.storage) },
    }
}
