//! The plan that the operator recorded of a live application, read with the user's own rights.

use clap::Args;

use super::CliError;
use crate::controller::look::Looker;
use crate::controller::recall::Recall;
use crate::planner::RecordedPlan;

#[derive(Args, Clone, Debug)]
pub(super) struct LiveArgs {
    /// Starts from the newest plan that the operator recorded in the cluster, read with your own rights
    #[arg(long, conflicts_with = "previous")]
    pub live: bool,
    /// Context of the kubeconfig, with --live; default: the current one
    #[arg(long, requires = "live")]
    pub context: Option<String>,
}

/// Where a plan starts, and what is said about it.
pub(super) struct Start {
    /// The first line of the output.
    pub note: String,
    /// The recorded plan, where there is one.
    pub recorded: Option<RecordedPlan>,
    /// The namespace in which the application is, or would be.
    pub namespace: String,
}

/// The newest recorded plan of an application; the namespace is the context's unless it is given.
pub(super) fn newest(args: &LiveArgs, namespace: Option<&str>, name: &str) -> Result<Start, CliError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CliError::Operator(error.to_string()))?;
    let (recall, namespace) = runtime.block_on(async {
        let looker = Looker::connect(args.context.as_deref(), namespace, name).await?;
        Ok::<_, CliError>((looker.recall().await?, looker.namespace().to_owned()))
    })?;
    let none = |why: String| Start {
        note: format!("Previous plan: none, {why}, so everything is planned afresh."),
        recorded: None,
        namespace: namespace.clone(),
    };
    Ok(match recall {
        Recall::NoApp => none(format!("there is no ScaledApp {name} in namespace {namespace}")),
        Recall::NoPlan => none(format!("no plan of {name} in namespace {namespace} was accepted yet")),
        Recall::Plan { revision, plan } => Start {
            note: format!("Previous plan: {} of ControllerRevision {revision} in namespace {namespace}.", plan.hash),
            recorded: Some(*plan),
            namespace,
        },
    })
}
