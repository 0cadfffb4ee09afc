//! The architecture as a drawing: what is there and who asks whom (`graph`), and where it stands (`layout`).
//!
//! Nothing here knows HTML: the template writes what is placed.

mod graph;
mod layout;

pub(super) use graph::graph;
pub(super) use layout::{Drawing, draw};
