//! The climb as the page shows it: what each load takes, when each rung is switched on, and where it ends.

use std::collections::BTreeSet;

use super::ReportError;
use super::charts::{self, Chart, Room, Row, Scale, Series};
use super::page::{all_pods, titled};
use super::words::{amount, grouped, money, short, span};
use crate::api::Trigger;
use crate::domain::{ValidApp, ValidLoad};
use crate::planner::Catalogue;
use crate::planner::climb::{Climb, ClimbStep, RungState};
use crate::planner::demand::daily_users;
use crate::planner::falls::Fall;
use crate::planner::ladder::OFFERED;
use crate::planner::{DemandFigures, Finding, Plan, Rung, Severity, Tier};

/// A chart with its words.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) title: String,
    /// What the chart says, for those who do not see it.
    pub(super) summary: String,
    pub(super) chart: Chart,
    /// The series: index of its colour, and its name; nothing where there is only one.
    pub(super) legend: Vec<(usize, &'static str)>,
}

/// Where the climb ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct End {
    pub(super) from: String,
    pub(super) finding: Finding,
}

/// One line of the table under the charts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) load: String,
    pub(super) peak: String,
    pub(super) pods: String,
    pub(super) cost: String,
    /// Rungs that are on here and were not one line before.
    pub(super) rungs: String,
    pub(super) refused: bool,
    /// Whether it is the declared load.
    pub(super) here: bool,
}

/// The climb as the page shows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shown {
    /// What is varied, such as `users a day`.
    pub(super) unit: &'static str,
    pub(super) here: String,
    pub(super) figures: Vec<Figure>,
    /// One small chart for each tier.
    pub(super) tiers: Vec<Figure>,
    pub(super) ends: Vec<End>,
    pub(super) lines: Vec<Line>,
    /// What becomes smaller: the load, the tier, the number, from, to and why.
    pub(super) falls: Vec<[String; 6]>,
}

const FIGURE: Room = Room { width: 520, height: 250 };
const SMALL: Room = Room { width: 300, height: 160 };

/// What an application's load is called, how much of it is declared, and the least that the charts show.
fn declared(app: &ValidApp) -> (&'static str, u64, u64) {
    match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, .. } => ("users a day", *users, 1000),
        ValidLoad::PeakRequestsPerSecond(peak) => ("requests a second at peak", *peak, 1),
        ValidLoad::PeakConcurrentUsers { users, .. } => ("users at once", *users, 10),
    }
}

/// Declared load that one user of a day makes.
fn per_user(app: &ValidApp) -> f64 {
    declared(app).1 as f64 / daily_users(app, &Catalogue::builtin()).max(f64::MIN_POSITIVE)
}

/// The users a day of each step of the page's climb: one, two and five of each power of ten of what the spec declares,
/// over five powers, from a thousand users a day to a hundred million; and the declared load itself.
#[must_use]
pub fn steps_of(app: &ValidApp) -> Vec<u64> {
    let (_, here, least) = declared(app);
    let mut loads: BTreeSet<u64> = [here, least * 100_000].into();
    loads.extend((0..5).flat_map(|power| [1, 2, 5].map(|digit| digit * least * 10_u64.pow(power))));
    let each = per_user(app);
    let users: BTreeSet<u64> = loads.into_iter().map(|load| ((load as f64 / each).round() as u64).max(1)).collect();
    users.into_iter().collect()
}

/// A climb with the loads of its steps in the unit of the spec.
struct Loads<'a> {
    steps: Vec<(f64, &'a ClimbStep)>,
}

impl<'a> Loads<'a> {
    fn new(app: &ValidApp, climb: &'a Climb) -> Self {
        let each = per_user(app);
        let load = |users: u64| {
            let load = users as f64 * each;
            if load < 10.0 { load } else { load.round() }
        };
        Self { steps: climb.steps.iter().map(|step| (load(step.users), step)).collect() }
    }

    /// Steps that would be written.
    fn met(&self) -> impl Iterator<Item = (f64, &'a Plan)> {
        self.steps.iter().filter(|(_, step)| step.met).filter_map(|(load, step)| Some((*load, step.plan.as_ref()?)))
    }

    /// Steps with a plan, those that would not be written as well.
    fn planned(&self) -> impl Iterator<Item = (f64, &'a Plan)> {
        self.steps.iter().filter_map(|(load, step)| Some((*load, step.plan.as_ref()?)))
    }
}

