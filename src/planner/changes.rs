//! Calm sizes: what a recorded plan keeps, what may change at once and what waits for an approval.
//!
//! A stateful tier keeps its size while the requirement lies within 40 to 100 % of it. Only the
//! owner's own change of the spec makes it grow; a catalogue, a release or an environment proposes.
//! Volumes never shrink, and members are never taken away: what one holds alone is not proven to be
//! elsewhere. Nothing here knows demand or queueing.

use serde_json::json;

use super::database::{self, DatabaseNeed, Sizing};
use super::kept::Kept;
use super::packing::{Context, size_text};
use super::plan::{Plan, Replicas, Size, Tier, TierPlan, TierSettings};
use super::pool::{self, PoolPods};
use super::recorded::{RecordedPlan, RecordedTier};
use crate::api::{ChangeClass, DeletionPolicy, ProposedChange, ScaledAppSpec};
use crate::domain::external::reference;
use crate::domain::{Backing, Bytes, EngineImages, Millicores, ValidApp};

/// A recorded database against what a fresh one would be.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    /// What is installed without an approval.
    pub held: Sizing,
    /// What is installed with it.
    pub target: Sizing,
    /// The changes from one to the other.
    pub waiting: Vec<ProposedChange>,
}

/// Whether the owner changed what sizes depend on.
#[must_use]
pub fn owner_changed(app: &ValidApp, previous: &RecordedPlan) -> bool {
    comparable(&app.spec) != comparable(&previous.spec)
}

/// A spec without what lets changes through.
#[must_use]
pub fn comparable(spec: &ScaledAppSpec) -> ScaledAppSpec {
    ScaledAppSpec { changes: None, paused: None, mode: None, ..spec.clone() }
}

/// Holds a fresh sizing against the recorded one.
#[must_use]
pub fn settle(
    ctx: &Context<'_>,
    need: &DatabaseNeed,
    pods: PoolPods,
    fresh: Sizing,
    previous: Option<&RecordedPlan>,
) -> Settled {
    let recorded = previous.and_then(|plan| plan.tier(Tier::Database, "database").map(|tier| (plan, tier)));
    let Some((previous, tier)) = recorded else {
        let present = ctx.app.database.as_ref().map_or(0, |database| database.present);
        let whole = database::sizing(ctx, need, pods, fresh.members.max(present));
        return Settled { held: whole, target: whole, waiting: Vec::new() };
    };
    let installed = installed(ctx, tier);
    let at_once = owner_changed(ctx.app, previous);
    let members = installed.members.max(fresh.members);
    let target = fitted(ctx, need, pods, installed, members);
    let held_members = if at_once { members } else { installed.members };
    let grown = fitted(ctx, need, pods, installed, held_members);
    let held = Sizing {
        members: held_members,
        member: if at_once { largest(installed.member, grown.member) } else { installed.member },
    };
    let reason = if at_once { "sizes shrink only with an approval" } else { "the spec did not ask for it" };
    let waiting = compare(&object(ctx.app, Tier::Database), held, target, reason);
    Settled { held, target, waiting }
}

/// The recorded sizing without the sidecar's part.
fn installed(ctx: &Context<'_>, tier: &RecordedTier) -> Sizing {
    if let Some(settings) = &tier.database {
        return Sizing { members: tier.replicas.max, member: settings.postgres };
    }
    let agent = pool::agent(ctx);
    Sizing {
        members: tier.replicas.max,
        member: Size {
            cpu: Millicores(tier.per_replica.cpu.0.saturating_sub(agent.cpu.0)),
            memory: Bytes(tier.per_replica.memory.0.saturating_sub(agent.memory.0)),
            storage: tier.per_replica.storage,
        },
    }
}

/// The installed size where it fits so many members, else the size that does.
fn fitted(ctx: &Context<'_>, need: &DatabaseNeed, pods: PoolPods, installed: Sizing, members: u32) -> Sizing {
    let fresh = database::sizing(ctx, need, pods, members).member;
    let pin = ctx.app.database.as_ref().map(|d| d.pin.clone()).unwrap_or_default();
    let fits =
        |needed: f64, size: u64| needed <= size as f64 && needed >= size as f64 * ctx.catalogue.utilisation_floor.value;
    let was = installed.member;
    let cpu_needed = database::staffed(ctx, database::busy(ctx, need, members)) * 1000.0;
    let cpu = if pin.cpu.is_none() && fits(cpu_needed, was.cpu.0) { was.cpu } else { fresh.cpu };
    let caps = pool::caps(ctx, pods, database::wanted(ctx, need, cpu, members));
    let memory_needed = database::memory(ctx, need, database::open_connections(pods, caps));
    let memory_fresh = pin.memory.unwrap_or_else(|| database::memory_for(ctx, need, pods, cpu, members));
    let keeps_memory = pin.memory.is_none() && fits(memory_needed, was.memory.0);
    let storage = if need.volume <= was.storage.0 as f64 { was.storage } else { was.storage.max(fresh.storage) };
    let storage = pin.storage.map_or(storage, |pinned| pinned.max(was.storage));
    Sizing { members, member: Size { cpu, memory: if keeps_memory { was.memory } else { memory_fresh }, storage } }
}

