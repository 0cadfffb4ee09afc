//! What ties the application's containers to the tiers: the binding Secret and the environment.
//!
//! A password stands in the Secret alone; containers refer to its keys.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{EnvVar, EnvVarSource, Secret, SecretKeySelector};

use super::meta::{self, Part};
use super::queue_config::VHOST;
use super::{Context, DesiredSet, Stage, credentials, external, names, proxy, routes};
use crate::api::SessionStore;
use crate::domain::{Backing, Millis, ValidService, ValidSessions};
use crate::planner::Tier;

/// Key of the address: of the database, for writes and pooled.
const URI: &str = "uri";
/// Key of the address for reads of bounded lag, pooled.
const READ_URI: &str = "read-uri";
/// Key of the address without pooling.
const DIRECT_URI: &str = "direct-uri";

/// Key of the token that a purge must show.
const TOKEN: &str = "token";

/// What an application needs to reach a tier: the data of the tier's binding Secret.
struct Binding {
    tier: Tier,
    /// The type that the Service Binding specification gives it.
    kind: &'static str,
    data: BTreeMap<&'static str, String>,
}

/// All bindings whose passwords are known, in a fixed order.
fn bindings(context: &Context<'_>) -> Vec<Binding> {
    let redis = [Tier::Cache, Tier::Sessions].map(|tier| redis(context, tier));
    [database(context)].into_iter().chain(redis).chain([queue(context), proxy(context)]).flatten().collect()
}

/// The binding Secrets of the tiers whose passwords are known.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    for Binding { tier, kind, data } in bindings(context) {
        let part = Part { component: tier.component(), name: credentials::engine(tier), service: None };
        let secret = Secret {
            metadata: part.meta(context.app, names::engine(&context.app.name, tier)),
            type_: Some(format!("servicebinding.io/{kind}")),
            data: Some(data.into_iter().map(|(key, value)| (key.to_owned(), ByteString(value.into_bytes()))).collect()),
            ..Secret::default()
        };
        set.add(Stage::Foundation, &secret);
    }
}

/// Hash of the bindings, for the pod templates of their users: containers read them only at their start, so a
/// changed one has to roll them. It reveals nothing: a password has 190 bits. Without passwords there is none, and
/// what `render` shows then differs from the cluster in this annotation alone.
#[must_use]
pub fn hash(context: &Context<'_>) -> Option<String> {
    let bindings = bindings(context);
    let texts = bindings.iter().flat_map(|binding| &binding.data).flat_map(|(key, value)| [*key, value.as_str()]);
    let externals = external::hashes(context);
    let none = bindings.is_empty() && externals.is_empty();
    (!none).then(|| meta::hash(texts.chain(externals.iter().map(String::as_str))))
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
    if app.cache.is_some() {
        ours.push(from_secret("CACHE_URL", names::engine(&app.name, Tier::Cache), URI));
    }
    ours.extend(app.sessions.iter().flat_map(|sessions| session_environment(context, sessions)));
    if app.queue.is_some() {
        ours.push(from_secret("AMQP_URL", names::engine(&app.name, Tier::Queue), URI));
    }
    if app.proxy.is_some() {
        let keys = [("PURGE_URL", URI), ("PURGE_TOKEN", TOKEN)];
        ours.extend(keys.map(|(name, key)| from_secret(name, names::engine(&app.name, Tier::Proxy), key)));
    }
    ours.extend(external::environment(context));
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

/// Where sessions are, and for how long one that nobody uses is kept.
fn session_environment(context: &Context<'_>, sessions: &ValidSessions) -> [EnvVar; 2] {
    let app = context.app;
    let secret = match (sessions.store, app.externals.secret(Backing::Database)) {
        (SessionStore::Memory, _) => names::engine(&app.name, Tier::Sessions),
        (SessionStore::Database, None) => names::engine(&app.name, Tier::Database),
        (SessionStore::Database, Some(external)) => external.to_owned(),
    };
    [from_secret("SESSION_URL", secret, URI), session_ttl(sessions.ttl.value)]
}

/// For how long a session that nobody uses is kept.
pub(super) fn session_ttl(ttl: Millis) -> EnvVar {
    literal("SESSION_TTL_SECONDS".to_owned(), (ttl.0 / 1000).to_string())
}

fn database(context: &Context<'_>) -> Option<Binding> {
    let app = context.app;
    let password = context.passwords(Tier::Database)?.get("app-password");
    let pool = names::host(&names::pool(&app.name), &app.namespace);
    let direct = names::host(&names::pool_direct(&app.name), &app.namespace);
    let uri = |host: &str, database: &str| format!("postgresql://app:{password}@{host}:5432/{database}");
    let data = BTreeMap::from([
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
    ]);
    Some(Binding { tier: Tier::Database, kind: "postgresql", data })
}

/// A cache or the sessions, through their routers.
fn redis(context: &Context<'_>, tier: Tier) -> Option<Binding> {
    let app = context.app;
    let password = context.passwords(tier)?.get("app-password");
    let host = names::host(&names::engine(&app.name, tier), &app.namespace);
    let data = BTreeMap::from([
        ("type", "redis".to_owned()),
        ("provider", "scaledapp".to_owned()),
        (URI, format!("redis://app:{password}@{host}:6379/0")),
        ("host", host),
        ("port", "6379".to_owned()),
        ("username", "app".to_owned()),
        ("password", password.to_owned()),
    ]);
    Some(Binding { tier, kind: "redis", data })
}

/// The queue, through its routers.
fn queue(context: &Context<'_>) -> Option<Binding> {
    let app = context.app;
    let password = context.passwords(Tier::Queue)?.get("app-password");
    let host = names::host(&names::engine(&app.name, Tier::Queue), &app.namespace);
    let data = BTreeMap::from([
        ("type", "rabbitmq".to_owned()),
        ("provider", "scaledapp".to_owned()),
        (URI, format!("amqp://app:{password}@{host}:5672/{VHOST}")),
        ("host", host),
        ("port", "5672".to_owned()),
        ("username", "app".to_owned()),
        ("password", password.to_owned()),
        ("vhost", VHOST.to_owned()),
    ]);
    Some(Binding { tier: Tier::Queue, kind: "rabbitmq", data })
}

/// Where the application purges the caching proxy: every edge takes it to every pod.
fn proxy(context: &Context<'_>) -> Option<Binding> {
    let app = context.app;
    let token = context.passwords(Tier::Proxy)?.get(proxy::PURGE_TOKEN);
    let host = names::host(&names::edge(&app.name), &app.namespace);
    let data = BTreeMap::from([
        ("type", "http".to_owned()),
        ("provider", "scaledapp".to_owned()),
        (URI, format!("http://{host}:{}/purge", proxy::PURGE_PORT)),
        ("host", host),
        ("port", proxy::PURGE_PORT.to_string()),
        (TOKEN, token.to_owned()),
    ]);
    Some(Binding { tier: Tier::Proxy, kind: "http", data })
}

fn literal(name: String, value: String) -> EnvVar {
    EnvVar { name, value: Some(value), ..EnvVar::default() }
}

/// A variable from the key of a Secret.
pub(super) fn from_secret(name: &str, secret: String, key: &str) -> EnvVar {
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