/// Charts, ends and table of a climb; nothing where it has fewer than two steps.
pub(super) fn shown(app: &ValidApp, climb: &Climb) -> Result<Option<Shown>, ReportError> {
    let climb = Loads::new(app, climb);
    let (Some((first, _)), Some((last, _))) = (climb.steps.first(), climb.steps.last()) else { return Ok(None) };
    if first >= last {
        return Ok(None);
    }
    let (unit, here, _) = declared(app);
    let refused_from = climb.steps.iter().find(|(_, step)| !step.met).map(|(load, _)| *load);
    let scale = Scale { from: *first, to: *last, here: here as f64, refused_from };
    Ok(Some(Shown {
        unit,
        here: grouped(here as f64),
        figures: vec![peak(&climb, &scale)?, cost(&climb, &scale)?, together(&climb, &scale)?, rungs(&climb, &scale)?],
        tiers: tiers(&climb, &scale)?,
        ends: ends(&climb),
        lines: lines(&climb, here as f64),
        falls: climb.steps.iter().flat_map(|(load, step)| step.falls.iter().map(|fall| fell(*load, fall))).collect(),
    }))
}

type Read = fn(&DemandFigures) -> f64;
const LOADS: [(&str, Read); 6] = [
    ("requests/s", |demand| demand.peak_requests_per_second),
    ("requests/s at the origin", |demand| demand.origin_requests_per_second),
    ("database reads/s", |demand| demand.database_reads_per_second),
    ("database writes/s", |demand| demand.database_writes_per_second),
    ("cache reads/s", |demand| demand.cache_operations_per_second),
    ("jobs/s", |demand| demand.jobs_per_second),
];

fn peak(climb: &Loads<'_>, scale: &Scale) -> Result<Figure, ReportError> {
    let mut series: Vec<Series> = Vec::new();
    let mut legend = Vec::new();
    for (colour, (name, read)) in LOADS.into_iter().enumerate() {
        let points: Vec<_> =
            climb.planned().map(|(load, plan)| (load, read(&plan.demand), read(&plan.demand))).collect();
        let seen = series.iter().any(|other| other.points == points);
        if points.iter().any(|(_, value, _)| *value > 0.0) && !seen {
            series.push(Series { points, colour });
            legend.push((colour, name));
        }
    }
    let most = climb.planned().last().map_or(0.0, |(_, plan)| plan.demand.peak_requests_per_second);
    Ok(Figure {
        title: "Load at peak, a second".to_owned(),
        summary: format!("Up to {} requests a second.", grouped(most)),
        chart: charts::curves(FIGURE, scale, &series)?,
        legend,
    })
}

fn cost(climb: &Loads<'_>, scale: &Scale) -> Result<Figure, ReportError> {
    let points: Vec<_> = climb.met().map(|(load, p)| (load, p.monthly_cost.low, p.monthly_cost.high)).collect();
    let summary = match (points.first(), points.last()) {
        (Some(first), Some(last)) => format!("From {} to {} a month.", amount(first.1), amount(last.2)),
        _ => "Nothing is planned.".to_owned(),
    };
    let currency = climb.planned().next().map_or("", |(_, plan)| plan.monthly_cost.currency.as_str());
    Ok(Figure {
        title: format!("{currency} a month, low to high"),
        summary,
        chart: charts::curves(FIGURE, scale, &[Series { points, colour: 1 }])?,
        legend: Vec::new(),
    })
}

/// Pods and cores of all tiers together, at the most pods.
fn together(climb: &Loads<'_>, scale: &Scale) -> Result<Figure, ReportError> {
    let pods = climb.met().map(|(load, plan)| {
        let pods = all_pods(plan);
        (load, f64::from(pods.min), f64::from(pods.max))
    });
    let cores = climb.met().map(|(load, plan)| {
        let cores = plan.tiers.iter().map(|tier| tier.total.cpu.cores()).sum();
        (load, cores, cores)
    });
    let series = [Series { points: pods.collect(), colour: 0 }, Series { points: cores.collect(), colour: 2 }];
    let most = |series: &Series| series.points.last().map_or(0.0, |(_, _, high)| *high);
    Ok(Figure {
        title: "All tiers together".to_owned(),
        summary: format!("Up to {} pods and {} cores.", grouped(most(&series[0])), grouped(most(&series[1]))),
        chart: charts::curves(FIGURE, scale, &series)?,
        legend: vec![(0, "pods, fewest to most"), (2, "cores at the most pods")],
    })
}

const TRIGGERS: [(Trigger, &str); 4] = [
    (Trigger::Availability, "for availability"),
    (Trigger::Capacity, "for capacity"),
    (Trigger::Declared, "declared"),
    (Trigger::Pinned, "pinned"),
];

