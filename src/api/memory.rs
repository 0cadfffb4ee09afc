//! Tiers that keep their data in memory: the cache and the session store. Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, External, Provider, Quantity};

/// A cache beside the database, reached at one address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.provider) && self.provider == 'External') == has(self.external)").message("spec.cache.external belongs to provider External, and that needs it: write both, such as {provider: External, external: {secretRef: {name: my-cache}}}, or neither"))]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.evictionPolicy) && !has(self.pin))").message("spec.cache is external, so there is nothing here that evictionPolicy or pin could shape: remove them"))]
pub struct Cache {
    /// BuiltIn is run by the operator; External by somebody else, and `external` says where it is.
    ///
    /// Absent means BuiltIn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Where the tier is, with provider External.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Which items go when the memory is full.
    ///
    /// Absent means `LeastFrequentlyUsed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eviction_policy: Option<EvictionPolicy>,
    /// Share of reads that the cache should answer; default 90.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 99_i64))]
    pub hit_percent_target: Option<i64>,
    /// Mean size of an item; default 2Ki.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item_size: Option<Quantity>,
    /// Distinct items that are ever asked for; default 100000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000_000_i64))]
    pub item_count: Option<i64>,
    /// How unevenly the items are asked for.
    ///
    /// Absent means Web.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub popularity: Option<Popularity>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<MemberPin>,
}

/// Which items go when the memory is full.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum EvictionPolicy {
    /// Those that are asked for least often.
    #[default]
    LeastFrequentlyUsed,
    /// Those that nobody asked for the longest time.
    LeastRecentlyUsed,
    /// Those that expire next.
    ShortestTimeToLive,
}

/// How unevenly items are asked for, as the exponent of Zipf's law.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Popularity {
    /// All items alike: exponent 0.
    Even,
    /// As pages of the web: exponent 0.9.
    #[default]
    Web,
    /// A few items take most requests: exponent 1.2.
    Skewed,
}

/// A store of sessions, so that any web pod serves any user.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.store) || self.store != 'Database' || !has(self.pin)").message("spec.sessions.pin sizes the memory store, and store is Database: remove pin, or store"))]
#[x_kube(validation = Rule::new("(has(self.provider) && self.provider == 'External') == has(self.external)").message("spec.sessions.external belongs to provider External, and that needs it: write both, such as {provider: External, external: {secretRef: {name: my-sessions}}}, or neither"))]
#[x_kube(validation = Rule::new("!has(self.external) || (!has(self.store) && !has(self.pin))").message("spec.sessions is external, so there is nothing here that store or pin could shape: remove them"))]
pub struct Sessions {
    /// BuiltIn is run by the operator; External by somebody else, and `external` says where it is.
    ///
    /// Absent means BuiltIn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Where the tier is, with provider External.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// A session that nobody used for this long is over, and is given to the containers as `SESSION_TTL_SECONDS`; default 24h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<DurationText>,
    /// Memory keeps sessions in a store of their own; Database in the application's database, for those who may lose none.
    ///
    /// Absent means Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<SessionStore>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<MemberPin>,
}

/// Where sessions are kept.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum SessionStore {
    /// In memory, with a log on disk.
    #[default]
    Memory,
    /// In the application's database.
    Database,
}

/// Sizes of a cache or session store that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.members) || self.members == 1 || self.members == 3").message("pin.members is 1 or 3: two members cannot agree which of them lost the other"))]
pub struct MemberPin {
    /// Members: 1 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_i64))]
    pub members: Option<i32>,
    /// Memory of one member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}
