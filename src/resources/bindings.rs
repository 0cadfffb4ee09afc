//! What ties the application's containers to the tiers: the binding Secret and the environment.
//!
//! A password stands in the Secret alone; containers refer to its keys.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, Secret, SecretKeySelector};

use super::meta::{self, Part};
use super::{Context, Credentials, DesiredSet, Stage, names, routes};
use crate::domain::ValidService;
use crate::planner::Tier;

/// Key of the address for writes, pooled.
const URI: &str = "uri";
/// Key of the address for reads of bounded lag, pooled.
const READ_URI: &str = "read-uri";
/// Key of the address without pooling.
const DIRECT_URI: &str = "direct-uri";

/// The binding Secret, when there is a database and its passwords are known.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some(data) = binding(context) else { return };
    let part = Part { component: Tier::Database.component(), name: "postgresql", service: None };
    let secret = Secret {
        metadata: part.meta(context.app, names::database(&context.app.name)),
        // The type that the Service Binding specification gives to a PostgreSQL binding.
        type_: Some("servicebinding.io/postgresql".to_owned()),
        data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect()),
        ..Secret::default()
    };
    set.add(Stage::Foundation, &secret);
}

/// Hash of the binding, for the pod templates of its users: containers read it only at their start, so a changed
/// one has to roll them. It reveals nothing: the password has 190 bits. Without passwords there is none, and what
/// `render` shows then differs from the cluster in this annotation alone.
#[must_use]
pub fn hash(context: &Context<'_>) -> Option<String> {
    let data = binding(context)?;
    Some(meta::hash(data.iter().flat_map(|(key, value)| [*key, value.as_str()])))
}

/// The environment of a container of the application: addresses first, then what the owner wrote.
/// Names are distinct: validation refuses ours in the owner's.
#[must_use]
pub fn environment(context: &Context<'_>, service: Option<&ValidService>, owners: &[EnvVar]) -> Vec<EnvVar> {
    let app = context.app;
    let mut ours = Vec::new();
    if app.database.is_some() {
        let keys = [("DATABASE_URL", URI), ("DATABASE_READ_URL", READ_URI), ("DATABASE_DIRECT_URL", DIRECT_URI)];
        ours.extend(keys.map(|(name, key)| from_secret(name, names::database(&app.name), key)));
    }
    ours.extend(service.map(|service| literal("PORT".to_owned(), service.port.to_string())));
    ours.push(literal("PUBLIC_URL".to_owned(), routes::public_url(context)));
    for other in app.services.iter().filter(|other| service.is_none_or(|own| own.name != other.name)) {
        let name = format!("SERVICE_{}_URL", other.name.to_uppercase().replace('-', "_"));
        let host = names::host(&names::web(&app.name, &other.name), &app.namespace);
        ours.push(literal(name, format!("http://{host}")));
    }
    ours.extend_from_slice(owners);
    ours
}

fn binding(context: &Context<'_>) -> Option<BTreeMap<&'static str, String>> {
    let app = context.app;
    let password = context.credentials.filter(|_| app.database.is_some()).map(Credentials::app_password)?;
    let pool = names::host(&names::pool(&app.name), &app.namespace);
    let direct = names::host(&names::pool_direct(&app.name), &app.namespace);
    let uri = |host: &str, database: &str| format!("postgresql://app:{password}@{host}:5432/{database}");
    Some(BTreeMap::from([
        ("type", "postgresql".to_owned()),
        ("provider", "scaledapp".to_owned()),
        (URI, uri(&pool, "app")),
        (READ_URI, uri(&pool, "app_ro")),
        (DIRECT_URI, uri(&direct, "app")),
        ("host", pool),
        ("port", "5432".to_owned()),
        ("username", "app".to_owned()),
        ("password", password.to_owned()),
        ("database", "app".to_owned()),
    ]))
}

fn literal(name: String, value: String) -> EnvVar {
    EnvVar { name, value: Some(value), ..EnvVar::default() }
}

fn from_secret(name: &str, secret: String, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: secret,
                key: key.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
