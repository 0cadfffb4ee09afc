//! ScaledApp: one resource says what an application must bear, and the operator derives, sizes,
//! provisions and keeps alive the whole architecture for it.
//!
//! Data flows one way, and nothing to the left knows anything to its right:
//!
//! ```text
//! api -> domain -> planner -> resources -> controller
//! types  proof     numbers    objects      the cluster
//! ```

pub mod agent;
pub mod api;
pub mod cli;
pub mod controller;
pub mod domain;
pub mod engines;
pub mod planner;
pub mod report;
pub mod resources;
pub mod runtime;
