//! Tiers that somebody else runs: a Secret of the owner's tells where they are. Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who runs a tier.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Provider {
    /// The operator.
    #[default]
    BuiltIn,
    /// Somebody else; the tier's `external` says where it is.
    External,
}

/// Who runs the database.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum DatabaseProvider {
    /// The operator.
    #[default]
    BuiltIn,
    /// Somebody else; `external` says where it is.
    External,
    /// Reserved, and refused by this version.
    #[serde(rename = "CloudNativePG")]
    #[strum(to_string = "CloudNativePG")]
    CloudNativePg,
}

/// Where a tier is that somebody else runs.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct External {
    /// The owner's Secret in the application's namespace, with the keys of the Service Binding specification.
    pub secret_ref: SecretReference,
}

/// The name of a Secret in the application's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretReference {
    /// The Secret's name.
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: String,
}

/// A store of objects (files, pictures), which is always somebody else's.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Objects {
    /// Where it is.
    pub external: External,
}
