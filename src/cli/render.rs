//! `scaledapp render -f FILE`: the manifests that the operator would write, for review and policy checks.
//!
//! It never prints a password: Secrets are listed and left out, or written to a new file that only
//! its owner can read.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::CliError;
use super::input::{self, Document};
use crate::domain::{Environment, ValidApp, validate};
use crate::planner::{Catalogue, Plan, RecordedPlan, Tier, effective, plan};
use crate::report::findings;
use crate::resources::meta::Part;
use crate::resources::{self, Credentials, DesiredObject, DesiredSet, Passwords, Stage, credentials, names};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp render -f app.yaml                              what the operator would write\n  scaledapp render -f app.yaml --secrets-out secrets.yaml   and fresh passwords, in a file of their own\n\nExit codes: 0 rendered, 1 the spec cannot be met, 2 bad usage."
)]
pub(super) struct RenderArgs {
    /// File with one or more ScaledApps; - is the standard input
    #[arg(short, long, value_name = "FILE")]
    filename: PathBuf,
    /// What the operator's owner says about the cluster; default three zones, pods of at most 16 CPU and 64Gi
    #[arg(long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// Recorded plan that the new one starts from, of `plan -o recorded` or a ControllerRevision
    #[arg(long, value_name = "FILE")]
    previous: Option<PathBuf>,
    /// Namespace of documents that name none
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// New file for the Secrets, with fresh random passwords, mode 0600
    #[arg(long, value_name = "FILE")]
    secrets_out: Option<PathBuf>,
}

/// Everything but Secrets, and the Secrets.
#[derive(Default)]
struct Rendered {
    manifests: String,
    secrets: String,
}

pub(super) fn run(args: &RenderArgs) -> Result<(), CliError> {
    let environment = input::environment(args.environment.as_deref())?;
    let (documents, others) = input::documents(&input::read(&args.filename)?, &args.filename)?;
    for other in others {
        anstream::eprintln!("Passed over: {other}, which is no ScaledApp.");
    }
    let previous = match (&args.previous, documents.as_slice()) {
        (None, _) => None,
        (Some(path), [document]) => Some(input::recorded(path, &document.name)?),
        _ => return Err(CliError::Usage("--previous belongs to one ScaledApp, and the file holds several".to_owned())),
    };
    let mut planned = Vec::new();
    for document in documents {
        planned.push(accepted(args, document, &environment, previous.as_ref())?);
    }
    let mut rendered = Rendered::default();
    for (app, plan) in &planned {
        let credentials = args.secrets_out.is_some().then(|| fresh_credentials(plan)).transpose()?;
        render(app, plan, &environment, credentials.as_ref(), &mut rendered)?;
    }
    if let Some(path) = &args.secrets_out {
        write_secrets(path, &rendered.secrets)?;
    }
    Ok(std::io::stdout().write_all(rendered.manifests.as_bytes())?)
}

/// The application as its plan installs it, or why it is refused.
fn accepted(
    args: &RenderArgs,
    document: Document,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
) -> Result<(ValidApp, Plan), CliError> {
    let problems = match document.app {
        Err(problem) => vec![problem],
        Ok(app) => {
            let namespace = app.metadata.namespace.as_ref().unwrap_or(&args.namespace);
            match validate(&document.name, namespace, None, &app.spec, environment) {
                Err(problems) => problems,
                Ok(valid) => {
                    let plan = plan(&valid, &Catalogue::builtin(), environment, previous);
                    if plan.is_refused() {
                        anstream::eprint!("{}", findings(&plan.findings));
                        return Err(refused(&document.name));
                    }
                    return Ok((effective(&valid, &plan, previous), plan));
                }
            }
        }
    };
    for problem in problems {
        anstream::eprintln!("{}", problem.message);
    }
    Err(refused(&document.name))
}

fn refused(name: &str) -> CliError {
    anstream::eprintln!("{name} cannot be planned as it is; nothing was rendered.");
    CliError::Refused
}

