//! From a validated application to a plan: pure, deterministic, every number with its reason.
//!
//! Three layers, each its own type: demand (what the users ask), requirement (what a tier needs,
//! continuous) and packing (pods, sizes, bounds). Then lints over the finished plan. Nothing here
//! knows a clock, a network, randomness or Kubernetes objects.

pub mod plan;
pub mod recorded;

pub use plan::{
    Bottleneck, DatabaseSettings, DemandFigures, EdgeSettings, Finding, FindingKind, LadderRung, Plan, PoolSettings,
    Proposal, Reason, Replicas, Requirement, Roles, Rung, Severity, Size, Tier, TierPlan, TierSettings, WebSettings,
};
pub use recorded::{RecordedPlan, RecordedTier};
