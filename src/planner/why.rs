//! Why a plan is what it is: the reason of each number, and findings that the owner should know.
//!
//! Only the words and their places; what is found is decided by the tiers, `findings` and `lints`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Why a number is what it is.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    /// Which number, such as `replicas.max`.
    pub quantity: String,
    /// The number.
    pub value: String,
    /// The formula.
    pub formula: String,
    /// Its inputs, by name.
    pub inputs: BTreeMap<String, String>,
    /// Where formula and inputs come from.
    pub source: String,
}

/// How bad a finding is.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[allow(missing_docs)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// What the owner should know.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its name, stable.
    pub kind: FindingKind,
    /// The field of the spec that mends it.
    pub field: String,
    /// What is the matter and what would be right, in a sentence.
    pub message: String,
}

/// Names of findings.
#[derive(
    Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, strum::Display, strum::EnumIter,
)]
#[allow(missing_docs)]
pub enum FindingKind {
    InvalidSpec,
    PlanInconsistent,
    LatencyBelowServiceTime,
    AvailabilityAboveZones,
    WritesAboveOnePrimary,
    StorageAboveOnePrimary,
    PodAboveLargestNode,
    PodsAboveCluster,
    PinBelowRequirement,
    PoolAboveDatabase,
    MembersAboveZones,
    PlacedTogether,
    TrafficAboveNode,
    MembersKept,
    HitTargetMissed,
    CacheAboveOneServer,
    ColdCacheAboveDatabase,
    CacheNotWorthIt,
    QueueShorterThanDelay,
    ExternalTier,
    NothingCacheable,
    HighEndMissesObjective,
    OneCopy,
    Overcommitted,
    ProposalWaits,
    DefaultsAssumed,
}

impl Reason {
    /// A number with its formula; inputs follow by [`Reason::with`].
    #[allow(clippy::needless_pass_by_value, reason = "numbers and literals are given, which read better by value")]
    pub fn new(
        quantity: impl Into<String>,
        value: impl ToString,
        formula: impl Into<String>,
        source: impl Into<String>,
    ) -> Self {
        Self {
            quantity: quantity.into(),
            value: value.to_string(),
            formula: formula.into(),
            inputs: BTreeMap::new(),
            source: source.into(),
        }
    }

    /// One input more.
    #[must_use]
    #[allow(clippy::needless_pass_by_value, reason = "numbers and literals are given, which read better by value")]
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.inputs.insert(name.to_owned(), value.to_string());
        self
    }
}

impl Finding {
    /// A finding about a field.
    pub fn new(severity: Severity, kind: FindingKind, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity, kind, field: field.into(), message: message.into() }
    }
}
