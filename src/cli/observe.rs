//! `scaledapp observe NAME`: figures of a running application, for `plan --observed`.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::CliError;
use crate::controller::look::Looker;
use crate::controller::measure::measure;
use crate::domain::Millis;

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp observe shop > observed.yaml                  a minute of the running application, while it has load\n  scaledapp observe shop --for 10m > observed.yaml        ten minutes, which say more\n  scaledapp plan -f app.yaml --observed observed.yaml     what it would need by that\n\nReads with your rights: get of the ScaledApp, list of pods, get of pods/proxy, list of pods.metrics.k8s.io.\n\nExit codes: 0 observed, 1 nothing to observe, 2 bad usage, 3 no such application, 4 the cluster could not be asked."
)]
pub(super) struct ObserveArgs {
    /// Name of the ScaledApp
    name: String,
    /// Its namespace; default: that of the context
    #[arg(short, long)]
    namespace: Option<String>,
    /// Context of the kubeconfig; default: the current one
    #[arg(long)]
    context: Option<String>,
    /// For how long, from 30s to 24h
    #[arg(long = "for", value_name = "DURATION", default_value = "60s", value_parser = window)]
    window: Duration,
}

fn window(text: &str) -> Result<Duration, String> {
    Millis::parse(text)
        .filter(|span| (Millis::seconds(30)..=Millis::seconds(86_400)).contains(span))
        .map(|span| Duration::from_millis(span.0))
        .ok_or_else(|| "write a duration from 30s to 24h, such as 60s or 10m".to_owned())
}

pub(super) fn run(args: &ObserveArgs) -> Result<(), CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| CliError::Operator(error.to_string()))?.block_on(observe(args))
}

async fn observe(args: &ObserveArgs) -> Result<(), CliError> {
    let looker = Looker::connect(args.context.as_deref(), args.namespace.as_deref(), &args.name).await?;
    let seconds = args.window.as_secs();
    if std::io::stderr().is_terminal() {
        anstream::eprintln!("Observing {} in {} for {seconds} s.", args.name, looker.namespace());
    }
    let figures = measure(&looker, args.window).await?;
    let now = Timestamp::now().strftime("%FT%TZ").to_string();
    let file = figures.file(&args.name, looker.namespace(), &now, seconds);
    Ok(std::io::stdout().write_all(file.as_bytes())?)
}