fn render(
    app: &ValidApp,
    plan: &Plan,
    environment: &Environment,
    credentials: Option<&Credentials>,
    rendered: &mut Rendered,
) -> Result<(), CliError> {
    let mut set = resources::build(app, plan, environment, credentials);
    for (tier, passwords) in credentials.iter().flat_map(|all| all.iter()) {
        add_auth_secret(app, tier, passwords, &mut set);
    }
    rendered.manifests.push_str(&header(app, plan));
    for object in set.into_ordered() {
        let is_secret = object.kind.kind == "Secret";
        let out = if is_secret { &mut rendered.secrets } else { &mut rendered.manifests };
        out.push_str(&document(object)?);
    }
    Ok(())
}

fn header(app: &ValidApp, plan: &Plan) -> String {
    let mut out = format!(
        "# ScaledApp {}/{}, plan {}: what the operator writes, in its order.\n",
        app.namespace, app.name, plan.hash
    );
    let secrets: Vec<String> = credentials::tiers(plan).into_iter().flat_map(|tier| left_out(app, tier)).collect();
    if !secrets.is_empty() {
        let _ = writeln!(out, "# Not here: the Secrets with generated passwords {}.", secrets.join(", "));
    }
    for (backing, secret) in &app.externals.secrets {
        let _ = writeln!(
            out,
            "# Secret {secret} is the owner's and says where {} is; keys that it need not have are taken as missing here.",
            backing.name()
        );
    }
    if !app.migrations.is_empty() {
        out.push_str(
            "# The operator waits for each migration's Job before it writes what follows; kubectl does not.\n",
        );
    }
    out
}

/// Secrets of a tier that hold what was generated: its own, its binding, and what else is made from them.
fn left_out(app: &ValidApp, tier: Tier) -> Vec<String> {
    let derived = match tier {
        Tier::Database => Some(names::pool_auth(&app.name)),
        _ => credentials::copy(&app.name, tier),
    };
    [names::engine_auth(&app.name, tier), names::engine(&app.name, tier)].into_iter().chain(derived).collect()
}

fn document(mut object: DesiredObject) -> Result<String, CliError> {
    let mut comment = String::new();
    if let Some(replicas) = object.seed_replicas {
        comment = format!("# {replicas} pods to begin with; afterwards the number is its autoscaler's.\n");
        object.object["spec"]["replicas"] = replicas.into();
    }
    let text = super::yaml::to_string(&object.object).map_err(std::io::Error::other)?;
    Ok(format!("---\n{comment}{text}"))
}

/// Passwords of a cryptographic generator that the operating system seeds.
fn fresh_credentials(plan: &Plan) -> Result<Credentials, CliError> {
    let mut random = StdRng::try_from_os_rng()
        .map_err(|error| CliError::Usage(format!("the operating system gives no random numbers: {error}")))?;
    Ok(Credentials::generate(plan, |below| random.random_range(0..below.max(1))))
}

/// The Secret that the operator makes once and outside of the desired set.
fn add_auth_secret(app: &ValidApp, tier: Tier, passwords: &Passwords, set: &mut DesiredSet) {
    let part = Part { component: tier.component(), name: credentials::engine(tier), service: None };
    let data = passwords.data().into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect();
    let secret =
        Secret { metadata: part.meta(app, names::engine_auth(&app.name, tier)), data: Some(data), ..Secret::default() };
    set.add(Stage::Foundation, &secret);
}

/// Never over an existing file: its passwords may be in use.
fn write_secrets(path: &Path, text: &str) -> Result<(), CliError> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(|error| {
        let why = if error.kind() == std::io::ErrorKind::AlreadyExists {
            "it exists, and its passwords may be in use".to_owned()
        } else {
            error.to_string()
        };
        CliError::Usage(format!("cannot create {}: {why}", path.display()))
    })?;
    Ok(file.write_all(text.as_bytes())?)
}
