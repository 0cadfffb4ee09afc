//! End-to-end tests: real pods on the local cluster, through the ingress, as a user would see them.
//!
//! `make e2e` starts the cluster, loads the images, installs the chart and runs this, one test at a
//! time. A test that lacks its surroundings fails; none is skipped.

mod autoscale;
mod climb;
mod cluster;
mod everyday;
mod faults;
mod healing;
mod lifecycle;
mod memory;
mod quiet;
mod shop;
mod stock;
mod story;
mod whole;
mod whole_gone;
mod whole_metrics;
