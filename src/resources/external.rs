//! Tiers that somebody else runs: which keys the owner's Secret must have, what the containers get from them, and
//! what may be said of them.
//!
//! A value stands in the Secret alone: what is kept of one here is its host, its port and a hash.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::core::v1::EnvVar;

use super::bindings::{from_secret, session_ttl};
use super::{Context, meta};
use crate::domain::{Backing, ValidApp};

/// A variable of the containers, and the keys from which it comes: the first one that the Secret has.
struct Variable {
    name: &'static str,
    keys: &'static [&'static str],
    /// Whether the application does without it.
    optional: bool,
}

const fn needed(name: &'static str, keys: &'static [&'static str]) -> Variable {
    Variable { name, keys, optional: false }
}

const fn optional(name: &'static str, keys: &'static [&'static str]) -> Variable {
    Variable { name, keys, optional: true }
}

/// What the containers get.
const fn variables(backing: Backing) -> &'static [Variable] {
    match backing {
        Backing::Database => {
            const {
                &[
                    needed("DATABASE_URL", &["uri"]),
                    needed("DATABASE_READ_URL", &["read-uri", "uri"]),
                    needed("DATABASE_DIRECT_URL", &["direct-uri", "uri"]),
                ]
            }
        }
        Backing::Cache => const { &[needed("CACHE_URL", &["uri"])] },
        Backing::Sessions => const { &[needed("SESSION_URL", &["uri"])] },
        Backing::Queue => const { &[needed("AMQP_URL", &["uri"])] },
        Backing::Objects => {
            const {
                &[
                    needed("OBJECTS_URL", &["uri"]),
                    needed("OBJECTS_BUCKET", &["bucket"]),
                    optional("OBJECTS_REGION", &["region"]),
                    optional("OBJECTS_ACCESS_KEY_ID", &["access-key-id", "username"]),
                    optional("OBJECTS_SECRET_ACCESS_KEY", &["secret-access-key", "password"]),
                ]
            }
        }
    }
}

/// Keys that the Secret must have.
fn needed_keys(backing: Backing) -> impl Iterator<Item = &'static str> {
    let of = |variable: &Variable| (!variable.optional).then(|| variable.keys.last().copied()).flatten();
    variables(backing).iter().filter_map(of).collect::<BTreeSet<_>>().into_iter()
}

/// Schemes of an address, each with its usual port; the first one is shown as the example.
const fn schemes(backing: Backing) -> &'static [(&'static str, u16)] {
    match backing {
        Backing::Database => &[("postgresql", 5432), ("postgres", 5432)],
        Backing::Cache | Backing::Sessions => &[("redis", 6379), ("rediss", 6379), ("valkey", 6379), ("valkeys", 6379)],
        Backing::Queue => &[("amqp", 5672), ("amqps", 5671)],
        Backing::Objects => &[("https", 443), ("http", 80)],
    }
}

/// What the owner's Secret lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hole {
    /// There is no such Secret.
    #[error("spec.{} is external, and Secret {secret} does not exist: create it, with {keys}", backing.name())]
    SecretMissing {
        /// The tier.
        backing: Backing,
        /// The Secret.
        secret: String,
        /// Its keys, in words.
        keys: String,
    },
    /// A key has no value.
    #[error("Secret {secret} has no key {key}, which spec.{} needs: add it", backing.name())]
    KeyMissing {
        /// The tier.
        backing: Backing,
        /// The Secret.
        secret: String,
        /// The key.
        key: &'static str,
    },
    /// A value is no address. It is not shown: a password may stand in it.
    #[error(
        "key {key} of Secret {secret} is no address that spec.{} can use: write {example}, in one line, without spaces, and @ / ? # in user and password as %40 %2F %3F %23",
        backing.name()
    )]
    NoAddress {
        /// The tier.
        backing: Backing,
        /// The Secret.
        secret: String,
        /// The key.
        key: &'static str,
        /// What an address looks like.
        example: &'static str,
    },
}

impl Hole {
    /// There is no such Secret.
    #[must_use]
    pub fn missing(backing: Backing, secret: &str) -> Self {
        let keys: Vec<String> = needed_keys(backing).map(|key| format!("the key {key}")).collect();
        Self::SecretMissing { backing, secret: secret.to_owned(), keys: keys.join(" and ") }
    }
}

const fn example(backing: Backing) -> &'static str {
    match backing {
        Backing::Database => "postgresql://user:password@host:5432/database",
        Backing::Cache | Backing::Sessions => "redis://user:password@host:6379/0",
        Backing::Queue => "amqp://user:password@host:5672/vhost",
        Backing::Objects => "https://s3.region.example",
    }
}

