//! What people look at: text for a terminal, from a plan, from the spec's documentation or from
//! a live application; and a page for a browser.
//!
//! Functions return styled text; the printer strips the styles where there is no terminal.
//! Nothing here computes a size or talks to a cluster.

pub mod climb;
mod close;
mod constants;
mod cost;
pub mod diff;
pub mod fields;
mod formula;
mod formulae;
pub mod html;
mod observed;
pub mod plan;
pub mod status;
mod text;
pub mod why;

pub use climb::climb_table;
pub use constants::{constant_list, constant_names, explain_constant};
pub use diff::diff_text;
pub use fields::{FieldDoc, explain_field, explain_tree};
pub use formulae::{calculated, formula_list, formula_text};
pub use html::html_report;
pub use plan::{findings, plan_table};
pub use status::{AppView, status_tree};
