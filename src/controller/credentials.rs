//! Generated passwords: read, or made once. Never applied, never changed, never guessed again
//! while data exists that was made with them.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;
use kube::api::{Api, PostParams};
use rand::rngs::OsRng;
use rand::{TryRngCore, rand_core};
use strum::IntoStaticStr;

use crate::api::{DeletionPolicy, labels};
use crate::domain::ValidApp;
use crate::planner::{Plan, Tier};
use crate::resources::{Credentials, Passwords, credentials, names};

use super::context::Context;
use super::error::{Class, Staged, class_of, is_conflict};
use super::observe::Observed;
use super::ownership::{self, Owner};

/// Errors of the passwords and of the identity of kept volumes.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum CredentialsError {
    /// Volumes are there, but not the passwords that their data was made with.
    #[error(
        "volumes of an earlier database exist ({claims}) but their Secret {secret} does not; restore the Secret, or delete the volumes if their data is not wanted"
    )]
    PasswordsLost {
        /// The volumes.
        claims: String,
        /// The Secret.
        secret: String,
    },
    /// Volumes are there, but not the identity of the database.
    #[error(
        "volumes of an earlier database exist ({claims}) but the ConfigMap {config} that holds the database's identity does not; restore it (annotation `initialize`: the system identifier), or delete the volumes if their data is not wanted"
    )]
    IdentityLost {
        /// The volumes.
        claims: String,
        /// The `ConfigMap`.
        config: String,
    },
    /// The Secret lacks a key.
    #[error("Secret {secret} has no {key}; restore it, the tier was made with it")]
    PasswordMissing {
        /// The Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// The Secret's name is taken by somebody else.
    #[error("a Secret {0} exists that is not this application's; rename it or the application")]
    ForeignSecret(String),
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    NoRandomness(#[source] rand_core::OsError),
    /// The Secret could not be made.
    #[error("the passwords could not be stored: {0}")]
    SecretFailed(#[source] kube::Error),
}

impl Staged for CredentialsError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::SecretFailed(source) => class_of(source),
            Self::NoRandomness(_) => Class::Transient,
            _ => Class::Permanent,
        }
    }
}

/// Whether kept volumes can be used again; asked before anything is written.
///
/// # Errors
/// When the passwords or the identity of existing volumes are gone.
pub fn check_identity(observed: &Observed, app: &ValidApp) -> Result<(), CredentialsError> {
    let database = names::database(&app.name);
    if app.database.is_none() || observed.claims.is_empty() || observed.child_named("StatefulSet", &database).is_some()
    {
        return Ok(());
    }
    let prefix = names::engine_claims(&app.name, Tier::Database);
    let claims: Vec<String> =
        observed.claims.iter().map(ResourceExt::name_any).filter(|name| name.starts_with(&prefix)).collect();
    if claims.is_empty() {
        return Ok(());
    }
    let claims = claims.join(", ");
    if observed.secret(&names::database_auth(&app.name)).is_none() {
        return Err(CredentialsError::PasswordsLost { claims, secret: names::database_auth(&app.name) });
    }
    if observed.patroni("config").is_none() {
        let [config, ..] = names::patroni_objects(&app.name);
        return Err(CredentialsError::IdentityLost { claims, config });
    }
    Ok(())
}

/// The generated passwords of all tiers of a plan.
///
/// # Errors
/// When some are incomplete, somebody else's, or cannot be stored.
pub async fn read_or_create(
    ctx: &Context,
    observed: &Observed,
    app: &ValidApp,
    plan: &Plan,
) -> Result<Credentials, CredentialsError> {
    let mut all = Credentials::default();
    for tier in credentials::tiers(plan) {
        all.insert(tier, of_tier(ctx, observed, app, tier).await?);
    }
    Ok(all)
}

/// What the tiers of another plan of the application were given: what is known, and what their Secrets hold.
#[must_use]
pub fn of_plan(observed: &Observed, app: &ValidApp, plan: &Plan, known: &Credentials) -> Credentials {
    let mut all = Credentials::default();
    all.externals.clone_from(&known.externals);
    for tier in credentials::tiers(plan) {
        let stored = || read(&observed.secret(&names::engine_auth(&app.name, tier))?, observed, tier).ok();
        if let Some(passwords) = known.of(tier).cloned().or_else(stored) {
            all.insert(tier, passwords);
        }
    }
    all
}

