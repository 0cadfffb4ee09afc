//! A small shop that keeps every order it acknowledged, through any failover of the database behind it.
//!
//! `shop serve` is the web application, `shop worker thumbnails` makes the pictures small, `shop migrate` is the schema, `shop load` and `shop verify` put it under load and check what it
//! promised. Cache, sessions, queue and proxies are optional, each by its variable, and the shop goes on without any of them.
//! The one rule of this crate: a client hears "placed" only after the database acknowledged the COMMIT without a warning.

pub mod cache;
pub mod catalogue;
pub mod cli;
pub mod config;
pub mod db;
pub mod link;
pub mod load;
pub mod metrics;
pub mod purge;
pub mod queue;
pub mod sessions;
pub mod status;
pub mod stop;
pub mod telemetry;
pub mod thumbnail;
pub mod web;
