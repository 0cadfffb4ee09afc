//! `scaledapp plan -f FILE`: what a spec needs, and why, before anything is written.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::climb::{self, Ground};
use super::input::{self, Document};
use super::live::{self, LiveArgs, Start};
use super::users::{self, Users};
use super::{CliError, yaml};
use crate::domain::{Environment, Observed, Problem, ValidApp, validate};
use crate::planner::climb::{Subject as Climber, climb as climb_of, with_users};
use crate::planner::{
    Catalogue, Finding, FindingKind, Given, Plan, RecordedPlan, Severity, changes, effective, observed_plan, plan,
    uncertainty,
};
use crate::report::html::{Subject, steps_of};
use crate::report::why::{askable, tiers as why_tiers, why};
use crate::report::{findings, html_report, plan_table};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp plan -f app.yaml                              what it needs now\n  scaledapp plan -f app.yaml --users 2M                   and with two million users a day\n  scaledapp plan -f app.yaml --users 1k,10k,100k,1M,10M   the climb: each step, and where rungs are entered\n  scaledapp plan -f app.yaml --why database               one tier's derivation, with the numbers put in\n  scaledapp plan -f app.yaml --why demand                 where the load comes from; --why cost: the price\n  scaledapp plan -f app.yaml -o json | jq .tiers[].replicas\n  scaledapp plan -f app.yaml -o html > report.html        the same as a page, with the drawing and the climb as charts\n  scaledapp plan -f app.yaml --live                       what changes of what runs in the cluster\n  scaledapp plan -f app.yaml -o recorded > before.json    keep it, change the spec, then:\n  scaledapp plan -f app.yaml --previous before.json       what changes, and what would wait for an approval\n  scaledapp plan -f app.yaml --observed figures.yaml      with what was measured in the place of what was declared\n\nExit codes: 0 planned, 1 the spec cannot be met, of a climb: at none of its steps, 2 bad usage,\n4 the cluster could not be asked (--live)."
)]
pub(super) struct PlanArgs {
    /// File with one or more ScaledApps; - is the standard input
    #[arg(short, long, value_name = "FILE")]
    filename: PathBuf,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Form::Table)]
    output: Form,
    /// What the operator's owner says about the cluster; default three zones, pods of at most 16 CPU and 64Gi
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// Recorded plan that the new one starts from, of `-o recorded` or a ControllerRevision
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    #[command(flatten)]
    live: LiveArgs,
    /// Prices instead of the built-in ones: name, currency, and for cpu, memory, storage and egress low, high, date, source
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Figures measured of the running application, which take the place of the declared ones
    #[arg(long, value_name = "FILE", conflicts_with = "users")]
    observed: Option<PathBuf>,
    /// Plans for so many users a day instead of the declared load: 250000, 250k or 1.5M; several, as in
    /// 1k,10k,100k, are climbed step by step, each planned by itself
    #[arg(long, value_name = "N[,N...]", value_parser = users::parse, allow_hyphen_values = true)]
    users: Option<Users>,
    /// Shows the derivation of one tier, of `demand` or of `cost`, each formula with its numbers: `database`, `web`,
    /// or `web/NAME` of several
    #[arg(long, value_name = "TIER[/NAME]")]
    why: Option<String>,
    /// Namespace of documents that name none; default: `default`, with --live that of the context
    #[arg(short, long)]
    namespace: Option<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people
    Table,
    /// The whole plan with all reasons
    Json,
    /// The same as YAML
    Yaml,
    /// What a later plan must know of this one, for --previous
    Recorded,
    /// One page for a browser: the drawing, the climb as charts, every reason
    Html,
}

struct Outcome {
    name: String,
    namespace: String,
    plan: Option<Box<(ValidApp, Plan)>>,
    findings: Vec<Finding>,
}

impl Outcome {
    fn refused(&self) -> bool {
        self.plan.is_none() || self.findings.iter().any(|f| f.severity == Severity::Error)
    }
}

pub(super) fn run(args: &PlanArgs) -> Result<(), CliError> {
    let environment = input::environment(args.environment.as_deref())?;
    let catalogue = input::catalogue(args.prices.as_deref())?;
    let (documents, others) = input::documents(&input::read(&args.filename)?, &args.filename)?;
    for other in others {
        anstream::eprintln!("Passed over: {other}, which is no ScaledApp.");
    }
    let start = start(args, &documents)?;
    let several = args.users.as_ref().filter(|users| users.single().is_none());
    if let Some(users) = several {
        combined(args)?;
        let ground = Ground {
            note: &start.note,
            namespace: &start.namespace,
            catalogue: &catalogue,
            environment: &environment,
            previous: start.recorded.as_ref(),
        };
        return climb::run(documents, users.all(), &ground, args.output);
    }
    let observed = observed(args, &documents)?;
    let known = Known { catalogue: &catalogue, environment: &environment, start: &start, observed: observed.as_ref() };
    let outcomes: Vec<Outcome> = documents.into_iter().map(|document| outcome(args, document, &known)).collect();
    shown(args, &known, &outcomes)?;
    let mut any = false;
    for outcome in outcomes.iter().filter(|outcome| outcome.refused()) {
        any = true;
        if args.output != Form::Table {
            anstream::eprint!("{}", findings(&outcome.findings));
        }
        anstream::eprintln!("{} cannot be planned as it is; nothing was written.", outcome.name);
    }
    if any { Err(CliError::Refused) } else { Ok(()) }
}

