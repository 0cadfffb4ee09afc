//! The planner against published systems that it was not fitted to. `docs/evidence/published.md` shows the tables that
//! are computed here, so that they cannot go stale.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod gitlab;
mod scores;
mod systems;
