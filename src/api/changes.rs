//! How changes are let through, and what a deletion leaves. Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::DurationText;

/// Whether the operator writes.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Mode {
    /// The architecture is written and kept.
    #[default]
    Apply,
    /// Only the status is written.
    Advise,
}

/// What a deletion leaves.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum DeletionPolicy {
    /// Volumes, their secrets and the newest plan stay.
    #[default]
    Retain,
    /// Nothing stays.
    Delete,
}

/// How changes are let through.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Changes {
    /// Guarded waits for an approval before a stateful tier shrinks; Automatic only before data is destroyed.
    ///
    /// Absent means Guarded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ChangePolicy>,
    /// The hash of the proposal in `status.proposed` that the owner approves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[0-9a-f]*$"))]
    pub approved: Option<String>,
    /// When restarts of stateful tiers may begin; absent means at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// What needs an approval.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum ChangePolicy {
    /// Shrinking and destroying.
    #[default]
    Guarded,
    /// Only destroying.
    Automatic,
}

/// A weekly window.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Window {
    /// Days on which the window opens; absent means every day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 7), extend("x-kubernetes-list-type" = "set"))]
    pub days: Option<Vec<Weekday>>,
    /// When it opens, as HH:MM.
    #[schemars(regex(pattern = r"^([01][0-9]|2[0-3]):[0-5][0-9]$"), length(max = 5))]
    pub start: String,
    /// For how long it is open.
    pub duration: DurationText,
    /// IANA time zone of `start`; default Etc/UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub time_zone: Option<String>,
}

/// A day of the week.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[allow(missing_docs)]
pub enum Weekday {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}