/// What a plan is made from beside the spec.
struct Known<'a> {
    catalogue: &'a Catalogue,
    environment: &'a Environment,
    start: &'a Start,
    observed: Option<&'a Observed>,
}

/// The figures that were measured of the one ScaledApp of the file.
fn observed(args: &PlanArgs, documents: &[Document]) -> Result<Option<Observed>, CliError> {
    let Some(figures) = args.observed.as_deref().map(input::observed).transpose()? else { return Ok(None) };
    let [document] = documents else {
        return Err(CliError::Usage("--observed is of one ScaledApp, and the file holds several".to_owned()));
    };
    if args.output == Form::Recorded {
        return Err(CliError::Usage(
            "--observed shows what would be needed, and -o recorded keeps a plan of what is declared: give one of them"
                .to_owned(),
        ));
    }
    match figures.app.as_ref().filter(|app| document.name != **app) {
        Some(other) => {
            Err(CliError::Usage(format!("the figures are of {other}, and the file holds {}", document.name)))
        }
        None => Ok(Some(figures)),
    }
}

/// What does not go with several numbers of users.
fn combined(args: &PlanArgs) -> Result<(), CliError> {
    let wrong = |what: &str| Err(CliError::Usage(format!("{what}: give --users one number")));
    match (args.output, &args.why) {
        (Form::Recorded, _) => wrong("-o recorded holds one plan, and a climb has several"),
        (Form::Html, _) => wrong("-o html draws one plan, with a climb of its own below it"),
        (_, Some(_)) => wrong("--why shows one plan, and a climb has several"),
        _ => Ok(()),
    }
}

/// The recorded plan from which everything starts.
fn start(args: &PlanArgs, documents: &[Document]) -> Result<Start, CliError> {
    let given = if args.live.live { "--live" } else { "--previous" };
    let namespace = args.namespace.clone().unwrap_or_else(|| "default".to_owned());
    if !args.live.live && args.previous.is_none() {
        let note = "Previous plan: none, so everything is planned afresh.".to_owned();
        return Ok(Start { note, recorded: None, namespace });
    }
    let [document] = documents else {
        return Err(CliError::Usage(format!("{given} belongs to one ScaledApp, and the file holds several")));
    };
    if let Some(path) = &args.previous {
        let plan = input::recorded(path, &document.name)?;
        let note = format!("Previous plan: {} of {}.", plan.hash, path.display());
        return Ok(Start { note, recorded: Some(plan), namespace });
    }
    let of_document = document.app.as_ref().ok().and_then(|app| app.metadata.namespace.as_deref());
    live::newest(&args.live, of_document.or(args.namespace.as_deref()), &document.name)
}

fn shown(args: &PlanArgs, known: &Known<'_>, outcomes: &[Outcome]) -> Result<(), CliError> {
    let start = known.start;
    if args.output == Form::Table {
        return tables(args, start, outcomes);
    }
    anstream::eprintln!("{}", start.note);
    let previous = start.recorded.as_ref();
    match (args.output, &args.why) {
        (Form::Recorded, Some(_)) => {
            Err(CliError::Usage("--why explains a plan and -o recorded keeps one: give one of them".to_owned()))
        }
        (Form::Html, Some(_)) => Err(CliError::Usage("-o html holds every reason already: leave --why out".to_owned())),
        (Form::Html, None) => page(known, outcomes),
        (Form::Recorded, None) => {
            print(args.output, outcomes.iter().filter(|o| !o.refused()).filter_map(|o| recorded_of(o, previous)))
        }
        (form, Some(wanted)) => {
            let mut reasons = Vec::new();
            for (_, plan) in outcomes.iter().filter_map(|outcome| outcome.plan.as_deref()) {
                reasons.push(reasons_of(plan, wanted)?);
            }
            print(form, reasons.into_iter())
        }
        (form, None) => print(form, outcomes.iter().map(json_of)),
    }
}

fn page(known: &Known<'_>, outcomes: &[Outcome]) -> Result<(), CliError> {
    let Known { catalogue, environment, start, .. } = *known;
    let previous = start.recorded.as_ref();
    let planned = |outcome: &Outcome| {
        let (app, plan) = &**outcome.plan.as_ref()?;
        let subject = Climber { name: &outcome.name, namespace: &outcome.namespace, spec: &app.spec };
        let climb = climb_of(subject, catalogue, environment, previous, &steps_of(app));
        Some((climb, changes::classify(previous, plan)))
    };
    let beside: Vec<_> = outcomes.iter().map(planned).collect();
    let subjects: Vec<Subject<'_>> = outcomes
        .iter()
        .zip(&beside)
        .map(|(outcome, beside)| Subject {
            name: &outcome.name,
            namespace: &outcome.namespace,
            planned: outcome.plan.as_deref().map(|(app, plan)| (app, plan)),
            findings: &outcome.findings,
            changes: beside.as_ref().map_or(&[], |(_, changes)| changes),
            climb: beside.as_ref().map(|(climb, _)| climb),
        })
        .collect();
    let text = html_report(&start.note, &subjects).map_err(|error| CliError::Operator(error.to_string()))?;
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}

