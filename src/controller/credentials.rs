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
use crate::resources::{Credentials, names};

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
    #[error("Secret {secret} has no {key}; restore it, the database was made with it")]
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
    let prefix = format!("data-{database}-");
    let claims: Vec<String> =
        observed.claims.iter().map(ResourceExt::name_any).filter(|name| name.starts_with(&prefix)).collect();
    if claims.is_empty() {
        return Ok(());
    }
    let claims = claims.join(", ");
    if observed.auth.is_none() {
        return Err(CredentialsError::PasswordsLost { claims, secret: names::database_auth(&app.name) });
    }
    if observed.patroni("config").is_none() {
        let [config, ..] = names::patroni_objects(&app.name);
        return Err(CredentialsError::IdentityLost { claims, config });
    }
    Ok(())
}

/// The passwords of an application with a database.
///
/// # Errors
/// When they are incomplete, somebody else's, or cannot be stored.
pub async fn read_or_create(
    ctx: &Context,
    observed: &Observed,
    app: &ValidApp,
) -> Result<Option<Credentials>, CredentialsError> {
    if app.database.is_none() {
        return Ok(None);
    }
    if let Some(secret) = &observed.auth {
        return read(secret, observed).map(Some);
    }
    let made = generate()?;
    let name = names::database_auth(&app.name);
    let secret = object(observed, app, &name, &made);
    let api: Api<Secret> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let params = PostParams { field_manager: Some(labels::FIELD_MANAGER.to_owned()), ..PostParams::default() };
    match api.create(&params, &secret).await {
        Ok(_) => {
            ctx.metrics.applied("Secret");
            Ok(Some(made))
        }
        Err(error) if is_conflict(&error) => {
            let stored = api.get(&name).await.map_err(CredentialsError::SecretFailed)?;
            read(&stored, observed).map(Some)
        }
        Err(error) => Err(CredentialsError::SecretFailed(error)),
    }
}

fn read(secret: &Secret, observed: &Observed) -> Result<Credentials, CredentialsError> {
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
    Credentials::from_data(&data).map_err(|key| CredentialsError::PasswordMissing { secret: secret.name_any(), key })
}

/// Passwords from the operating system's generator; each letter is even, by rejection.
fn generate() -> Result<Credentials, CredentialsError> {
    let mut failure = None;
    let made = Credentials::generate(|below| {
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

fn object(observed: &Observed, app: &ValidApp, name: &str, made: &Credentials) -> Secret {
    let instance = observed.name.as_str();
    let labels = [
        (labels::NAME, "postgresql"),
        (labels::INSTANCE, instance),
        (labels::COMPONENT, "database"),
        (labels::PART_OF, instance),
        (labels::MANAGED_BY, labels::MANAGED_BY_VALUE),
        (labels::APP, instance),
    ];
    let uid = observed.app.uid().unwrap_or_default();
    Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(observed.namespace.clone()),
            labels: Some(labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()),
            annotations: Some(BTreeMap::from([(labels::RETAINED_FROM.to_owned(), uid)])),
            owner_references: (app.deletion_policy == DeletionPolicy::Delete)
                .then(|| vec![ownership::reference(&observed.app)]),
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
        let (a, b) = (generate().unwrap(), generate().unwrap());
        assert_ne!(a, b);
        let distinct: std::collections::BTreeSet<String> = a.data().into_values().collect();
        assert_eq!(distinct.len(), 6);
        assert!(distinct.iter().all(|p| p.len() == 32 && p.chars().all(|c| c.is_ascii_alphanumeric())));
    }
}
