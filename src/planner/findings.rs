//! Findings about the whole application: promises that cannot be kept, and what the owner should know.

use super::availability::{Objective, zone_cap};
use super::demand;
use super::ladder::percent;
use super::packing::{Context, figure, size_text};
use super::plan::{Finding, FindingKind, Severity, Tier, TierPlan, TierSettings};
use crate::api::Durability;
use crate::domain::{Bytes, Millicores, Millis, Origin, Sourced, defaults};

/// What is impossible or noteworthy before any tier is planned.
pub fn promises(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    let (targets, profile) = (&ctx.app.targets, &ctx.app.profile);
    let (p99, computes) = (targets.latency_p99.value, Millis(profile.cpu_ms_per_request.value.ceil() as u64));
    let own = profile.service_time_p99.value.max(computes);
    if p99 <= own {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::LatencyBelowServiceTime,
            "spec.targets.latency.p99",
            format!("A p99 of {p99} is promised, but a request alone takes {own} at p99 without any load ({}): promise more than {own}, or make the service faster and declare spec.profile.serviceTime.p99.", profile.service_time_p99.source()),
        ));
    }
    let Objective { objective, .. } = ctx.objective;
    let cap = zone_cap(ctx.catalogue, ctx.environment.zones, ctx.app.database.is_some());
    if objective > cap.value {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::AvailabilityAboveZones,
            "spec.targets.availabilityPercent",
            format!(
                "{} % are promised, but {} of one region give {} % at most: promise at most {}{}.",
                percent(objective),
                zones(ctx.environment.zones),
                percent(cap.value),
                percent(cap.value),
                if ctx.environment.zones < 3 { ", or run over three zones" } else { "" }
            ),
        ));
    }
    if ctx.environment.request_percent < 100 {
        findings.push(Finding::new(
            Severity::Info,
            FindingKind::Overcommitted,
            "environment.requestPercent",
            format!("Pods ask for {} % of the planned CPU and memory: the plan is true, but its promise cannot be proven on this cluster.", ctx.environment.request_percent),
        ));
    }
}

/// Labels that one node, or the nodes of one zone, bear alone.
const PLACES: [(&str, &str); 2] = [("kubernetes.io/hostname", "node"), ("topology.kubernetes.io/zone", "zone")];

/// Pods that are to survive a node or a zone, and may run only there.
pub fn placement(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    if !ctx.objective.replicated {
        return;
    }
    let services = ctx.app.services.iter().map(|service| ("services", "Service", &service.name, &service.container));
    let workers = ctx.app.workers.iter().map(|worker| ("workers", "Worker", &worker.name, &worker.container));
    for (list, what, name, container) in services.chain(workers) {
        let selector = container.placement.node_selector.as_ref();
        let Some((label, place)) = PLACES.iter().find(|(label, _)| selector.is_some_and(|s| s.contains_key(*label)))
        else {
            continue;
        };
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::PlacedTogether,
            format!("spec.{list}[{name}].placement.nodeSelector"),
            format!("{what} {name} runs in one {place} alone ({label}), and {} % are promised through the loss of any: select nodes by another label, or lower spec.targets.availabilityPercent.", percent(ctx.objective.objective)),
        ));
    }
}

fn zones(count: u32) -> String {
    if count == 1 { "one zone".to_owned() } else { format!("{count} zones") }
}

/// What follows from the members of the database.
pub fn members(ctx: &Context<'_>, database: &TierPlan, findings: &mut Vec<Finding>) {
    let TierSettings::Database(_) = &database.settings else { return };
    let Some(declared) = &ctx.app.database else { return };
    let count = database.replicas.max;
    if count < 3 && declared.durability == Durability::Synchronous {
        let pinned = declared.pin.members == Some(1) && ctx.objective.replicated;
        findings.push(Finding::new(
            if pinned { Severity::Warning } else { Severity::Info },
            FindingKind::OneCopy,
            if pinned { "spec.database.pin.members" } else { "spec.targets.availabilityPercent" },
            format!("There is one copy of the data: a lost volume loses it, and a lost node stops writes until it is back. {} asks for no more; from {} % on, or with spec.database.pin.members: 3, there are three.", if pinned { "The pin" } else { "The objective" }, percent(first_replicated(ctx))),
        ));
    }
    if count < 3 && declared.pin.members.is_some() && ctx.objective.replicated {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::PinBelowRequirement,
            "spec.database.pin.members",
            format!("The database is pinned to {count} member, but {} % need three: raise pin.members to 3 or lower spec.targets.availabilityPercent.", percent(ctx.objective.objective)),
        ));
    }
    if count >= 3 && ctx.environment.zones < 3 {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::MembersAboveZones,
            "environment.zones",
            format!(
                "{count} members share {}: the loss of a zone may take most of them, and writes wait until it is back.",
                zones(ctx.environment.zones)
            ),
        ));
    }
}

