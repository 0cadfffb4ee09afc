//! The accepted plan as it is remembered in a ControllerRevision: spec, rungs, installed sizes,
//! image references and the catalogue's revision; no secrets, no reasons.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::plan::{DatabaseSettings, Plan, RedisSettings, Replicas, Rung, Size, Tier, TierSettings};
use crate::api::ScaledAppSpec;
use crate::domain::EngineImages;

/// What a later plan must know of the one before.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RecordedPlan {
    /// Hash of the plan.
    pub hash: String,
    /// The accepted spec.
    pub spec: ScaledAppSpec,
    /// Rungs that were on.
    pub rungs: BTreeMap<Rung, bool>,
    /// Installed sizes.
    pub tiers: Vec<RecordedTier>,
    /// Images of the engines as installed; a newer release does not change them by itself.
    pub images: EngineImages,
    /// Revision of the catalogue that made the plan.
    pub catalogue: String,
}

/// Installed size of one tier.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct RecordedTier {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// Pods.
    pub replicas: Replicas,
    /// Size of one pod.
    pub per_replica: Size,
    /// Settings of a database, which a restart would be needed to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseSettings>,
    /// Settings of a cache or session store, by which its containers are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSettings>,
}

impl RecordedPlan {
    /// What is to be remembered of a plan.
    #[must_use]
    pub fn new(plan: &Plan, spec: ScaledAppSpec, images: EngineImages, catalogue: String) -> Self {
        Self {
            hash: plan.hash.clone(),
            spec,
            rungs: plan.ladder.iter().map(|rung| (rung.rung, rung.on)).collect(),
            tiers: plan
                .tiers
                .iter()
                .map(|t| RecordedTier {
                    tier: t.tier,
                    name: t.name.clone(),
                    replicas: t.replicas,
                    per_replica: t.per_replica,
                    database: match &t.settings {
                        TierSettings::Database(settings) => Some(settings.clone()),
                        _ => None,
                    },
                    redis: match &t.settings {
                        TierSettings::Redis(settings) => Some(settings.clone()),
                        _ => None,
                    },
                })
                .collect(),
            images,
            catalogue,
        }
    }

    /// The installed size of a tier.
    #[must_use]
    pub fn tier(&self, tier: Tier, name: &str) -> Option<&RecordedTier> {
        self.tiers.iter().find(|t| t.tier == tier && t.name == name)
    }
}
