//! What people look at: text for a terminal, from a plan, from the spec's documentation or from
//! a live application.
//!
//! Functions return styled text; the printer strips the styles where there is no terminal.
//! Nothing here computes a size or talks to a cluster.

mod cost;
pub mod fields;
mod formulae;
mod observed;
pub mod plan;
pub mod status;
mod text;

pub use fields::{FieldDoc, explain_field, explain_tree};
pub use formulae::{calculated, formula_list, formula_text};
pub use plan::{findings, plan_table};
pub use status::{AppView, status_tree};