/// The larger of each.
#[must_use]
pub(super) fn largest(a: Size, b: Size) -> Size {
    Size { cpu: a.cpu.max(b.cpu), memory: a.memory.max(b.memory), storage: a.storage.max(b.storage) }
}

/// `Database/shop-database`.
#[must_use]
pub fn object(app: &ValidApp, tier: Tier) -> String {
    format!("{tier}/{}-{}", app.name, tier.component())
}

/// The differences of two sizings, each with its class.
#[must_use]
pub(super) fn compare(object: &str, from: Sizing, to: Sizing, why: &str) -> Vec<ProposedChange> {
    let mut changes = Vec::new();
    let mut change = |class, what: String| {
        changes.push(ProposedChange { object: object.to_owned(), class, reason: format!("{what}: {why}.") });
    };
    if from.members != to.members {
        let class = if to.members < from.members { ChangeClass::Shrinking } else { ChangeClass::Growing };
        change(class, format!("Members from {} to {}", from.members, to.members));
    }
    let rolling = |smaller: bool| if smaller { ChangeClass::Shrinking } else { ChangeClass::Rolling };
    let (was, is) = (from.member, to.member);
    if was.cpu != is.cpu {
        change(rolling(is.cpu < was.cpu), format!("CPU of a member from {} to {}", was.cpu, is.cpu));
    }
    if was.memory != is.memory {
        change(
            rolling(is.memory < was.memory),
            format!("Memory of a member from {} to {}", size_text(was.memory), size_text(is.memory)),
        );
    }
    if was.storage < is.storage {
        change(
            ChangeClass::Growing,
            format!("Volume of a member from {} to {}", size_text(was.storage), size_text(is.storage)),
        );
    }
    changes
}

/// Whether a recorded plan has a tier that runs this image; the first four are the operator's own from the start.
fn installed_image(previous: &RecordedPlan, name: &str) -> bool {
    IMAGES_OF_TIERS.iter().all(|(image, _)| *image != name)
        || IMAGES_OF_TIERS
            .iter()
            .any(|(image, tiers)| *image == name && previous.tiers.iter().any(|tier| tiers.contains(&tier.tier)))
}

/// Images that only some tiers run.
pub(super) const IMAGES_OF_TIERS: [(&str, &[Tier]); 3] =
    [("redis", &[Tier::Cache, Tier::Sessions]), ("rabbitmq", &[Tier::Queue]), ("varnish", &[Tier::Proxy])];

/// The recorded images; the offered ones of engines that are not installed yet.
#[must_use]
pub fn held_images(previous: &RecordedPlan, offered: &EngineImages) -> EngineImages {
    let held = |name: &str, was: &String, is: &String| {
        if installed_image(previous, name) { was.clone() } else { is.clone() }
    };
    let recorded = &previous.images;
    EngineImages {
        redis: held("redis", &recorded.redis, &offered.redis),
        rabbitmq: held("rabbitmq", &recorded.rabbitmq, &offered.rabbitmq),
        varnish: held("varnish", &recorded.varnish, &offered.varnish),
        ..recorded.clone()
    }
}

/// Images that differ from the recorded ones restart every engine.
#[must_use]
pub fn image_changes(app: &ValidApp, previous: &RecordedPlan, offered: &EngineImages) -> Vec<ProposedChange> {
    held_images(previous, offered)
        .named()
        .into_iter()
        .zip(offered.named())
        .filter(|((_, was), (_, is))| was != is)
        .map(|((name, was), (_, is))| ProposedChange {
            object: format!("Image/{}-{name}", app.name),
            class: ChangeClass::Rolling,
            reason: shortened(format!(
                "Image of {name} from {was} to {is}: a release never restarts an engine by itself."
            )),
        })
        .collect()
}

/// At most as long as the status holds.
fn shortened(text: String) -> String {
    if text.chars().count() <= 512 { text } else { text.chars().take(511).chain(['…']).collect() }
}

/// The change that removes a tier with data, or leads the application away from it.
#[must_use]
pub(super) fn removal(app: &ValidApp, kept: Kept) -> ProposedChange {
    match kept {
        Kept::Own(tier) => own_removal(app, tier),
        Kept::External(backing) => ProposedChange {
            object: format!("{backing}/{}-{}", app.name, backing.name()),
            class: ChangeClass::Destructive,
            reason: given_way(backing),
        },
    }
}

/// Why nobody is led from an external tier to one of our own unasked.
fn given_way(backing: Backing) -> String {
    let name = backing.name();
    format!(
        "spec.{name} is external no more: the external {name} is used until this is approved; what it holds is not copied."
    )
}

