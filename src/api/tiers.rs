//! Tiers that the owner declares. `{}` takes all defaults, absent means that the tier is not there.
//!
//! Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DatabaseProvider, DurationText, External, Quantity};

/// PostgreSQL under Patroni, reached through a pool.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.provider) || self.provider != 'CloudNativePG'").message("spec.database.provider CloudNativePG is reserved and not offered by this version: take BuiltIn or External"))]
#[x_kube(validation = Rule::new("(has(self.provider) && self.provider == 'External') == has(self.external)").message("spec.database.external belongs to provider External, and that needs it: write both, such as {provider: External, external: {secretRef: {name: my-database}}}, or neither"))]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.version) && !has(self.durability) && !has(self.pooling) && !has(self.reads) && !has(self.storage) && !has(self.pin))").message("spec.database is external, so there is nothing here that version, durability, pooling, reads, storage or pin could shape: remove them"))]
pub struct Database {
    /// BuiltIn is run by the operator; External by somebody else, and `external` says where it is.
    ///
    /// Absent means BuiltIn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<DatabaseProvider>,
    /// Where the tier is, with provider External.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Major version of PostgreSQL; 17 is the one there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 17, max = 17_i64))]
    pub version: Option<i32>,
    /// Synchronous keeps every acknowledged write on two members; Asynchronous may lose the last seconds in a failover.
    ///
    /// Absent means Synchronous.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub durability: Option<Durability>,
    /// Transaction gives a server connection to a client for one transaction; Session for as long as it is connected.
    ///
    /// Absent means Transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pooling: Option<Pooling>,
    /// What the read endpoint promises.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<Reads>,
    /// Where the data lies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<DatabasePin>,
}

/// What an acknowledged write survives.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Durability {
    /// Every covered failover.
    #[default]
    Synchronous,
    /// A restart; a failover may lose the last writes.
    Asynchronous,
}

/// For how long a client keeps a server connection.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Pooling {
    /// For one transaction.
    #[default]
    Transaction,
    /// For the client's whole session.
    Session,
}

/// Promises of the read endpoint.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reads {
    /// A replica further behind than this gets no reads; default 5s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lag: Option<DurationText>,
}

/// Where the data lies.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Storage {
    /// Storage class of the volumes; absent means the operator's setting, or the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
}

/// Sizes of the database that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.members) || self.members != 2").message("spec.database.pin.members may not be 2: two members cannot lose one without stopping; take 1 or 3"))]
pub struct DatabasePin {
    /// Members: 1, or 3 to 7.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 7_i64))]
    pub members: Option<i32>,
    /// CPU of one member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory of one member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
    /// Volume of one member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Quantity>,
}
