//! From a validated application to a plan: pure, deterministic, every number with its reason.
//!
//! Three layers, each its own type: demand (what the users ask), requirement (what a tier needs,
//! continuous) and packing (pods, sizes, bounds). Then lints over the finished plan. Nothing here
//! knows a clock, a network, randomness or Kubernetes objects.

mod assembly;
pub mod availability;
pub mod cache;
pub mod caching;
mod calm;
mod chain;
pub mod changes;
pub mod climb;
pub mod comparison;
pub mod database;
pub mod delay;
pub mod demand;
pub mod diff;
pub mod edge;
mod ends;
mod engine_settings;
mod engines;
mod external;
pub mod falls;
mod findings;
pub mod formulary;
mod kept;
pub mod ladder;
pub mod lints;
pub mod model;
pub mod packing;
pub mod plan;
pub mod pool;
pub mod prices;
pub mod proxy;
pub mod queue;
pub mod queueing;
pub mod recorded;
pub mod redis;
pub mod replication;
pub mod response;
mod router;
pub mod sessions;
mod settings;
pub mod staffing;
mod traffic;
mod uncertainty;
pub mod uses;
pub mod web;
mod why;
pub mod worker;

pub use assembly::plan;
pub use comparison::{Given, observed_plan};
pub use kept::effective;
pub use model::{Catalogue, Constant};

pub use plan::{
    AtHigh, AvailabilityPart, Bottleneck, CostSpan, DatabaseSettings, DemandFigures, EXPORTER, EdgeSettings,
    ExternalPlan, Finding, FindingKind, LadderRung, MonthlyCost, Plan, PlannedAvailability, PoolSettings, Proposal,
    ProxySettings, QueueSettings, Reason, RedisSettings, Replicas, Requirement, Roles, Rung, Sensitivity, Severity,
    Size, Tier, TierPlan, TierSettings, Uncertainty, WebSettings, WorkerSettings,
};
pub use prices::{PriceError, PriceTable};
pub use recorded::{RecordedPlan, RecordedTier};
pub use uncertainty::uncertainty;