async fn of_tier(
    ctx: &Context,
    observed: &Observed,
    app: &ValidApp,
    tier: Tier,
) -> Result<Passwords, CredentialsError> {
    let name = names::engine_auth(&app.name, tier);
    if let Some(secret) = observed.secret(&name) {
        return read(&secret, observed, tier);
    }
    let made = match repeated(observed, app, tier) {
        Some(known) => known,
        None => generate(tier)?,
    };
    let secret = object(observed, app, tier, &made);
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let params = PostParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, &secret).await {
        Ok(_) => {
            ctx.metrics.applied("Secret");
            Ok(made)
        }
        Err(error) if is_conflict(&error) => {
            let stored = api.get(&name).await.map_err(CredentialsError::SecretFailed)?;
            read(&stored, observed, tier)
        }
        Err(error) => Err(CredentialsError::SecretFailed(error)),
    }
}

/// The values of a Secret that is gone, where another of ours repeats them.
fn repeated(observed: &Observed, app: &ValidApp, tier: Tier) -> Option<Passwords> {
    let secret = observed.secret(&credentials::copy(&app.name, tier)?)?;
    read(&secret, observed, tier).ok()
}

fn read(secret: &Secret, observed: &Observed, tier: Tier) -> Result<Passwords, CredentialsError> {
    let uid = observed.app.uid().unwrap_or_default();
    if ownership::owner_of(&secret.metadata, &observed.name, &uid) != Owner::Ours {
        return Err(CredentialsError::ForeignSecret(secret.name_any()));
    }
    let data: BTreeMap<String, String> = secret
        .data
        .iter()
        .flatten()
        .filter_map(|(key, ByteString(value))| Some((key.clone(), String::from_utf8(value.clone()).ok()?)))
        .collect();
    Passwords::from_data(tier, &data)
        .map_err(|key| CredentialsError::PasswordMissing { secret: secret.name_any(), key })
}

/// Passwords from the operating system's generator; each letter is even, by rejection.
fn generate(tier: Tier) -> Result<Passwords, CredentialsError> {
    let mut failure = None;
    let made = Passwords::generate(tier, |below| {
        loop {
            match OsRng.try_next_u32() {
                Ok(number) => {
                    let below = u32::try_from(below).unwrap_or(u32::MAX).max(1);
                    let fair = u32::MAX - u32::MAX % below;
                    if number < fair {
                        return (number % below) as usize;
                    }
                }
                Err(error) => {
                    failure = Some(error);
                    return 0;
                }
            }
        }
    });
    failure.map_or(Ok(made), |error| Err(CredentialsError::NoRandomness(error)))
}

/// Under `Retain` the passwords of a tier with volumes outlive the application, as the volumes do.
fn object(observed: &Observed, app: &ValidApp, tier: Tier, made: &Passwords) -> Secret {
    let retained = tier.is_stateful() && app.deletion_policy == DeletionPolicy::Retain;
    let instance = observed.name.as_str();
    let labels = [
        (labels::NAME, credentials::engine(tier)),
        (labels::INSTANCE, instance),
        (labels::COMPONENT, tier.component()),
        (labels::PART_OF, instance),
        (labels::MANAGED_BY, labels::MANAGED_BY_VALUE),
        (labels::APP, instance),
    ];
    let uid = observed.app.uid().unwrap_or_default();
    Secret {
        metadata: ObjectMeta {
            name: Some(names::engine_auth(&app.name, tier)),
            namespace: Some(observed.namespace.clone()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some(BTreeMap::from([(labels::RETAINED_FROM.to_owned(), uid)])),
            owner_references: (!retained).then(|| vec![ownership::reference(&observed.app)]),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        data: Some(made.data().into_iter().map(|(key, value)| (key, ByteString(value.into_bytes()))).collect()),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_differ_and_have_their_length() {
        let (a, b) = (generate(Tier::Database).unwrap(), generate(Tier::Database).unwrap());
        assert_ne!(a, b);
        let distinct: std::collections::BTreeSet<String> = a.data().into_values().collect();
        assert_eq!(distinct.len(), 6);
        assert!(distinct.iter().all(|p| p.len() == 32 && p.chars().all(|c| c.is_ascii_alphanumeric())));
    }
}
