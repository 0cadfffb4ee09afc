//! Puts the page together: everything that the template writes, in words.

use askama::Template;

use super::assumptions::{Assumption, assumptions};
use super::climb::{self, Shown};
use super::drawing::{self, Drawing};
use super::words::{graded, grouped, money, pods, span};
use super::{ReportError, Subject};
use crate::api::ProposedChange;
use crate::domain::{Bytes, Millicores, ValidApp, ValidLoad};
use crate::planner::ladder::{OFFERED, percent};
use crate::planner::packing::size_text;
use crate::planner::plan::AvailabilityPart;
use crate::planner::{DemandFigures, Finding, Plan, Reason, Replicas, Severity};
use crate::report::formula::{substituted, value};

#[derive(Template)]
#[template(path = "report/page.html")]
struct Page<'a> {
    title: String,
    note: &'a str,
    version: &'static str,
    sections: Vec<Section<'a>>,
}

/// One application.
struct Section<'a> {
    number: usize,
    name: &'a str,
    namespace: &'a str,
    refused: bool,
    findings: &'a [Finding],
    /// Errors and warnings.
    worst: Vec<&'a Finding>,
    planned: Option<Planned<'a>>,
}

struct Planned<'a> {
    plan: &'a Plan,
    asked: Vec<(&'static str, String)>,
    takes: Vec<Card>,
    when: String,
    drawings: [Drawing; 2],
    demand: Vec<[String; 3]>,
    ladder: Vec<RungRow>,
    not_offered: String,
    climb: Option<Shown>,
    tiers: Vec<TierRow>,
    availability: Vec<[String; 3]>,
    why: Vec<Why>,
    assumptions: Vec<Assumption>,
    changes: &'a [ProposedChange],
}

struct Card {
    name: &'static str,
    value: String,
    note: String,
}

struct RungRow {
    name: String,
    on: bool,
    trigger: String,
    because: String,
}

struct TierRow {
    name: String,
    engine: String,
    pods: String,
    cpu: String,
    memory: String,
    storage: String,
    bottleneck: String,
    headroom: Option<u32>,
}

struct Why {
    tier: String,
    /// What the tier is, for the line that opens it.
    head: String,
    reasons: Vec<ReasonRow>,
}

struct ReasonRow {
    quantity: String,
    value: String,
    formula: String,
    /// The formula with its numbers; nothing where it is prose.
    numbers: Option<String>,
    inputs: Vec<(String, String)>,
    grade: Option<char>,
    source: String,
}

/// The page of one or more applications; `note` says what the plans start from.
///
/// # Errors
/// When a chart cannot be drawn.
pub fn html_report(note: &str, subjects: &[Subject<'_>]) -> Result<String, ReportError> {
    let names: Vec<&str> = subjects.iter().map(|subject| subject.name).collect();
    let sections =
        subjects.iter().enumerate().map(|(index, subject)| section(index + 1, subject)).collect::<Result<_, _>>()?;
    let page = Page { title: names.join(", "), note, version: env!("CARGO_PKG_VERSION"), sections };
    Ok(page.render()?)
}

fn section<'a>(number: usize, subject: &Subject<'a>) -> Result<Section<'a>, ReportError> {
    let findings = subject.findings;
    let planned = subject.planned.map(|(app, plan)| planned(app, plan, subject)).transpose()?;
    Ok(Section {
        number,
        name: subject.name,
        namespace: subject.namespace,
        refused: planned.is_none() || findings.iter().any(|finding| finding.severity == Severity::Error),
        findings,
        worst: findings.iter().filter(|finding| finding.severity > Severity::Info).collect(),
        planned,
    })
}

fn planned<'a>(app: &ValidApp, plan: &'a Plan, subject: &Subject<'a>) -> Result<Planned<'a>, ReportError> {
    let rungs = plan.ladder.iter().filter(|rung| rung.on || OFFERED.contains(&rung.rung));
    let not_offered = plan.ladder.iter().filter(|rung| !rung.on && !OFFERED.contains(&rung.rung));
    let climb = subject.climb.map(|found| climb::shown(app, found)).transpose()?.flatten();
    Ok(Planned {
        plan,
        asked: asked(app),
        takes: takes(plan),
        when: when(app),
        drawings: drawing::draw(&drawing::graph(app, plan)),
        demand: demand(plan),
        ladder: rungs
            .map(|rung| RungRow {
                name: rung.rung.to_string(),
                on: rung.on,
                trigger: rung.trigger.filter(|_| rung.on).map(|trigger| trigger.to_string()).unwrap_or_default(),
                because: rung.because.clone(),
            })
            .collect(),
        not_offered: not_offered.map(|rung| rung.rung.to_string()).collect::<Vec<_>>().join(", "),
        climb,
        tiers: tiers(plan),
        availability: availability(plan),
        why: why(plan),
        assumptions: assumptions(app),
        changes: subject.changes,
    })
}

