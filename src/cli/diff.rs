//! `scaledapp diff A B`, `scaledapp diff -f FILE --live`: what would change before anything does.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::live::{self, LiveArgs, Start};
use super::{CliError, input, yaml};
use crate::domain::{Environment, ValidApp, validate};
use crate::planner::diff::{PlanDiff, diff};
use crate::planner::{Catalogue, CostSpan, Finding, FindingKind, Plan, RecordedPlan, Severity, effective, plan};
use crate::report::{diff_text, findings};

#[derive(Args, Debug)]
#[command(
    override_usage = "scaledapp diff BEFORE AFTER [OPTIONS]\n       scaledapp diff -f FILE --live [OPTIONS]\n       scaledapp diff -f FILE --previous RECORDED [OPTIONS]",
    after_help = "Examples:\n  scaledapp diff before.yaml after.yaml          two specs: what changes, what restarts, what risks data\n  scaledapp diff -f app.yaml --live              a spec and what runs in the cluster\n  scaledapp diff -f app.yaml --previous r.json   a spec and a recorded plan\n  scaledapp diff -f app.yaml --live -o json | jq '.proposed.changes[] | {object, class}'\n\nOf BEFORE and AFTER a single - is the standard input.\n\nExit codes, as of kubectl diff: 0 no difference, 1 differences, above 1 an error: 2 bad usage or a spec that\ncannot be met, 4 the cluster could not be asked."
)]
pub(super) struct DiffArgs {
    /// Spec before, planned afresh
    #[arg(value_name = "BEFORE", requires = "after", conflicts_with_all = ["filename", "live", "previous"])]
    before: Option<PathBuf>,
    /// Spec after, planned from the one before
    #[arg(value_name = "AFTER")]
    after: Option<PathBuf>,
    /// File with the spec after, with --live or --previous
    #[arg(short, long, value_name = "FILE")]
    filename: Option<PathBuf>,
    #[command(flatten)]
    live: LiveArgs,
    /// Recorded plan before, of `plan -o recorded` or a ControllerRevision
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// What the operator's owner says about the cluster; default three zones, pods of at most 16 CPU and 64Gi
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// Namespace of a document that names none; default: `default`, with --live that of the context
    #[arg(short, long)]
    namespace: Option<String>,
    /// Form of the output
    #[arg(short, long, value_enum, default_value_t = Form::Text)]
    output: Form,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people
    Text,
    /// Everything that would change
    Json,
    /// The same as YAML
    Yaml,
}

/// A spec with its plan.
struct Planned {
    app: ValidApp,
    plan: Plan,
}

pub(super) fn run(args: &DiffArgs) -> Result<(), CliError> {
    let environment = input::environment(args.environment.as_deref())?;
    let (after, start, cost) = match (&args.before, &args.after, &args.filename) {
        (Some(before), Some(after), _) => between(args, before, after, &environment)?,
        (_, _, Some(file)) => recorded(args, file, &environment)?,
        _ => {
            return Err(CliError::Usage(
                "what is compared? Write two files, or -f FILE with --live or --previous".to_owned(),
            ));
        }
    };
    let found = diff(start.recorded.as_ref(), cost, &after.app.spec, &after.plan);
    print(args.output, &start.note, &found)?;
    if after.plan.is_refused() {
        anstream::eprint!("{}", findings(&after.plan.findings));
        return Err(CliError::Usage(format!("{} cannot be planned as it is", after.plan.app)));
    }
    if found.is_empty() { Ok(()) } else { Err(CliError::Differs) }
}

fn print(form: Form, note: &str, found: &PlanDiff) -> Result<(), CliError> {
    if form == Form::Text {
        return Ok(write!(anstream::stdout(), "{note}\n\n{}", diff_text(found))?);
    }
    anstream::eprintln!("{note}");
    let text = if form == Form::Json {
        serde_json::to_string_pretty(found).map_err(std::io::Error::from)? + "\n"
    } else {
        yaml::to_string(found).map_err(std::io::Error::other)?
    };
    Ok(write!(std::io::stdout(), "{text}")?)
}

