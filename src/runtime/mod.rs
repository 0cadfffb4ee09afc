//! What the operator's process needs around the controller: telemetry, metrics, health pages, the
//! leader lease and the gate that every write passes.
//!
//! Nothing here knows what a `ScaledApp` is.

pub mod gate;
pub mod health;
pub mod lease;
pub mod metrics;
pub mod telemetry;

pub use gate::{Gate, GateLayer, NotLeading};
pub use lease::{Leader, LeaseError, LeaseSettings};
pub use metrics::Metrics;