/// What is known of a Secret that is complete.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    keys: BTreeSet<String>,
    /// Host and port, of several where the address has several; no credentials.
    pub endpoint: String,
    ports: BTreeSet<u16>,
    hash: String,
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Known({})", self.endpoint)
    }
}

impl Known {
    /// From the data of a Secret. Its uid goes into the hash: it is random and nobody's to see who may not read the
    /// Secret, so that the hash, which stands at pods, tells nothing of a password that is easy to guess.
    ///
    /// # Errors
    /// The first thing that it lacks.
    pub fn read(backing: Backing, secret: &str, uid: &str, data: &BTreeMap<String, String>) -> Result<Self, Hole> {
        let value = |key: &str| data.get(key).map(String::as_str).filter(|value| !value.is_empty());
        if let Some(key) = needed_keys(backing).find(|key| value(key).is_none()) {
            return Err(Hole::KeyMissing { backing, secret: secret.to_owned(), key });
        }
        let of = |variable: &Variable| variable.keys.iter().copied().find(|key| value(key).is_some());
        let used: BTreeSet<&'static str> = variables(backing).iter().filter_map(of).collect();
        let mut known = Self {
            keys: used.iter().map(|key| (*key).to_owned()).collect(),
            endpoint: String::new(),
            ports: BTreeSet::new(),
            hash: String::new(),
        };
        for key in used.iter().filter(|key| key.ends_with("uri")) {
            let places = places(value(key).unwrap_or_default(), schemes(backing)).ok_or(Hole::NoAddress {
                backing,
                secret: secret.to_owned(),
                key,
                example: example(backing),
            })?;
            known.ports.extend(places.iter().map(|(_, port)| *port));
            if *key == "uri" {
                let texts: Vec<String> = places.iter().map(|(host, port)| format!("{host}:{port}")).collect();
                known.endpoint = texts.join(",");
            }
        }
        let texts = used.iter().flat_map(|key| [*key, value(key).unwrap_or_default()]);
        known.hash = meta::hash([backing.name(), secret, uid].into_iter().chain(texts));
        Ok(known)
    }
}

/// Hosts and ports of an address; `None` when it is none, or when a credential could be taken for a host.
fn places(text: &str, schemes: &[(&str, u16)]) -> Option<Vec<(String, u16)>> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let (_, usual) = schemes.iter().find(|(known, _)| *known == scheme)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, more) = rest.split_at(end);
    // A password with such a letter in it would end the authority too early.
    if more.contains('@') {
        return None;
    }
    let hosts = authority.rsplit_once('@').map_or(authority, |(_, hosts)| hosts);
    hosts.split(',').map(|place| host_and_port(place, *usual)).collect()
}

fn host_and_port(place: &str, usual: u16) -> Option<(String, u16)> {
    let bracket = place.rfind(']').map_or(0, |end| end + 1);
    let (host, port) = match place[bracket..].rfind(':') {
        Some(colon) => (&place[..bracket + colon], place[bracket + colon + 1..].parse().ok()?),
        None => (place, usual),
    };
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let good = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c)),
    };
    (good && port > 0).then(|| (host.to_owned(), port))
}

/// What is known of the owner's Secrets, by tier and name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Externals(BTreeMap<(Backing, String), Result<Known, Hole>>);

impl Externals {
    /// Adds what was found of a Secret.
    pub fn insert(&mut self, backing: Backing, secret: &str, found: Result<Known, Hole>) {
        self.0.insert((backing, secret.to_owned()), found);
    }

    /// What is known of a tier's Secret, if it is complete.
    #[must_use]
    pub fn known(&self, backing: Backing, secret: &str) -> Option<&Known> {
        self.0.get(&(backing, secret.to_owned()))?.as_ref().ok()
    }

    /// What the Secrets of an application lack.
    #[must_use]
    pub fn holes(&self, app: &ValidApp) -> Vec<&Hole> {
        let found = app.externals.secrets.iter().filter_map(|(backing, name)| self.0.get(&(*backing, name.clone())));
        found.filter_map(|found| found.as_ref().err()).collect()
    }
}

fn known<'a>(context: &Context<'a>, backing: Backing, secret: &str) -> Option<&'a Known> {
    context.credentials?.externals.known(backing, secret)
}

/// Hashes of the owner's Secrets that are known.
pub(super) fn hashes(context: &Context<'_>) -> Vec<String> {
    let secrets = &context.app.externals.secrets;
    secrets.iter().filter_map(|(backing, secret)| Some(known(context, *backing, secret)?.hash.clone())).collect()
}

/// Ports at which external tiers are reached; where a Secret is not known, the usual ones.
pub(super) fn ports(context: &Context<'_>) -> BTreeSet<u16> {
    let of = |(backing, secret): (&Backing, &String)| {
        let usual = || schemes(*backing).first().map(|(_, port)| *port).into_iter().collect();
        known(context, *backing, secret).map_or_else(usual, |known| known.ports.clone())
    };
    context.app.externals.secrets.iter().flat_map(of).collect()
}