/// Two specs: the first is planned afresh and taken for what runs.
fn between(
    args: &DiffArgs,
    before: &Path,
    after: &Path,
    environment: &Environment,
) -> Result<(Planned, Start, Option<CostSpan>), CliError> {
    if args.live.live || args.previous.is_some() || args.filename.is_some() {
        return Err(CliError::Usage(
            "two files are compared with each other: leave out -f, --live and --previous".to_owned(),
        ));
    }
    if before.as_os_str() == "-" && after.as_os_str() == "-" {
        return Err(CliError::Usage("the standard input is one file: name the other one".to_owned()));
    }
    let namespace = args.namespace.as_deref().unwrap_or("default");
    let old = planned(before, namespace, environment, None)?;
    if old.plan.is_refused() {
        anstream::eprint!("{}", findings(&old.plan.findings));
        return Err(CliError::Usage(format!("{} cannot be planned as it is", before.display())));
    }
    let installed = effective(&old.app, &old.plan, None);
    let recorded = RecordedPlan::new(&old.plan, installed.spec, old.plan.images.clone(), old.plan.catalogue.clone());
    let note = format!("Previous plan: {} of {}, planned afresh.", recorded.hash, before.display());
    let new = planned(after, namespace, environment, Some(&recorded))?;
    if (&old.app.name, &old.app.namespace) != (&new.app.name, &new.app.namespace) {
        return Err(CliError::Usage(format!(
            "{} is application {}/{} and {} is {}/{}: a spec is compared with an earlier one of the same metadata.name and namespace",
            before.display(),
            old.app.namespace,
            old.app.name,
            after.display(),
            new.app.namespace,
            new.app.name
        )));
    }
    let start = Start { note, recorded: Some(recorded), namespace: namespace.to_owned() };
    Ok((new, start, Some(span(&old.plan))))
}

/// A spec, and the plan that was recorded in the cluster or in a file.
fn recorded(
    args: &DiffArgs,
    file: &Path,
    environment: &Environment,
) -> Result<(Planned, Start, Option<CostSpan>), CliError> {
    let document = only(file)?;
    let of_document = document.app.as_ref().ok().and_then(|app| app.metadata.namespace.clone());
    let namespace = of_document.as_deref().or(args.namespace.as_deref());
    let start = match &args.previous {
        Some(path) => {
            let plan = input::recorded(path, &document.name)?;
            Start {
                note: format!("Previous plan: {} of {}.", plan.hash, path.display()),
                recorded: Some(plan),
                namespace: namespace.unwrap_or("default").to_owned(),
            }
        }
        None if args.live.live => live::newest(&args.live, namespace, &document.name)?,
        None => {
            return Err(CliError::Usage(
                "-f FILE is compared with what runs: add --live, or --previous FILE".to_owned(),
            ));
        }
    };
    let new = planned_document(document, &start.namespace, environment, start.recorded.as_ref())?;
    let cost = start.recorded.as_ref().and_then(|recorded| cost_of(&new.app, recorded, environment));
    Ok((new, start, cost))
}

/// What the recorded plan costs: its own spec planned from itself.
fn cost_of(app: &ValidApp, recorded: &RecordedPlan, environment: &Environment) -> Option<CostSpan> {
    let old = validate(app.name.as_str(), &app.namespace, None, &recorded.spec, environment).ok()?;
    Some(span(&plan(&old, &Catalogue::builtin(), environment, Some(recorded))))
}

fn span(plan: &Plan) -> CostSpan {
    let cost = &plan.monthly_cost;
    CostSpan { currency: cost.currency.clone(), low: cost.low, high: cost.high }
}

/// The one ScaledApp of a file.
fn only(file: &Path) -> Result<input::Document, CliError> {
    let (mut documents, _) = input::documents(&input::read(file)?, file)?;
    match (documents.pop(), documents.is_empty()) {
        (Some(document), true) => Ok(document),
        _ => Err(CliError::Usage(format!("{} holds several ScaledApps: a difference is of one", file.display()))),
    }
}

fn planned(
    file: &Path,
    namespace: &str,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
) -> Result<Planned, CliError> {
    planned_document(only(file)?, namespace, environment, previous)
}

fn planned_document(
    document: input::Document,
    namespace: &str,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
) -> Result<Planned, CliError> {
    let checked = document.app.map_err(|problem| vec![problem]).and_then(|app| {
        let namespace = app.metadata.namespace.clone().unwrap_or_else(|| namespace.to_owned());
        validate(&document.name, &namespace, None, &app.spec, environment)
    });
    match checked {
        Ok(app) => {
            let plan = plan(&app, &Catalogue::builtin(), environment, previous);
            Ok(Planned { app, plan })
        }
        Err(problems) => {
            let told: Vec<Finding> = problems
                .into_iter()
                .map(|problem| Finding::new(Severity::Error, FindingKind::InvalidSpec, problem.field, problem.message))
                .collect();
            anstream::eprint!("{}", findings(&told));
            Err(CliError::Usage(format!("{} cannot be planned as it is", document.name)))
        }
    }
}
