//! A small shop that keeps every order it acknowledged, through any failover of the database behind it.
//!
//! `shop serve` is the web application, `shop migrate` its schema, `shop load` and `shop verify` put it under load and check what it promised.
//! The one rule of this crate: a client hears "placed" only after the database acknowledged the COMMIT without a warning.

pub mod cli;
pub mod config;
pub mod db;
pub mod load;
pub mod metrics;
pub mod telemetry;
pub mod web;