/// Members that stay though the spec asks for fewer.
pub fn kept_members(ctx: &Context<'_>, asked: u32, database: &TierPlan, findings: &mut Vec<Finding>) {
    let count = database.replicas.max;
    if count <= asked {
        return;
    }
    let pinned = ctx.app.database.as_ref().is_some_and(|declared| declared.pin.members.is_some());
    let (severity, field) =
        if pinned { (Severity::Warning, "spec.database.pin.members") } else { (Severity::Info, "spec.targets") };
    findings.push(Finding::new(
        severity,
        FindingKind::MembersKept,
        field,
        format!("The database keeps its {count} members, though {field} asks for {asked}: this version does not take members away, with or without an approval."),
    ));
}

/// What follows from the members of an engine beside the database; `asked` is what the spec asks for.
pub fn engine(ctx: &Context<'_>, tier: &TierPlan, pinned: Option<u32>, asked: u32, findings: &mut Vec<Finding>) {
    let (count, name) = (tier.replicas.max, tier.name.as_str());
    let pin = format!("spec.{name}.pin.members");
    if count == 1 && tier.tier.is_stateful() {
        let held = if tier.tier == Tier::Queue { "messages" } else { "sessions" };
        let warned = pinned == Some(1) && ctx.objective.replicated;
        findings.push(Finding::new(
            if warned { Severity::Warning } else { Severity::Info },
            FindingKind::OneCopy,
            if warned { pin.clone() } else { "spec.targets.availabilityPercent".to_owned() },
            format!("There is one copy of the {held}: a lost volume loses them, and with a lost node they wait until it is back. {} asks for no more; from {} % on, or with {pin}: 3, there are three.", if warned { "The pin" } else { "The objective" }, percent(first_replicated(ctx))),
        ));
    }
    if pinned == Some(1) && count == 1 && ctx.objective.replicated {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::PinBelowRequirement,
            pin.clone(),
            format!("The {name} tier is pinned to 1 member, but {} % need three: raise {pin} to 3 or lower spec.targets.availabilityPercent.", percent(ctx.objective.objective)),
        ));
    }
    if count > asked {
        let (severity, field) =
            if pinned.is_some() { (Severity::Warning, pin) } else { (Severity::Info, "spec.targets".to_owned()) };
        findings.push(Finding::new(
            severity,
            FindingKind::MembersKept,
            field.clone(),
            format!("The {name} tier keeps its {count} members, though {field} asks for {asked}: this version does not take members away, with or without an approval."),
        ));
    }
}

/// The lowest round objective that replicates.
fn first_replicated(ctx: &Context<'_>) -> f64 {
    (ctx.objective.singles * 1000.0).floor() / 1000.0 + 0.001
}

/// Pins of CPU, memory and volume of the database below what is needed.
pub fn database_pins(ctx: &Context<'_>, database: &TierPlan, findings: &mut Vec<Finding>) {
    let Some(pin) = ctx.app.database.as_ref().map(|d| &d.pin) else { return };
    let members = f64::from(database.replicas.max.max(1));
    let needs = &database.requirement;
    let written = |name: &str, value: f64| match name {
        "cpu" => format!("{} CPU", Millicores(value.ceil() as u64)),
        _ => size_text(Bytes(value.ceil() as u64)),
    };
    let parts = [
        ("cpu", pin.cpu.map(|cpu| cpu.0 as f64), needs.staffed_cpu_millicores / members),
        ("memory", pin.memory.map(|memory| memory.0 as f64), needs.memory_bytes / members),
        ("storage", pin.storage.map(|storage| storage.0 as f64), needs.storage_bytes / members),
    ];
    for (name, pinned, needed) in parts {
        if let Some(pinned) = pinned.filter(|pinned| *pinned < needed) {
            findings.push(Finding::new(
                Severity::Warning,
                FindingKind::PinBelowRequirement,
                format!("spec.database.pin.{name}"),
                format!("A member's {name} is pinned to {}, and the targets need {}: raise spec.database.pin.{name}, or lower spec.targets.", written(name, pinned), written(name, needed)),
            ));
        }
    }
}

