//! Units in types: CPU in millicores, memory and storage in bytes, time in milliseconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One mebibyte in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte in bytes.
pub const GIB: u64 = 1 << 30;

/// CPU in thousandths of a core.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct Millicores(pub u64);

/// Memory or storage in bytes.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct Bytes(pub u64);

/// A span of time in milliseconds.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Millicores {
    /// The amount in cores.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn cores(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// The amount as Kubernetes writes it: `2` for whole cores, `500m` else.
    #[must_use]
    pub fn quantity(self) -> String {
        if self.0.is_multiple_of(1000) { (self.0 / 1000).to_string() } else { format!("{}m", self.0) }
    }
}

impl Bytes {
    /// From mebibytes.
    #[must_use]
    pub const fn mib(count: u64) -> Self {
        Self(count * MIB)
    }

    /// From gibibytes.
    #[must_use]
    pub const fn gib(count: u64) -> Self {
        Self(count * GIB)
    }

    /// The amount as Kubernetes writes it, in the largest binary unit that holds it exactly.
    #[must_use]
    pub fn quantity(self) -> String {
        const UNITS: [(&str, u64); 4] = [("Ti", 1 << 40), ("Gi", GIB), ("Mi", MIB), ("Ki", 1 << 10)];
        UNITS
            .iter()
            .find(|(_, size)| self.0 >= *size && self.0.is_multiple_of(*size))
            .map_or_else(|| self.0.to_string(), |(unit, size)| format!("{}{unit}", self.0 / size))
    }
}

impl Millis {
    /// From seconds.
    #[must_use]
    pub const fn seconds(count: u64) -> Self {
        Self(count * 1000)
    }

    /// The span in seconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }
}

impl fmt::Display for Millicores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.quantity())
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.quantity())
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0s"),
            ms if ms.is_multiple_of(3_600_000) => write!(f, "{}h", ms / 3_600_000),
            ms if ms.is_multiple_of(60_000) && ms > 60_000 => write!(f, "{}m", ms / 60_000),
            ms if ms.is_multiple_of(1000) => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

impl Millicores {
    /// From a Kubernetes quantity, rounded up to a whole millicore; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        thousandths(text).map(|value| Self(u64::try_from(value).unwrap_or(u64::MAX)))
    }
}

impl Bytes {
    /// From a Kubernetes quantity, rounded up to a whole byte; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        thousandths(text).map(|value| Self(u64::try_from(value.div_ceil(1000)).unwrap_or(u64::MAX)))
    }
}

impl Millis {
    /// From a Gateway API duration (GEP-2257), such as `1h30m` or `300ms`; `None` when it is none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut total: u64 = 0;
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            if digits == 0 || digits > 5 {
                return None;
            }
            let count: u64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let (unit, scale) = [("ms", 1), ("h", 3_600_000), ("m", 60_000), ("s", 1000)]
                .into_iter()
                .find(|(unit, _)| rest.starts_with(unit))?;
            rest = &rest[unit.len()..];
            total = total.checked_add(count.checked_mul(scale)?)?;
        }
        (!text.is_empty()).then_some(Self(total))
    }
}

/// A Kubernetes quantity in thousandths of its unit, rounded up.
fn thousandths(text: &str) -> Option<u128> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let scale: u128 = match suffix {
        "m" => 1,
        "" => 1000,
        "k" => 1000 * 1000,
        "M" => 1000 * 1000_u128.pow(2),
        "G" => 1000 * 1000_u128.pow(3),
        "T" => 1000 * 1000_u128.pow(4),
        "P" => 1000 * 1000_u128.pow(5),
        "Ki" => 1000 << 10,
        "Mi" => 1000 << 20,
        "Gi" => 1000 << 30,
        "Ti" => 1000 << 40,
        "Pi" => 1000 << 50,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || whole.len() > 15 || fraction.len() > 6 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let digits: u128 = format!("{whole}{fraction}").parse().ok()?;
    let divisor = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    digits.checked_mul(scale).map(|value| value.div_ceil(divisor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_as_kubernetes_reads_them() {
        assert_eq!(Millicores::parse("500m"), Some(Millicores(500)));
        assert_eq!(Millicores::parse("1.5"), Some(Millicores(1500)));
        assert_eq!(Millicores::parse("0.0001"), Some(Millicores(1)));
        assert_eq!(Bytes::parse("1.5Gi"), Some(Bytes(1_610_612_736)));
        assert_eq!(Bytes::parse("20Ki"), Some(Bytes(20_480)));
        assert_eq!(Bytes::parse("1G"), Some(Bytes(1_000_000_000)));
        for wrong in ["", "Gi", "1.", ".5", "1e3", "-1", "1Xi", "1 Gi"] {
            assert_eq!(Bytes::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn quantities_are_written_canonically() {
        assert_eq!(Millicores(2000).quantity(), "2");
        assert_eq!(Millicores(1500).quantity(), "1500m");
        assert_eq!(Bytes::gib(2).quantity(), "2Gi");
        assert_eq!(Bytes::mib(1536).quantity(), "1536Mi");
        assert_eq!(Bytes(1025).quantity(), "1025");
    }

    #[test]
    fn durations_follow_gep_2257() {
        assert_eq!(Millis::parse("1h30m"), Some(Millis(5_400_000)));
        assert_eq!(Millis::parse("300ms"), Some(Millis(300)));
        assert_eq!(Millis::parse("1m1s1ms"), Some(Millis(61_001)));
        for wrong in ["", "1", "1d", "h", "123456s", "1.5s", "-1s"] {
            assert_eq!(Millis::parse(wrong), None, "{wrong}");
        }
    }
}