/// For which moment the loads of the drawing are.
fn when(app: &ValidApp) -> String {
    let growth = &app.targets.growth;
    if growth.percent_per_month.value == 0 || growth.horizon_months.value == 0 {
        "at peak; no growth is declared".to_owned()
    } else {
        format!("at peak, {} months from now; stores that keep data are sized for three", growth.horizon_months.value)
    }
}

fn asked(app: &ValidApp) -> Vec<(&'static str, String)> {
    let targets = &app.targets;
    let load = match &targets.load {
        ValidLoad::DailyActiveUsers { users, requests_per_user_per_day } => format!(
            "{} users a day, {} requests each",
            grouped(*users as f64),
            grouped(requests_per_user_per_day.value as f64)
        ),
        ValidLoad::PeakRequestsPerSecond(peak) => format!("{} requests a second at peak", grouped(*peak as f64)),
        ValidLoad::PeakConcurrentUsers { users, seconds_between_requests } => {
            format!("{} users at once, a request every {} s", grouped(*users as f64), seconds_between_requests.value)
        }
    };
    let growth = &targets.growth;
    let grows = match growth.percent_per_month.value {
        0 => "none declared".to_owned(),
        percent => format!("{percent} % a month, {} months ahead", growth.horizon_months.value),
    };
    let mut asked = vec![
        ("Load", load),
        ("Peak over average", grouped(targets.peak_to_average.value)),
        ("Latency, p99", targets.latency_p99.value.to_string()),
        ("Availability", format!("{} %", percent(targets.availability.value))),
        ("Growth", grows),
    ];
    asked.extend(targets.as_of.clone().map(|day| ("Counted from", day)));
    asked
}

/// All pods, those of routers included.
pub(super) fn all_pods(plan: &Plan) -> Replicas {
    plan.tiers.iter().fold(Replicas::default(), |sum, tier| Replicas {
        min: sum.min.saturating_add(tier.replicas.min).saturating_add(tier.settings.router_pods()),
        max: sum.max.saturating_add(tier.replicas.max).saturating_add(tier.settings.router_pods()),
    })
}

fn takes(plan: &Plan) -> Vec<Card> {
    let sum = |part: fn(&crate::planner::TierPlan) -> u64| plan.tiers.iter().map(part).fold(0, u64::saturating_add);
    let cost = &plan.monthly_cost;
    let card = |name, value, note: &str| Card { name, value, note: note.to_owned() };
    let cores = Millicores(sum(|tier| tier.total.cpu.0)).cores();
    vec![
        card(
            "Pods",
            span(all_pods(plan)),
            if plan.tiers.iter().any(|tier| tier.settings.router_pods() > 0) {
                "routers included"
            } else {
                "of all tiers"
            },
        ),
        card("CPU", format!("{} cores", grouped(cores)), "at the most pods"),
        card("Memory", size_text(Bytes(sum(|tier| tier.total.memory.0))), "at the most pods"),
        card("Storage", size_text(Bytes(sum(|tier| tier.total.storage.0))), "all volumes"),
        Card {
            name: "Cost a month",
            value: format!("{} {}", money(cost.low, cost.high), cost.currency),
            note: "fewest pods at low prices to most at high ones".to_owned(),
        },
    ]
}

type Read = fn(&DemandFigures) -> f64;