/// The defaults that move the plan most, so that the owner knows what to measure.
pub fn assumed(ctx: &Context<'_>, findings: &mut Vec<Finding>) {
    let (targets, profile) = (&ctx.app.targets, &ctx.app.profile);
    let mut assumed = Vec::new();
    let mut note = |is_default: bool, text: String| {
        if is_default {
            assumed.push(text);
        }
    };
    note(
        is_default(&profile.cpu_ms_per_request),
        format!("cpuPerRequest {}ms (preset {})", profile.cpu_ms_per_request.value, profile.preset.value),
    );
    note(is_default(&profile.service_time_p99), format!("serviceTime.p99 {}", profile.service_time_p99.value));
    note(is_default(&profile.memory_per_replica), format!("memoryPerReplica {}", profile.memory_per_replica.value));
    if ctx.app.has_database() {
        note(
            is_default(&profile.queries_per_request),
            format!("queriesPerRequest {}", profile.queries_per_request.value),
        );
        note(is_default(&profile.read_share), format!("readPercent {}", percent(profile.read_share.value)));
        note(
            is_default(&profile.bytes_written_per_user_per_day),
            format!("bytesWrittenPerUserPerDay {}", profile.bytes_written_per_user_per_day.value),
        );
    }
    note(is_default(&targets.peak_to_average), format!("peakToAverage {}", targets.peak_to_average.value));
    if let crate::domain::ValidLoad::DailyActiveUsers { requests_per_user_per_day, .. } = &targets.load {
        note(
            is_default(requests_per_user_per_day),
            format!("requestsPerUserPerDay {}", requests_per_user_per_day.value),
        );
    } else if ctx.app.has_database() || ctx.app.sessions.is_some() {
        note(true, users_of_a_rate(ctx));
    }
    assumed.extend(assumed_of_tiers(ctx));
    if !assumed.is_empty() {
        findings.push(Finding::new(
            Severity::Info,
            FindingKind::DefaultsAssumed,
            "spec.profile",
            format!(
                "Not declared, so assumed: {}. Measure those that matter: scaledapp plan says which one moves the cost most.",
                assumed.join(", ")
            ),
        ));
    }
}

/// A rate says nothing of how many users make it, and rows and sessions are counted by users.
fn users_of_a_rate(ctx: &Context<'_>) -> String {
    format!(
        "{} users a day, since the declared load is {} requests a second on average and a user is taken to make {} a day (dailyActiveUsers with requestsPerUserPerDay says it better; rows and sessions are counted by users)",
        figure(demand::daily_users(ctx.app, ctx.catalogue).round()),
        figure(demand::declared_rates(ctx.app, ctx.catalogue).0),
        defaults::REQUESTS_PER_USER.value
    )
}

/// Defaults that move the tiers beside web and database.
fn assumed_of_tiers(ctx: &Context<'_>) -> Vec<String> {
    let mut assumed = Vec::new();
    let mut note = |is_default: bool, text: String| {
        if is_default {
            assumed.push(text);
        }
    };
    if let Some(cache) = ctx.app.cache.as_ref().or(ctx.app.externals.cache.as_ref()) {
        let reads = &ctx.app.profile.cache_reads_per_request;
        note(is_default(reads), format!("cacheReadsPerRequest {}", reads.value));
        note(is_default(&cache.item_count), format!("cache.itemCount {}", cache.item_count.value));
        note(is_default(&cache.item_size), format!("cache.itemSize {}", cache.item_size.value));
    }
    if ctx.app.proxy.is_some() {
        let cacheable = &ctx.app.profile.cacheable_share;
        note(is_default(cacheable), format!("cacheablePercent {}", percent(cacheable.value)));
    }
    for worker in &ctx.app.workers {
        let name = &worker.name;
        let jobs = &worker.jobs_per_request;
        note(is_default(jobs), format!("jobsPerThousandRequests {} of worker {name}", jobs.value * 1000.0));
        note(is_default(&worker.time_per_job), format!("timePerJob {} of worker {name}", worker.time_per_job.value));
    }
    assumed
}

fn is_default<T>(value: &Sourced<T>) -> bool {
    matches!(value.origin, Origin::Default { .. })
}