fn outcome(args: &PlanArgs, document: Document, known: &Known<'_>) -> Outcome {
    let Known { catalogue, environment, start, observed } = *known;
    let mut namespace = start.namespace.clone();
    let users = args.users.as_ref().and_then(Users::single);
    let checked = document.app.map_err(|problem| vec![problem]).and_then(|mut app| {
        if let Some(named) = app.metadata.namespace.clone() {
            namespace = named;
        }
        if let Some(users) = users {
            app.spec = with_users(&app.spec, users);
        }
        validate(&document.name, &namespace, None, &app.spec, environment)
    });
    match checked {
        Ok(declared) => {
            let previous = start.recorded.as_ref();
            let given = Given { catalogue, environment, previous };
            let (app, mut planned) = if let Some(figures) = observed {
                (figures.applied(&declared), observed_plan(&declared, figures, given))
            } else {
                let planned = plan(&declared, catalogue, environment, previous);
                (declared, planned)
            };
            planned.uncertainty = Some(uncertainty(&app, catalogue, environment, &planned));
            let findings = planned.findings.clone();
            Outcome { name: document.name, namespace, plan: Some(Box::new((app, planned))), findings }
        }
        Err(problems) => {
            let findings = problems.into_iter().map(finding).collect();
            Outcome { name: document.name, namespace, plan: None, findings }
        }
    }
}

fn finding(problem: Problem) -> Finding {
    Finding::new(Severity::Error, FindingKind::InvalidSpec, problem.field, problem.message)
}

fn tables(args: &PlanArgs, start: &Start, outcomes: &[Outcome]) -> Result<(), CliError> {
    let mut out = anstream::stdout();
    writeln!(out, "{}", start.note)?;
    for outcome in outcomes {
        writeln!(out)?;
        match (&outcome.plan, &args.why) {
            (Some(planned), Some(wanted)) => {
                let text = why(&planned.1, wanted).ok_or_else(|| no_tier(&planned.1, wanted))?;
                write!(out, "{text}")?;
                if outcome.refused() {
                    write!(out, "\n{}", findings(&outcome.findings))?;
                }
            }
            (Some(planned), None) if !outcome.refused() => {
                let changed = changes::classify(start.recorded.as_ref(), &planned.1);
                write!(out, "{}", plan_table(&planned.1, &changed))?;
            }
            _ => {
                writeln!(out, "{} in {}: refused", outcome.name, outcome.namespace)?;
                write!(out, "{}", findings(&outcome.findings))?;
            }
        }
    }
    Ok(())
}

fn no_tier(plan: &Plan, wanted: &str) -> CliError {
    CliError::Usage(format!("{} has no {wanted} to explain; there is {}", plan.app, askable(plan).join(", ")))
}

/// What `--why` shows, for machines: the tiers with their reasons, or the reasons alone.
fn reasons_of(plan: &Plan, wanted: &str) -> Result<Value, CliError> {
    let tiers = why_tiers(plan, wanted);
    match wanted.to_lowercase().as_str() {
        "demand" => Ok(
            json!({"demand": plan.demand, "demandAtHorizon": plan.demand_at_horizon, "reasons": plan.demand_reasons}),
        ),
        "cost" => Ok(json!({"monthlyCost": plan.monthly_cost})),
        _ if tiers.is_empty() => {
            let external = plan.external.iter().find(|external| external.name == wanted.to_lowercase());
            external.map(|external| json!(external)).ok_or_else(|| no_tier(plan, wanted))
        }
        _ => Ok(json!(tiers)),
    }
}

fn json_of(outcome: &Outcome) -> Value {
    outcome.plan.as_ref().map_or_else(
        || json!({"app": outcome.name, "namespace": outcome.namespace, "findings": outcome.findings}),
        |planned| json!(planned.1),
    )
}

fn recorded_of(outcome: &Outcome, previous: Option<&RecordedPlan>) -> Option<Value> {
    let (app, plan) = &**outcome.plan.as_ref()?;
    let installed = effective(app, plan, previous);
    let mut kept = json!(RecordedPlan::new(plan, installed.spec, plan.images.clone(), plan.catalogue.clone()));
    kept["app"] = json!(plan.app);
    Some(kept)
}

/// One value as it is, several as a list.
pub(super) fn print(form: Form, values: impl Iterator<Item = Value>) -> Result<(), CliError> {
    let mut values: Vec<Value> = values.collect();
    let value = match values.len() {
        0 => return Ok(()),
        1 => values.swap_remove(0),
        _ => Value::Array(values),
    };
    let text = if form == Form::Yaml {
        yaml::to_string(&value).map_err(std::io::Error::other)?
    } else {
        serde_json::to_string_pretty(&value).map_err(std::io::Error::from)? + "\n"
    };
    Ok(write!(std::io::stdout(), "{text}")?)
}