fn own_removal(app: &ValidApp, tier: Tier) -> ProposedChange {
    let volumes = match app.deletion_policy {
        DeletionPolicy::Retain => "its volumes and passwords would stay (deletionPolicy Retain)",
        DeletionPolicy::Delete => "its data would go (deletionPolicy Delete)",
    };
    let name = tier.component();
    let external = match tier {
        Tier::Database => app.externals.has(Backing::Database),
        Tier::Sessions => app.externals.has(Backing::Sessions),
        _ => tier == Tier::Queue && app.externals.has(Backing::Queue),
    };
    let what = if external {
        format!("spec.{name} is external now: our own {name}")
    } else if tier == Tier::Sessions && app.sessions.is_some() {
        "spec.sessions.store is Database now: the session store".to_owned()
    } else {
        format!("spec.{name} was removed: the {name}{}", if tier == Tier::Sessions { " store" } else { "" })
    };
    ProposedChange {
        object: object(app, tier),
        class: ChangeClass::Destructive,
        reason: format!("{what} stays until this is approved, then {volumes}."),
    }
}

/// Eight hex digits over the changes.
#[must_use]
pub fn proposal_hash(changes: &[ProposedChange]) -> String {
    short_hash(&json!(changes))
}

/// Eight hex digits of a SHA-256 over canonical JSON.
#[must_use]
pub fn short_hash(value: &serde_json::Value) -> String {
    use sha2::Digest;
    let digest = sha2::Sha256::digest(value.to_string().as_bytes());
    hex::encode(&digest[..4])
}

/// What a plan changes of what is installed, by class.
#[must_use]
pub fn classify(previous: Option<&RecordedPlan>, plan: &Plan) -> Vec<ProposedChange> {
    let Some(previous) = previous else { return Vec::new() };
    let mut changes = Vec::new();
    let named = |tier: Tier, name: &str| format!("{tier}/{}-{name}", plan.app);
    for tier in &plan.tiers {
        let object = named(tier.tier, &tier.name);
        match previous.tier(tier.tier, &tier.name) {
            None => changes.push(appeared(previous, object, tier)),
            Some(was) if tier.tier.is_stateful() => {
                let from = Sizing { members: was.replicas.max, member: recorded_container(was) };
                let member = match &tier.settings {
                    TierSettings::Database(settings) => settings.postgres,
                    TierSettings::Redis(settings) => settings.redis,
                    _ => tier.per_replica,
                };
                let to = Sizing { members: tier.replicas.max, member };
                changes.extend(compare(&object, from, to, "the plan asks for it"));
            }
            Some(was) => changes.extend(stateless(object, was, tier.replicas, tier.per_replica)),
        }
    }
    for was in previous.tiers.iter().filter(|was| !plan.tiers.iter().any(|t| t.tier == was.tier && t.name == was.name))
    {
        changes.push(ProposedChange {
            object: named(was.tier, &was.name),
            class: if was.tier.is_stateful() { ChangeClass::Destructive } else { ChangeClass::Online },
            reason: "The tier goes: the plan has none.".to_owned(),
        });
    }
    if held_images(previous, &plan.images) != plan.images {
        changes.push(ProposedChange {
            object: format!("Image/{}", plan.app),
            class: ChangeClass::Rolling,
            reason: "The engines' images change: every engine restarts behind a switchover.".to_owned(),
        });
    }
    changes
}

/// A tier that was not there; where an external one was, its data does not come along.
fn appeared(previous: &RecordedPlan, object: String, tier: &TierPlan) -> ProposedChange {
    let was = [(Tier::Database, Backing::Database), (Tier::Sessions, Backing::Sessions), (Tier::Queue, Backing::Queue)]
        .into_iter()
        .find(|(own, backing)| *own == tier.tier && reference(&previous.spec, *backing).is_some());
    let (class, what) = match was {
        Some((_, backing)) => {
            (ChangeClass::Destructive, format!("It takes the place of the external {}", backing.name()))
        }
        None if tier.tier.is_stateful() => (ChangeClass::Growing, "The tier is new".to_owned()),
        None => (ChangeClass::Online, "The tier is new".to_owned()),
    };
    ProposedChange { object, class, reason: format!("{what}, with {}.", pods(tier.replicas)) }
}

/// The recorded size of the engine's own container, where it is known apart from its sidecar's.
#[must_use]
pub(super) fn recorded_container(was: &RecordedTier) -> Size {
    match (&was.database, &was.redis) {
        (Some(settings), _) => settings.postgres,
        (_, Some(settings)) => settings.redis,
        _ => was.per_replica,
    }
}

fn pods(replicas: Replicas) -> String {
    if replicas.min == replicas.max {
        format!("{} pods", replicas.max)
    } else {
        format!("{} to {} pods", replicas.min, replicas.max)
    }
}

/// Pods without data come and go behind their budget: nobody notices.
fn stateless(object: String, was: &RecordedTier, replicas: Replicas, size: Size) -> Vec<ProposedChange> {
    let mut changes = Vec::new();
    if was.replicas != replicas {
        changes.push(ProposedChange {
            object: object.clone(),
            class: ChangeClass::Online,
            reason: format!("From {} to {}.", pods(was.replicas), pods(replicas)),
        });
    }
    if was.per_replica != size {
        let text = |s: Size| format!("{} CPU and {}", s.cpu, size_text(s.memory));
        changes.push(ProposedChange {
            object,
            class: ChangeClass::Online,
            reason: format!("A pod from {} to {}.", text(was.per_replica), text(size)),
        });
    }
    changes
}
