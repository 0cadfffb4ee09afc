//! A value together with where it comes from, so that every number of a plan can be traced.

use serde::Serialize;

/// How good the evidence for a default is.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Grade {
    /// A primary source.
    A,
    /// A page that quotes a primary source.
    B,
    /// One narrow benchmark.
    C,
    /// A judgement.
    D,
}

/// Where a value comes from.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The owner wrote it, in this field of the spec.
    Declared(&'static str),
    /// It was measured: when, and for how long.
    Measured(String),
    /// A documented default.
    Default {
        /// How good its evidence is.
        grade: Grade,
        /// Where it comes from.
        source: &'static str,
    },
}

/// A value and its origin.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Sourced<T> {
    /// A value that the owner wrote.
    pub const fn declared(value: T, field: &'static str) -> Self {
        Self { value, origin: Origin::Declared(field) }
    }

    /// A documented default.
    pub const fn default(value: T, grade: Grade, source: &'static str) -> Self {
        Self { value, origin: Origin::Default { grade, source } }
    }

    /// One sentence for `reasons[].source`.
    pub fn source(&self) -> String {
        match &self.origin {
            Origin::Declared(field) => (*field).to_owned(),
            Origin::Measured(when) => when.clone(),
            Origin::Default { grade, source } => format!("default, grade {grade}: {source}"),
        }
    }
}