fn rungs(climb: &Loads<'_>, scale: &Scale) -> Result<Figure, ReportError> {
    let (mut rows, mut words, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for rung in OFFERED {
        let bars = bars(climb, rung);
        words.push(
            bars.first()
                .map_or_else(|| format!("{rung} stays off"), |(from, _, _)| format!("{rung} from {}", short(*from))),
        );
        seen.extend(bars.iter().map(|(_, _, colour)| *colour));
        rows.push(Row { name: rung.to_string(), bars });
    }
    Ok(Figure {
        title: "Rungs that are on".to_owned(),
        summary: format!("{}.", words.join(", ")),
        chart: charts::bars(FIGURE, scale, &rows)?,
        legend: seen.into_iter().filter_map(|colour| Some((colour, TRIGGERS.get(colour)?.1))).collect(),
    })
}

/// Where a rung is on: from each step to the next one, with the index of what switched it on.
fn bars(climb: &Loads<'_>, rung: Rung) -> Vec<(f64, f64, usize)> {
    let mut bars: Vec<(f64, f64, usize)> = Vec::new();
    for (index, (load, step)) in climb.steps.iter().enumerate() {
        let until = climb.steps.get(index + 1).map_or(*load, |(next, _)| *next);
        let state = step.rungs.iter().find(|state| state.rung == rung && step.met);
        let trigger = |state: &RungState| TRIGGERS.iter().position(|(trigger, _)| *trigger == state.trigger);
        let Some(colour) = state.and_then(trigger) else { continue };
        match bars.last_mut() {
            Some(bar) if bar.1 >= *load && bar.2 == colour => bar.1 = until,
            _ => bars.push((*load, until, colour)),
        }
    }
    bars
}

fn tiers(climb: &Loads<'_>, scale: &Scale) -> Result<Vec<Figure>, ReportError> {
    let mut names: Vec<(Tier, &str)> = Vec::new();
    for tier in climb.met().flat_map(|(_, plan)| &plan.tiers) {
        if !names.contains(&(tier.tier, tier.name.as_str())) {
            names.push((tier.tier, tier.name.as_str()));
        }
    }
    // Tiers that only higher loads have take their place among the others; services keep the order of the spec.
    names.sort_by_key(|(tier, _)| *tier);
    let mut figures = Vec::new();
    for (tier, name) in names {
        let of = |plan: &Plan| plan.tiers.iter().find(|t| t.tier == tier && t.name == name).map(|t| t.replicas);
        let found: Vec<_> = climb.met().filter_map(|(load, plan)| Some((load, of(plan)?))).collect();
        let points = found.iter().map(|(load, pods)| (*load, f64::from(pods.min), f64::from(pods.max))).collect();
        let edges = found.first().zip(found.last());
        let summary = edges.map_or_else(String::new, |((from, few), (to, many))| {
            format!("{} at {}, {} at {}", span(*few), short(*from), span(*many), short(*to))
        });
        let title = titled(&tier.to_string(), name);
        let chart = charts::curves(SMALL, scale, &[Series { points, colour: 0 }])?;
        figures.push(Figure { title, summary, chart, legend: Vec::new() });
    }
    Ok(figures)
}

/// The first step of each kind of error.
fn ends(climb: &Loads<'_>) -> Vec<End> {
    let mut seen = BTreeSet::new();
    let mut ends = Vec::new();
    for (load, step) in &climb.steps {
        for finding in step.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            if seen.insert(finding.kind) {
                ends.push(End { from: grouped(*load), finding: finding.clone() });
            }
        }
    }
    ends
}

fn fell(load: f64, fall: &Fall) -> [String; 6] {
    let tier = titled(&fall.tier.to_string(), &fall.name);
    [grouped(load), tier, fall.quantity.clone(), fall.from.clone(), fall.to.clone(), fall.cause.clone()]
}

fn lines(climb: &Loads<'_>, here: f64) -> Vec<Line> {
    let mut before = BTreeSet::new();
    climb
        .planned()
        .map(|(load, plan)| {
            let on: BTreeSet<_> = plan.ladder.iter().filter(|rung| rung.on).map(|rung| rung.rung).collect();
            let new: Vec<String> = on.difference(&before).map(ToString::to_string).collect();
            before = on;
            Line {
                load: grouped(load),
                peak: grouped(plan.demand.peak_requests_per_second),
                pods: span(all_pods(plan)),
                cost: money(plan.monthly_cost.low, plan.monthly_cost.high),
                rungs: new.join(", "),
                refused: plan.is_refused(),
                here: (load - here).abs() < 0.5,
            }
        })
        .collect()
}
