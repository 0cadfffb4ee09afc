//! Generated secrets of the tiers: passwords, tokens and cookies. They are made once, outside the desired set, and
//! only read afterwards.
//!
//! A tier that needs some says so in [`keys`]; everything else follows: the controller makes its Secret, `render`
//! lists it, and builders ask [`Context::passwords`](super::Context::passwords).

use std::collections::BTreeMap;
use std::fmt;

use super::{Externals, names};
use crate::domain::AppName;
use crate::planner::{Plan, Tier};

/// Length of a generated value, in characters of a 62-letter alphabet: 190 bits.
pub const PASSWORD_LENGTH: usize = 32;

/// Key of the password with which the operator manages the queue.
pub const QUEUE_ADMIN: &str = "admin-password";

/// Keys of a tier's generated Secret; none for a tier without one.
#[must_use]
pub const fn keys(tier: Tier) -> &'static [&'static str] {
    match tier {
        Tier::Database => &[
            "superuser-password",
            "replication-password",
            "app-password",
            "monitor-password",
            "rest-password",
            "agent-token",
        ],
        Tier::Cache | Tier::Sessions => &["app-password", "admin-password", "monitor-password"],
        Tier::Queue => &["app-password", "admin-password", "monitor-password", "erlang-cookie"],
        Tier::Proxy => &["purge-token", "admin-secret"],
        Tier::Edge | Tier::Web | Tier::Worker | Tier::Pool => &[],
    }
}

/// What runs in the tier, for the label of its generated Secret.
#[must_use]
pub const fn engine(tier: Tier) -> &'static str {
    match tier {
        Tier::Database => "postgresql",
        Tier::Cache | Tier::Sessions => "redis",
        Tier::Queue => "rabbitmq",
        Tier::Proxy => "varnish",
        Tier::Edge | Tier::Web | Tier::Worker | Tier::Pool => "",
    }
}

/// Tiers of a plan that have a generated Secret, in the order of the tiers.
#[must_use]
pub fn tiers(plan: &Plan) -> Vec<Tier> {
    let mut tiers: Vec<Tier> = plan.tiers.iter().map(|tier| tier.tier).filter(|tier| !keys(*tier).is_empty()).collect();
    tiers.sort_unstable();
    tiers.dedup();
    tiers
}

/// Names of the generated Secrets that an application of this name may have.
pub fn generated(app: &str) -> impl Iterator<Item = (Tier, String)> {
    [Tier::Database, Tier::Cache, Tier::Sessions, Tier::Queue, Tier::Proxy]
        .into_iter()
        .map(move |tier| (tier, format!("{app}-{}-auth", tier.component())))
}

/// A derived Secret that repeats all values of the generated one: a generated Secret that somebody deleted comes
/// back with the same values, and the engine's members go on trusting each other.
#[must_use]
pub fn copy(app: &AppName, tier: Tier) -> Option<String> {
    matches!(tier, Tier::Cache | Tier::Sessions | Tier::Queue).then(|| names::engine_config(app, tier))
}

/// The generated values of one tier; letters and digits only, so that they need no escaping in an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Passwords(BTreeMap<&'static str, String>);

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}

impl Passwords {
    /// From the data of a tier's Secret.
    ///
    /// # Errors
    /// The first of the tier's [`keys`] that has no value.
    pub fn from_data(tier: Tier, data: &BTreeMap<String, String>) -> Result<Self, &'static str> {
        let mut values = BTreeMap::new();
        for key in keys(tier) {
            let value = data.get(*key).filter(|v| !v.is_empty()).ok_or(*key)?;
            values.insert(*key, value.clone());
        }
        Ok(Self(values))
    }

    /// From a source of random letters: `next` gives numbers below its argument, evenly.
    pub fn generate(tier: Tier, mut next: impl FnMut(usize) -> usize) -> Self {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut password = || -> String {
            (0..PASSWORD_LENGTH).map(|_| char::from(ALPHABET[next(ALPHABET.len()) % ALPHABET.len()])).collect()
        };
        Self(keys(tier).iter().map(|key| (*key, password())).collect())
    }

    /// One value by its key; one of the tier's [`keys`], else empty.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// The data of the Secret.
    #[must_use]
    pub fn data(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }
}

/// The generated values of all tiers of an application, and what is known of the owner's Secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    generated: BTreeMap<Tier, Passwords>,
    /// The external tiers.
    pub externals: Externals,
}

impl Credentials {
    /// Fresh ones for every tier of a plan that needs some.
    pub fn generate(plan: &Plan, mut next: impl FnMut(usize) -> usize) -> Self {
        let each = tiers(plan).into_iter().map(|tier| (tier, Passwords::generate(tier, &mut next)));
        Self { generated: each.collect(), externals: Externals::default() }
    }

    /// Adds those of a tier.
    pub fn insert(&mut self, tier: Tier, passwords: Passwords) {
        self.generated.insert(tier, passwords);
    }

    /// Those of a tier.
    #[must_use]
    pub fn of(&self, tier: Tier) -> Option<&Passwords> {
        self.generated.get(&tier)
    }

    /// All of them, in the order of the tiers.
    pub fn iter(&self) -> impl Iterator<Item = (Tier, &Passwords)> {
        self.generated.iter().map(|(tier, passwords)| (*tier, passwords))
    }
}
