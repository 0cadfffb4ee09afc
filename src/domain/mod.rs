//! Types that cannot hold nonsense: names, quantities, durations, and the validated application.
//!
//! `validate` is the only way to a [`ValidApp`]; what comes after it cannot fail on user input.
//! Nothing here talks to a cluster, reads a clock or knows the planner.

pub mod app;
pub mod container;
pub mod defaults;
pub mod environment;
pub mod external;
pub mod observed;
pub mod quantity;
pub mod sourced;
pub mod tiers;
pub mod unit_cost;
pub mod validate;

pub use app::{
    AppName, ValidApp, ValidChanges, ValidCronJob, ValidDatabase, ValidDatabasePin, ValidGrowth, ValidIngress,
    ValidLoad, ValidMigration, ValidNetwork, ValidProfile, ValidRateLimit, ValidService, ValidServicePin, ValidTargets,
};
pub use container::ValidContainer;
pub use environment::{EngineImages, Environment, LargestPod};
pub use external::{Backing, ValidExternals};
pub use observed::{Measured, Observed};
pub use quantity::{Bytes, Millicores, Millis};
pub use sourced::{Grade, Origin, Sourced};
pub use tiers::{
    ValidCache, ValidMemberPin, ValidProxy, ValidQueue, ValidQueueDeclaration, ValidSessions, ValidWorker,
    ValidWorkerPin,
};
pub use unit_cost::ValidRange;
pub use validate::{
    Problem, resolve_database, resolve_externals, resolve_queue, resolve_sessions, validate, validate_observed,
};
