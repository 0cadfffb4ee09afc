//! Collects problems, and reads scalars with their bounds.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;

use super::Problem;
use crate::api::{Decimal, DurationText, Quantity};
use crate::domain::{Bytes, Millicores, Millis};

/// Collects problems while it reads.
#[derive(Default)]
pub(super) struct Checker {
    problems: Vec<Problem>,
}

impl Checker {
    /// Reports that `field` is wrong; `right` says what would be right.
    pub fn report(&mut self, field: impl Into<String>, wrong: impl Display, right: impl Display) {
        let field = field.into();
        let message = format!("{field} {wrong}: {right}.");
        self.problems.push(Problem { field, message });
    }

    /// The value, if nothing was reported.
    pub fn finish<T>(self, value: T) -> Result<T, Vec<Problem>> {
        if self.problems.is_empty() { Ok(value) } else { Err(self.problems) }
    }

    /// A list's length.
    pub fn length(&mut self, field: &str, length: usize, most: usize) {
        if length > most {
            self.report(field, format!("has {length} entries"), format!("write at most {most}"));
        }
    }

    /// A text's length and that it is not empty.
    pub fn text(&mut self, field: &str, value: &str, most: usize) {
        if value.is_empty() {
            self.report(field, "is empty", "write a value or leave the field out");
        } else if value.chars().count() > most {
            self.report(field, format!("has {} characters", value.chars().count()), format!("write at most {most}"));
        }
    }

    /// Values that may not repeat.
    pub fn distinct<'a>(&mut self, field: &str, values: impl IntoIterator<Item = &'a str>) {
        let mut seen = BTreeSet::new();
        let mut told = BTreeSet::new();
        for value in values {
            if !seen.insert(value) && told.insert(value) {
                self.report(field, format!("has {value:?} twice"), "remove or rename one of them");
            }
        }
    }

    /// A whole number within bounds.
    pub fn integer(&mut self, field: &str, value: Option<impl Into<i64>>, range: RangeInclusive<i64>) -> Option<u64> {
        let value: i64 = value?.into();
        if range.contains(&value) {
            return u64::try_from(value).ok();
        }
        self.report(field, format!("is {value}"), format!("write a number from {} to {}", range.start(), range.end()));
        None
    }

    /// A decimal within bounds.
    pub fn decimal(&mut self, field: &str, value: Option<&Decimal>, range: RangeInclusive<f64>) -> Option<f64> {
        let text = &value?.0;
        let plain = text
            .split_once('.')
            .map_or_else(|| digits(text, 9), |(whole, fraction)| digits(whole, 9) && digits(fraction, 6));
        let Some(number) = plain.then(|| text.parse::<f64>().ok()).flatten() else {
            self.report(
                field,
                format!("is {text:?}"),
                "write a decimal number such as \"2.5\", without sign or exponent",
            );
            return None;
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.report(field, format!("is {text}"), format!("write a number from {} to {}", range.start(), range.end()));
        None
    }

    /// A span of time within bounds.
    pub fn duration(
        &mut self,
        field: &str,
        value: Option<&DurationText>,
        range: RangeInclusive<Millis>,
    ) -> Option<Millis> {
        let text = &value?.0;
        let Some(span) = Millis::parse(text) else {
            self.report(
                field,
                format!("is {text:?}"),
                "write a duration of whole numbers with h, m, s or ms, such as 1h30m or 300ms",
            );
            return None;
        };
        if range.contains(&span) {
            return Some(span);
        }
        self.report(field, format!("is {text}"), format!("write a duration from {} to {}", range.start(), range.end()));
        None
    }

    /// Memory or storage within bounds.
    pub fn bytes(&mut self, field: &str, value: Option<&Quantity>, range: RangeInclusive<Bytes>) -> Option<Bytes> {
        let text = &value?.0;
        let Some(bytes) = Bytes::parse(text) else {
            self.report(field, format!("is {text:?}"), "write a quantity such as 256Mi or 1.5Gi");
            return None;
        };
        if range.contains(&bytes) {
            return Some(bytes);
        }
        self.report(field, format!("is {text}"), format!("write a quantity from {} to {}", range.start(), range.end()));
        None
    }

    /// CPU within bounds.
    pub fn cpu(&mut self, field: &str, value: Option<&Quantity>) -> Option<Millicores> {
        let text = &value?.0;
        let Some(cpu) = Millicores::parse(text) else {
            self.report(field, format!("is {text:?}"), "write a quantity of cores such as 500m or 2");
            return None;
        };
        if (Millicores(10)..=Millicores(256_000)).contains(&cpu) {
            return Some(cpu);
        }
        self.report(field, format!("is {text}"), "write cores from 10m to 256");
        None
    }
}

fn digits(text: &str, most: usize) -> bool {
    !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit())
}

/// A DNS label that begins with a letter.
pub(super) fn is_name(text: &str, most: usize) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase()) && is_label(text, most)
}

/// A DNS label.
pub(super) fn is_label(text: &str, most: usize) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    !text.is_empty()
        && text.len() <= most
        && text.bytes().all(|b| inner(b) || b == b'-')
        && text.bytes().next().is_some_and(inner)
        && text.bytes().last().is_some_and(inner)
}

/// A DNS name of labels.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(|label| is_label(label, 63))
}

/// The key of a label, an annotation or a taint: a name of at most 63 characters, with or without a DNS name and '/'
/// before it.
pub(super) fn is_qualified(key: &str) -> bool {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    prefix.is_none_or(is_subdomain)
        && name.len() <= 63
        && edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}
