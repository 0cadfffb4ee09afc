//! Scalars of the API as they are written in YAML: bounded text with a pattern.
//!
//! No floats are served, so decimals are text, as quantities are. Parsing to numbers happens in
//! `domain`, never here.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident, $pattern:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "maxLength": $max})
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_scalar!(
    /// A decimal number of at most nine digits before and six after the point, such as `"2.5"`.
    Decimal,
    r"^[0-9]{1,9}(\.[0-9]{1,6})?$",
    17
);

text_scalar!(
    /// A Gateway API duration (GEP-2257), such as `300ms`, `1h30m` or `10s`.
    DurationText,
    r"^([0-9]{1,5}(h|m|s|ms)){1,4}$",
    32
);

text_scalar!(
    /// A Kubernetes quantity without sign or exponent, such as `500m`, `2`, `256Mi` or `1.5Gi`.
    Quantity,
    r"^[0-9]{1,15}(\.[0-9]{1,6})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$",
    24
);

/// An end of a range, written as the field is that it belongs to: `80`, `"2.5"`, `8ms`, `20Ki`.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(untagged)]
pub enum RangeEnd {
    /// A whole number.
    Number(u64),
    /// Everything else.
    Text(String),
}

impl RangeEnd {
    /// What was written.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

impl JsonSchema for RangeEnd {
    fn schema_name() -> Cow<'static, str> {
        "RangeEnd".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "pattern": r"^[0-9]{1,15}(\.[0-9]{1,6})?[A-Za-z0-9]{0,15}$",
            "maxLength": 32
        })
    }
}
