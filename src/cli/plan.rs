//! `scaledapp plan -f FILE`: what a spec needs, before anything is written.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::CliError;
use super::input::{self, Document};
use crate::api::ScaledApp;
use crate::domain::{Environment, Observed, Problem, ValidApp, validate};
use crate::planner::{
    Catalogue, Finding, FindingKind, Given, Plan, RecordedPlan, Severity, changes, effective, observed_plan, plan,
    uncertainty,
};
use crate::report::{findings, plan_table};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp plan -f app.yaml                              what it needs now\n  scaledapp plan -f app.yaml --users 2000000              and with two million users a day\n  scaledapp plan -f app.yaml -o json | jq .tiers[].replicas\n  scaledapp plan -f app.yaml -o recorded > before.json    keep it, change the spec, then:\n  scaledapp plan -f app.yaml --previous before.json       what changes, and what would wait for an approval\n  scaledapp plan -f app.yaml --observed figures.yaml      with what was measured in the place of what was declared\n\nExit codes: 0 planned, 1 the spec cannot be met, 2 bad usage."
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
    /// Prices instead of the built-in ones: name, currency, and for cpu, memory, storage and egress low, high, date, source
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Figures measured of the running application, which take the place of the declared ones
    #[arg(long, value_name = "FILE", conflicts_with = "users")]
    observed: Option<PathBuf>,
    /// Plans for so many users a day instead of the declared load
    #[arg(long, value_name = "N")]
    users: Option<i64>,
    /// Namespace of documents that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people
    Table,
    /// The whole plan with all reasons
    Json,
    /// What a later plan must know of this one, for --previous
    Recorded,
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
    let previous = args.previous.as_deref().map(input::recorded).transpose()?;
    let (documents, others) = input::documents(&input::read(&args.filename)?, &args.filename)?;
    for other in others {
        anstream::eprintln!("Passed over: {other}, which is no ScaledApp.");
    }
    if previous.is_some() && documents.len() > 1 {
        return Err(CliError::Usage("--previous belongs to one ScaledApp, and the file holds several".to_owned()));
    }
    let note = match (&args.previous, &previous) {
        (Some(path), Some(recorded)) => format!("Previous plan: {} of {}.", recorded.hash, path.display()),
        _ => "Previous plan: none, so everything is planned afresh.".to_owned(),
    };
    let observed = args.observed.as_deref().map(input::observed).transpose()?;
    let observed = observed.as_ref();
    if observed.is_some() && (documents.len() > 1 || args.output == Form::Recorded) {
        return Err(CliError::Usage("--observed shows what one ScaledApp would need: give a file that holds one, and record a plan of what is declared".to_owned()));
    }
    let other = observed.and_then(|figures| figures.app.as_ref()).filter(|app| documents[0].name != **app);
    if let Some(other) = other {
        return Err(CliError::Usage(format!("the figures are of {other}, and the file holds {}", documents[0].name)));
    }
    let known = Known { observed, catalogue: &catalogue, environment: &environment, previous: previous.as_ref() };
    let outcomes: Vec<Outcome> = documents.into_iter().map(|document| outcome(args, document, &known)).collect();
    match args.output {
        Form::Table => tables(&note, &outcomes, previous.as_ref())?,
        Form::Json => {
            anstream::eprintln!("{note}");
            print(outcomes.iter().map(json_of))?;
        }
        Form::Recorded => {
            anstream::eprintln!("{note}");
            print(outcomes.iter().filter(|o| !o.refused()).filter_map(|o| recorded_of(o, previous.as_ref())))?;
        }
    }
    let refused = outcomes.iter().filter(|outcome| outcome.refused());
    let mut any = false;
    for outcome in refused {
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
    previous: Option<&'a RecordedPlan>,
    observed: Option<&'a Observed>,
}

fn outcome(args: &PlanArgs, document: Document, known: &Known<'_>) -> Outcome {
    let Known { catalogue, environment, previous, observed } = *known;
    let mut namespace = args.namespace.clone();
    let checked = document.app.map_err(|problem| vec![problem]).and_then(|mut app| {
        namespace = app.metadata.namespace.clone().unwrap_or_else(|| args.namespace.clone());
        if let Some(users) = args.users {
            with_users(&mut app, users);
        }
        validate(&document.name, &namespace, None, &app.spec, environment)
    });
    match checked {
        Ok(declared) => {
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

fn with_users(app: &mut ScaledApp, users: i64) {
    let targets = &mut app.spec.targets;
    targets.daily_active_users = Some(users);
    targets.peak_requests_per_second = None;
    targets.peak_concurrent_users = None;
    targets.seconds_between_requests = None;
}

fn finding(problem: Problem) -> Finding {
    Finding::new(Severity::Error, FindingKind::InvalidSpec, problem.field, problem.message)
}

fn tables(note: &str, outcomes: &[Outcome], previous: Option<&RecordedPlan>) -> Result<(), CliError> {
    let mut out = anstream::stdout();
    writeln!(out, "{note}")?;
    for outcome in outcomes {
        writeln!(out)?;
        match &outcome.plan {
            Some(planned) if !outcome.refused() => {
                let changed = changes::classify(previous, &planned.1);
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

fn json_of(outcome: &Outcome) -> Value {
    outcome.plan.as_ref().map_or_else(
        || json!({"app": outcome.name, "namespace": outcome.namespace, "findings": outcome.findings}),
        |planned| json!(planned.1),
    )
}

fn recorded_of(outcome: &Outcome, previous: Option<&RecordedPlan>) -> Option<Value> {
    let (app, plan) = &**outcome.plan.as_ref()?;
    let installed = effective(app, plan, previous);
    Some(json!(RecordedPlan::new(plan, installed.spec, plan.images.clone(), plan.catalogue.clone())))
}

/// One value as it is, several as a list.
fn print(values: impl Iterator<Item = Value>) -> Result<(), CliError> {
    let mut values: Vec<Value> = values.collect();
    let value = match values.len() {
        0 => return Ok(()),
        1 => values.swap_remove(0),
        _ => Value::Array(values),
    };
    let text = serde_json::to_string_pretty(&value).map_err(std::io::Error::from)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
