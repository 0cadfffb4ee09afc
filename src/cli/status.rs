//! `scaledapp status NAME`: a live application as a tree, read with the user's own rights.

use std::io::{IsTerminal, Write};

use clap::{Args, ValueEnum};
use jiff::Timestamp;

use super::{CliError, yaml};
use crate::controller::look::{Look, LookError, Looker};
use crate::controller::spectator::{Sight, Spectator};
use crate::report::status::{AppView, Sources, status_tree};

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\x1b[2J\x1b[H";

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp status shop                                how it is, tier by tier and pod by pod\n  scaledapp status shop -n prod --watch                anew at every change, until it is deleted or Ctrl-C\n  scaledapp status shop -o json | jq '.tiers[].pods[] | select(.state != \"Ready\")'\n  until scaledapp status shop >/dev/null; do sleep 5; done\n\nAs a file called kubectl-scaledapp in the PATH it is 'kubectl scaledapp status shop' too.\n\nExit codes: 0 ready by the newest spec, 1 not ready, 2 bad usage, 3 no such application, 4 the cluster could not be asked."
)]
pub(super) struct StatusArgs {
    /// Name of the ScaledApp
    name: String,
    /// Its namespace; default: that of the context
    #[arg(short, long)]
    namespace: Option<String>,
    /// Context of the kubeconfig; default: the current one
    #[arg(long)]
    context: Option<String>,
    /// Prints anew at every change, until the application is deleted
    #[arg(short, long)]
    watch: bool,
    /// Form of the output; with --watch, json is one line a change and yaml one document
    #[arg(short, long, value_enum, default_value_t = Form::Tree)]
    output: Form,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// For people
    Tree,
    /// Everything that is known, names and messages whole
    Json,
    /// The same as YAML
    Yaml,
}

pub(super) fn run(args: &StatusArgs) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::Operator(error.to_string()))?.block_on(show(args))
}

async fn show(args: &StatusArgs) -> Result<(), CliError> {
    let looker = Looker::connect(args.context.as_deref(), args.namespace.as_deref(), &args.name).await?;
    let view = view(&looker.look().await?)?;
    if args.watch {
        return watch(args, looker, view).await;
    }
    match args.output {
        Form::Json => pretty(&view)?,
        form => print(form, &view)?,
    }
    if view.ready { Ok(()) } else { Err(CliError::NotReady) }
}

fn pretty(view: &AppView) -> Result<(), CliError> {
    let text = serde_json::to_string_pretty(view).map_err(std::io::Error::from)?;
    Ok(writeln!(std::io::stdout(), "{text}")?)
}

async fn watch(args: &StatusArgs, looker: Looker, first: AppView) -> Result<(), CliError> {
    let mut spectator = Spectator::new(looker);
    let mut last = first;
    again(args.output, &last, true)?;
    loop {
        match spectator.next().await? {
            Sight::Look(look) => {
                let new = view(&look)?;
                if new != last {
                    again(args.output, &new, false)?;
                    last = new;
                }
            }
            Sight::Broken(why) => anstream::eprintln!("scaledapp: the watch broke and is made anew: {why}"),
        }
    }
}

fn view(look: &Look) -> Result<AppView, LookError> {
    let Look { app, pods, zones, notes } = look;
    AppView::new(Sources { app, pods, zones, notes }).map_err(|error| {
        LookError::Refused(format!("the stored status is of a form that this version does not know: {error}"))
    })
}

/// Prints a change: in the place of what was there on a terminal, below it elsewhere.
fn again(form: Form, view: &AppView, first: bool) -> Result<(), CliError> {
    if form == Form::Tree {
        if std::io::stdout().is_terminal() {
            write!(std::io::stdout(), "{CLEAR}")?;
        } else if !first {
            writeln!(std::io::stdout(), "\n--- {}", Timestamp::now().strftime("%FT%TZ"))?;
        }
    }
    print(form, view)
}

fn print(form: Form, view: &AppView) -> Result<(), CliError> {
    let mut out = std::io::stdout();
    match form {
        Form::Tree => write!(anstream::stdout(), "{}", status_tree(view, Timestamp::now()))?,
        Form::Json => writeln!(out, "{}", serde_json::to_string(view).map_err(std::io::Error::from)?)?,
        Form::Yaml => write!(out, "---\n{}", yaml::to_string(view).map_err(std::io::Error::other)?)?,
    }
    Ok(out.flush()?)
}
