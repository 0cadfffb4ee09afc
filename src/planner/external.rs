//! Tiers that somebody else runs: what the application will ask of them. Nothing of them is sized, counted or paid here.

use super::demand::STATEFUL_MONTHS;
use super::packing::{Context, figure, scaled, size_text};
use super::plan::{ExternalPlan, Finding, FindingKind, Reason, Severity, TierPlan};
use super::{redis, router, sessions};
use crate::domain::{Backing, Bytes};

/// The external tiers, with what is asked of each, and a finding for each that says so.
pub fn plan(ctx: &Context<'_>, users: &[&TierPlan], findings: &mut Vec<Finding>) -> Vec<ExternalPlan> {
    let secrets = &ctx.app.externals.secrets;
    secrets.iter().map(|(backing, secret)| one(ctx, *backing, secret, users, findings)).collect()
}

fn one(
    ctx: &Context<'_>,
    backing: Backing,
    secret: &str,
    users: &[&TierPlan],
    findings: &mut Vec<Finding>,
) -> ExternalPlan {
    let field = format!("spec.{}.external", backing.name());
    let mut reasons = vec![Reason::new("replicas.max", 0, "provider External", field.clone()).with("secret", secret)];
    let asked = match backing {
        Backing::Database => database(ctx, users),
        Backing::Cache => cache(ctx, users),
        Backing::Sessions => session_store(ctx, users),
        Backing::Queue => queue(ctx, users),
        Backing::Objects => Vec::new(),
    };
    let what: Vec<String> = asked.iter().map(|(_, words)| words.clone()).collect();
    let demand = if what.is_empty() { String::new() } else { format!(" It is asked for {}.", what.join(", ")) };
    let promise = if backing == Backing::Cache { "" } else { " What is promised holds while it serves." };
    findings.push(Finding::new(
        Severity::Info,
        FindingKind::ExternalTier,
        field,
        format!(
            "{backing}: somebody else runs it (Secret {secret}), so nothing of it is sized, paid or watched here.{demand}{promise}"
        ),
    ));
    reasons.extend(asked.into_iter().map(|(reason, _)| reason));
    ExternalPlan { tier: backing, name: backing.name().to_owned(), secret: secret.to_owned(), reasons }
}

/// A number of what is asked, with its reason and in words.
type Asked = (Reason, String);

fn database(ctx: &Context<'_>, users: &[&TierPlan]) -> Vec<Asked> {
    let (soon, profile) = (&ctx.demands.soon, &ctx.app.profile);
    let hit = ctx.cached.map_or(0.0, |fit| fit.hit);
    let bytes = ctx.demands.horizon.bytes.round() as u64;
    let queries = &profile.queries_per_request;
    vec![
        (
            Reason::new(
                "readsPerSecond",
                figure(soon.reads),
                "computed * (queriesPerRequest * readShare + cacheReads * (1 - hit))",
                queries.source(),
            )
            .with("computed", figure(soon.computed))
            .with("queriesPerRequest", queries.value)
            .with("hit", figure(hit)),
            format!("{} reads a second", figure(soon.reads)),
        ),
        (
            Reason::new(
                "writesPerSecond",
                figure(soon.writes),
                "computed * queriesPerRequest * (1 - readShare)",
                queries.source(),
            )
            .with("computed", figure(soon.computed))
            .with("readShare", profile.read_share.value),
            format!("{} writes a second at peak", figure(soon.writes)),
        ),
        connections(ctx, users, "with no pool before it"),
        (
            Reason::new(
                "rowBytes",
                bytes,
                "users * bytesWrittenPerUserPerDay * days to the horizon",
                profile.bytes_written_per_user_per_day.source(),
            ),
            format!("{} of rows from today to the horizon, without indexes", size_text(Bytes(bytes))),
        ),
    ]
}

fn cache(ctx: &Context<'_>, users: &[&TierPlan]) -> Vec<Asked> {
    let Some(fit) = ctx.cached else { return Vec::new() };
    let operations = ctx.demands.soon.cache_reads * (2.0 - fit.hit);
    vec![
        (
            Reason::new(
                "operationsPerSecond",
                figure(operations),
                "cacheReads * (2 - hit)",
                ctx.app.profile.cache_reads_per_request.source(),
            )
            .with("cacheReads", figure(ctx.demands.soon.cache_reads))
            .with("hit", figure(fit.hit)),
            format!("{} operations a second at peak", figure(operations)),
        ),
        connections(ctx, users, "with no router before it"),
        (
            Reason::new(
                "memoryBytes",
                fit.memory.0,
                "step(base + max(maxmemory / fill, maxmemory + copy)), at least 96 MiB; maxmemory: items * bytes of one / (1 - backlog)",
                ctx.catalogue.cache_fill.because(),
            )
            .with("items", figure(fit.items))
            .with("maxmemory", scaled(redis::max_needed(ctx.catalogue, fit.items * fit.each)))
            .with("fill", figure(fit.fill))
            .with("baseMiB", ctx.catalogue.redis_base_mib.value)
            .with("copyMiB", ctx.catalogue.redis_copy_mib.value),
            format!(
                "{} of memory to answer {:.0} % of the reads, as is assumed",
                size_text(fit.memory),
                (fit.hit * 100.0).floor()
            ),
        ),
    ]
}

fn session_store(ctx: &Context<'_>, users: &[&TierPlan]) -> Vec<Asked> {
    let Some(ttl) = &ctx.app.externals.session_ttl else { return Vec::new() };
    let live = sessions::live(ctx.app, ctx.catalogue, ttl.value, STATEFUL_MONTHS);
    let operations = ctx.demands.soon.computed * ctx.catalogue.session_operations.value;
    vec![
        (
            Reason::new("liveSessions", figure(live), "users * share that lives at a time", ttl.source())
                .with("ttl", ttl.value),
            format!("{} sessions that live at a time", figure(live)),
        ),
        (
            Reason::new(
                "operationsPerSecond",
                figure(operations),
                "computed * operations of a request",
                ctx.catalogue.session_operations.because(),
            )
            .with("computed", figure(ctx.demands.soon.computed)),
            format!("{} operations a second at peak", figure(operations)),
        ),
        connections(ctx, users, "with no router before it"),
    ]
}

fn queue(ctx: &Context<'_>, users: &[&TierPlan]) -> Vec<Asked> {
    let jobs = ctx.demands.horizon.queued;
    vec![
        (
            Reason::new("jobsPerSecond", figure(jobs), "sum(peak * jobsPerRequest)", "spec.workers")
                .with("peak", figure(ctx.demands.horizon.peak)),
            format!("{} jobs a second at peak", figure(jobs)),
        ),
        connections(ctx, users, "with no router before it"),
    ]
}

/// Connections at the most pods: nothing of ours shares them.
fn connections(ctx: &Context<'_>, users: &[&TierPlan], lacks: &str) -> Asked {
    let most = router::clients(ctx, users);
    (
        Reason::new(
            "connections",
            figure(most),
            "(pods of services and workers at most + surge) * clientsPerPod",
            ctx.catalogue.clients_per_web_pod.because(),
        ),
        format!("up to {} connections at once {lacks}", figure(most)),
    )
}