fn demand(plan: &Plan) -> Vec<[String; 3]> {
    let (now, then) = (&plan.demand, &plan.demand_at_horizon);
    let rows: [(&str, Read); 9] = [
        ("Requests a second, average", |demand| demand.average_requests_per_second),
        ("Requests a second, peak", |demand| demand.peak_requests_per_second),
        ("Requests a second at the origin, peak", |demand| demand.origin_requests_per_second),
        ("Database reads a second, peak", |demand| demand.database_reads_per_second),
        ("Database writes a second, peak", |demand| demand.database_writes_per_second),
        ("Reads a second that a cache may answer, peak", |demand| demand.cache_operations_per_second),
        ("Jobs a second, peak", |demand| demand.jobs_per_second),
        ("Dynamic requests under way, peak", |demand| demand.concurrent_requests),
        ("Mbit/s to the users, peak", |demand| demand.egress_megabits_per_second),
    ];
    let mut shown: Vec<[String; 3]> = rows
        .into_iter()
        .filter(|(_, read)| read(now) > 0.0 || read(then) > 0.0)
        .map(|(name, read)| [name.to_owned(), grouped(read(now)), grouped(read(then))])
        .collect();
    if now.database_bytes > 0 || then.database_bytes > 0 {
        let size = |demand: &DemandFigures| size_text(Bytes(demand.database_bytes));
        shown.push(["Rows in the database, from today on".to_owned(), size(now), size(then)]);
    }
    shown
}

/// `Web web`, or `Edge` where the name says no more.
pub(super) fn titled(tier: &str, name: &str) -> String {
    if tier.eq_ignore_ascii_case(name) { tier.to_owned() } else { format!("{tier} {name}") }
}

fn tiers(plan: &Plan) -> Vec<TierRow> {
    let ours = plan.tiers.iter().map(|tier| TierRow {
        name: titled(&tier.tier.to_string(), &tier.name),
        engine: tier.engine.clone(),
        pods: match tier.settings.router_pods() {
            0 => span(tier.replicas),
            routers => format!("{} + {routers} routers", span(tier.replicas)),
        },
        cpu: tier.per_replica.cpu.to_string(),
        memory: size_text(tier.per_replica.memory),
        storage: if tier.per_replica.storage.0 == 0 { "-".to_owned() } else { size_text(tier.per_replica.storage) },
        bottleneck: tier.bottleneck.to_string(),
        headroom: Some(tier.headroom_percent),
    });
    let others = plan.external.iter().map(|external| TierRow {
        name: titled(&external.tier.to_string(), &external.name),
        engine: "External".to_owned(),
        pods: "-".to_owned(),
        cpu: "-".to_owned(),
        memory: "-".to_owned(),
        storage: "-".to_owned(),
        bottleneck: "-".to_owned(),
        headroom: None,
    });
    ours.chain(others).collect()
}

/// The tiers of which a request needs every one: which, how many of how many, and what they give.
fn availability(plan: &Plan) -> Vec<[String; 3]> {
    let row = |part: &AvailabilityPart| {
        let tier = titled(&part.tier.to_string(), &part.name);
        [tier, format!("{} of {}", part.needed, part.members), format!("{} %", part.percent)]
    };
    plan.availability.parts.iter().map(row).collect()
}

fn why(plan: &Plan) -> Vec<Why> {
    let apart = |tier: &str, head: String, reasons: &[Reason]| Why {
        tier: tier.to_owned(),
        head,
        reasons: reasons.iter().map(reason).collect(),
    };
    let peak = grouped(plan.demand.peak_requests_per_second);
    let demand = apart("Demand", format!("{peak} requests a second at peak"), &plan.demand_reasons);
    let cost = &plan.monthly_cost;
    let price = format!("{} {} a month", money(cost.low, cost.high), cost.currency);
    let cost = apart("Cost", price, &cost.reasons);
    let ours = plan.tiers.iter().map(|tier| Why {
        tier: titled(&tier.tier.to_string(), &tier.name),
        head: format!("{}, {}", pods(tier.replicas), super::words::size(tier.per_replica)),
        reasons: tier.reasons.iter().map(reason).collect(),
    });
    let others = plan.external.iter().map(|external| Why {
        tier: titled(&external.tier.to_string(), &external.name),
        head: "external".to_owned(),
        reasons: external.reasons.iter().map(reason).collect(),
    });
    std::iter::once(demand).chain(ours).chain(others).chain([cost]).filter(|why| !why.reasons.is_empty()).collect()
}

fn reason(reason: &Reason) -> ReasonRow {
    let (grade, source) = graded(&reason.source);
    ReasonRow {
        quantity: reason.quantity.clone(),
        value: value(reason),
        formula: reason.formula.clone(),
        numbers: substituted(reason).arithmetic,
        inputs: reason.inputs.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
        grade,
        source,
    }
}
