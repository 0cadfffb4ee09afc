//! From a plan to the objects that realise it: pure builders, one file a tier.
//!
//! A builder decides whether its object exists (`Option`); pruning removes what is no longer
//! returned. Nothing here talks to a cluster or chooses a size.

pub mod application;
pub mod autoscaling;
pub mod bindings;
mod build;
pub mod context;
pub mod credentials;
pub mod cron;
pub mod database;
pub mod database_config;
mod database_network;
mod database_pod;
pub mod desired;
pub mod disruption;
pub mod edge;
pub mod edge_config;
mod edge_limits;
mod edge_microcache;
mod edge_proxy_config;
pub mod external;
pub mod ingress;
pub mod members;
pub mod meta;
pub mod migrations;
pub mod names;
pub mod network;
pub mod pod;
pub mod pool;
pub mod pool_config;
pub mod proxy;
pub mod proxy_config;
pub mod queue;
pub mod queue_config;
mod queue_pod;
pub mod redis;
mod redis_config;
mod redis_pod;
mod redis_router;
pub mod registry;
pub mod rollout;
pub mod router;
pub mod routes;
mod volumes;
pub mod web;
pub mod worker;

pub use build::build;
pub use context::Context;
pub use credentials::{Credentials, Passwords};
pub use desired::{DesiredObject, DesiredSet, Stage};
pub use external::Externals;
pub use registry::{KINDS, KindInfo, Registered};
