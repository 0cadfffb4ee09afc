//! The engines beside the database, planned together: cache, sessions and queue.
//!
//! Only puts them in order and holds them against what is recorded; each is sized in its own file.

use super::changes::Settled;
use super::database::{DatabaseNeed, Sizing};
use super::packing::Context;
use super::plan::{Finding, Tier, TierPlan};
use super::recorded::RecordedPlan;
use super::redis::Store;
use super::{cache, findings, queue, redis, sessions};
use crate::api::{ProposedChange, SessionStore};

/// The planned engines, and what of them waits for an approval.
pub(super) struct Engines {
    pub tiers: Vec<TierPlan>,
    pub waiting: Vec<ProposedChange>,
}

/// From what they are planned.
pub(super) struct Around<'a> {
    /// Services and workers, which are their clients.
    pub users: &'a [&'a TierPlan],
    /// Need and plan of the database, where there is one.
    pub data: Option<(&'a DatabaseNeed, &'a TierPlan)>,
    pub previous: Option<&'a RecordedPlan>,
    /// Whether what waits was approved.
    pub through: bool,
}

impl Engines {
    pub fn plan(ctx: &Context<'_>, around: &Around<'_>, found: &mut Vec<Finding>) -> Self {
        let mut engines = Self { tiers: Vec::new(), waiting: Vec::new() };
        if let (Some(declared), Some(fit)) = (&ctx.app.cache, ctx.cached) {
            let tier = engines.store(ctx, &cache::store(ctx, declared, fit), around, found);
            cache::check(ctx, declared, fit, &tier, around.data, found);
            engines.tiers.push(tier);
        }
        if let Some(declared) = ctx.app.sessions.as_ref().filter(|s| s.store == SessionStore::Memory) {
            let tier = engines.store(ctx, &sessions::store(ctx, declared), around, found);
            sessions::check(ctx, declared, found);
            engines.tiers.push(tier);
        }
        if let Some(declared) = &ctx.app.queue {
            let sizing = engines.sizing(queue::settle(ctx, declared, around.previous), around.through);
            let tier = queue::plan(ctx, declared, sizing, around.users);
            findings::engine(ctx, &tier, declared.pinned_members, queue::asked(ctx, declared), found);
            queue::check(ctx, declared, &tier, found);
            engines.tiers.push(tier);
        }
        engines
    }

    /// The sizing that is installed; what it does not have waits.
    fn sizing(&mut self, settled: Settled, through: bool) -> Sizing {
        if through {
            return settled.target;
        }
        self.waiting.extend(settled.waiting);
        settled.held
    }

    fn store(
        &mut self,
        ctx: &Context<'_>,
        store: &Store<'_>,
        around: &Around<'_>,
        found: &mut Vec<Finding>,
    ) -> TierPlan {
        let sizing = self.sizing(store.settle(ctx, around.previous), around.through);
        let recorded = around.previous.and_then(|plan| plan.tier(store.tier, store.tier.component()));
        let tier = redis::plan(ctx, store, sizing, around.users, recorded);
        findings::engine(ctx, &tier, store.pin.members, store.asked(ctx), found);
        tier
    }

    /// A planned engine.
    pub fn get(&self, tier: Tier) -> Option<&TierPlan> {
        self.tiers.iter().find(|planned| planned.tier == tier)
    }
}
