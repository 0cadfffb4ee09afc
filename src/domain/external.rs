//! What somebody else runs for the application, and which Secret of the owner's tells where it is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Millis, Sourced, ValidCache};
use crate::api::{DatabaseProvider, External, Provider, ScaledAppSpec};

/// What may be external.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter)]
#[allow(missing_docs)]
pub enum Backing {
    Database,
    Cache,
    Sessions,
    Queue,
    Objects,
}

impl Backing {
    /// The tier in small letters, as its field of the spec is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Cache => "cache",
            Self::Sessions => "sessions",
            Self::Queue => "queue",
            Self::Objects => "objects",
        }
    }

    /// Whether it holds what is nowhere else: then nobody is led to another one without an approval.
    #[must_use]
    pub const fn is_stateful(self) -> bool {
        matches!(self, Self::Database | Self::Sessions | Self::Queue)
    }
}

/// The tiers that somebody else runs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidExternals {
    /// Name of the owner's Secret of each.
    pub secrets: BTreeMap<Backing, String>,
    /// What an external cache is expected to answer.
    pub cache: Option<ValidCache>,
    /// How long external sessions live.
    pub session_ttl: Option<Sourced<Millis>>,
}

impl ValidExternals {
    /// The owner's Secret, where the tier is external.
    #[must_use]
    pub fn secret(&self, backing: Backing) -> Option<&str> {
        self.secrets.get(&backing).map(String::as_str)
    }

    /// Whether the tier is external.
    #[must_use]
    pub fn has(&self, backing: Backing) -> bool {
        self.secrets.contains_key(&backing)
    }
}

/// The reference of a spec, where it declares the tier to be external, whether or not it is a good one.
#[must_use]
pub fn reference(spec: &ScaledAppSpec, backing: Backing) -> Option<&External> {
    let external = |provider: Option<Provider>| provider == Some(Provider::External);
    match backing {
        Backing::Database => {
            let declared = spec.database.as_ref()?;
            declared.external.as_ref().filter(|_| declared.provider == Some(DatabaseProvider::External))
        }
        Backing::Cache => spec.cache.as_ref().filter(|d| external(d.provider))?.external.as_ref(),
        Backing::Sessions => spec.sessions.as_ref().filter(|d| external(d.provider))?.external.as_ref(),
        Backing::Queue => spec.queue.as_ref().filter(|d| external(d.provider))?.external.as_ref(),
        Backing::Objects => spec.objects.as_ref().map(|objects| &objects.external),
    }
}
