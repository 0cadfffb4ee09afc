//! `scaledapp render`: the manifests of an application, for review and policy checks.
//!
//! It never prints a password: Secrets are left out and listed, or written to a file of their own.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;

use crate::domain::ValidApp;
use crate::planner::{Plan, Tier};
use crate::resources::meta::Part;
use crate::resources::{Credentials, DesiredObject, DesiredSet, Stage, names};

/// The objects of one application as YAML.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Everything but Secrets.
    pub manifests: String,
    /// The Secrets; empty without credentials.
    pub secrets: String,
}

/// The objects in the order in which they are applied, Secrets apart.
///
/// # Errors
/// When an object cannot be written as YAML.
pub fn render(app: &ValidApp, plan: &Plan, set: DesiredSet) -> Result<Rendered> {
    let mut rendered = Rendered { manifests: header(app, plan), secrets: String::new() };
    for object in set.into_ordered() {
        let secret = object.kind.kind == "Secret";
        let out = if secret { &mut rendered.secrets } else { &mut rendered.manifests };
        document(out, object)?;
    }
    Ok(rendered)
}

fn header(app: &ValidApp, plan: &Plan) -> String {
    let mut out = format!(
        "# ScaledApp {}/{}, plan {}: what the operator writes, in its order.\n",
        app.namespace, app.name, plan.hash
    );
    if app.database.is_some() {
        let secrets = [names::database_auth(&app.name), names::database(&app.name), names::pool_auth(&app.name)];
        let _ = writeln!(out, "# Left out are the Secrets with generated passwords: {}.", secrets.join(", "));
    }
    if !app.migrations.is_empty() {
        out.push_str("# The operator waits for each migration's Job before it writes what follows; kubectl does not.\n");
    }
    out
}

fn document(out: &mut String, mut object: DesiredObject) -> Result<()> {
    out.push_str("---\n");
    if let Some(replicas) = object.seed_replicas {
        let _ = writeln!(out, "# Begins with {replicas} pods; afterwards the number is its autoscaler's.");
        object.object["spec"]["replicas"] = Value::from(replicas);
    }
    let text = serde_yaml::to_string(&object.object).with_context(|| format!("{} {}", object.kind.kind, object.name))?;
    out.push_str(&text);
    Ok(())
}

/// Fresh passwords from a cryptographic generator that the operating system seeds.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn fresh_credentials() -> Result<Credentials> {
    let mut random = StdRng::try_from_os_rng().context("the operating system gives no random numbers")?;
    Ok(Credentials::generate(|below| random.random_range(0..below.max(1))))
}

/// Adds the Secret of the generated passwords, which the operator makes outside the desired set.
pub fn add_auth_secret(app: &ValidApp, credentials: &Credentials, set: &mut DesiredSet) {
    let part = Part { component: Tier::Database.component(), name: "postgresql", service: None };
    let data = credentials.data().into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect();
    let secret = Secret {
        metadata: part.meta(app, names::database_auth(&app.name)),
        data: Some(data),
        ..Secret::default()
    };
    set.add(Stage::Foundation, &secret);
}

/// Writes a new file that only its owner reads; never over an existing one, whose passwords may be in use.
///
/// # Errors
/// When the file exists or cannot be written.
pub fn write_secrets(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).with_context(|| {
        format!("cannot create {}: an existing file is never overwritten, its passwords may be in use", path.display())
    })?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}