/// What the containers get of the external tiers. Where a Secret is not known, the keys are taken that it must have.
pub(super) fn environment(context: &Context<'_>) -> Vec<EnvVar> {
    let externals = &context.app.externals;
    let mut all = Vec::new();
    for (backing, secret) in &externals.secrets {
        let known = known(context, *backing, secret);
        all.extend(variables(*backing).iter().map(|variable| from_owners(variable, secret, known)));
        if let Some(ttl) = externals.session_ttl.as_ref().filter(|_| *backing == Backing::Sessions) {
            all.push(session_ttl(ttl.value));
        }
    }
    all
}

fn from_owners(variable: &Variable, secret: &str, known: Option<&Known>) -> EnvVar {
    let there = known.and_then(|known| variable.keys.iter().find(|key| known.keys.contains(**key)));
    let usual = if variable.optional { variable.keys.first() } else { variable.keys.last() };
    let key = there.or(usual).copied().unwrap_or_default();
    let mut found = from_secret(variable.name, secret.to_owned(), key);
    if variable.optional
        && let Some(reference) = found.value_from.as_mut().and_then(|from| from.secret_key_ref.as_mut())
    {
        reference.optional = Some(true);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(backing: Backing, data: &[(&str, &str)]) -> Result<Known, Hole> {
        let data = data.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Known::read(backing, "theirs", "uid", &data)
    }

    fn endpoint(uri: &str) -> Option<String> {
        read(Backing::Database, &[("uri", uri)]).ok().map(|known| known.endpoint)
    }

    #[test]
    fn an_endpoint_never_holds_a_credential() {
        let good = [
            ("postgresql://shop:p%40ss@db.example:6432/shop?sslmode=require", "db.example:6432"),
            ("postgres://db.example/shop", "db.example:5432"),
            ("postgresql://u:p@a.example:5432,b.example:5433/shop", "a.example:5432,b.example:5433"),
            ("postgresql://u:p@q@db.example/shop", "db.example:5432"),
            ("postgresql://u:p@[2001:db8::1]:5432/shop", "[2001:db8::1]:5432"),
        ];
        for (uri, expected) in good {
            assert_eq!(endpoint(uri).as_deref(), Some(expected), "{uri}");
        }
        let bad = [
            "postgresql://u:4711/w@db.example/shop",
            "postgresql://u:4711?w@db.example/shop",
            "postgresql://u:4711#w@db.example/shop",
            "postgresql://db.example:0/shop",
            "postgresql:///shop?host=/run",
            "postgresql://u:p@db.example/shop\n",
            "mysql://u:p@db.example/shop",
            "db.example",
        ];
        for uri in bad {
            assert_eq!(endpoint(uri), None, "{uri:?}");
        }
    }

    #[test]
    fn a_hole_names_the_secret_and_the_key_and_no_value() {
        let hole = read(Backing::Objects, &[("uri", "https://s3.example")]).unwrap_err();
        assert!(hole.to_string().contains("theirs") && hole.to_string().contains("key bucket"), "{hole}");
        let hole = read(Backing::Database, &[("uri", "postgresql://u:geheim/x@h/d")]).unwrap_err();
        assert!(
            hole.to_string().contains("key uri of Secret theirs") && !hole.to_string().contains("geheim"),
            "{hole}"
        );
        let hole = read(Backing::Cache, &[("uri", "")]).unwrap_err();
        assert!(matches!(hole, Hole::KeyMissing { key: "uri", .. }), "{hole}");
        assert!(Hole::missing(Backing::Objects, "theirs").to_string().contains("bucket"));
    }

    #[test]
    fn a_hash_is_of_what_containers_read_and_of_nothing_else() {
        let hash = |data: &[(&str, &str)]| read(Backing::Database, data).unwrap().hash;
        let plain = hash(&[("uri", "postgresql://h/d")]);
        assert_eq!(plain, hash(&[("uri", "postgresql://h/d"), ("note", "x")]));
        assert_ne!(plain, hash(&[("uri", "postgresql://h/d"), ("read-uri", "postgresql://r/d")]));
        assert_ne!(plain, hash(&[("uri", "postgresql://u:new@h/d")]));
    }

    #[test]
    fn a_hash_is_not_to_be_guessed_from_a_password() {
        let data = BTreeMap::from([("uri".to_owned(), "postgresql://u:1234@h/d".to_owned())]);
        let hash = |uid: &str| Known::read(Backing::Database, "theirs", uid, &data).unwrap().hash;
        assert_ne!(hash("0b9c"), hash("7f3a"), "without the random uid four digits are tried in no time");
    }
}
