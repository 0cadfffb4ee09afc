//! Numbers and sizes as the page writes them.

use crate::planner::packing::{figure, size_text};
use crate::planner::prices::to_two_digits;
use crate::planner::{Replicas, Size};

/// A number with as many decimals as mean something, thousands apart: `1,736,438`.
pub(super) fn grouped(value: f64) -> String {
    let text = figure(value);
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut grouped = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{grouped}.{fraction}"),
        None => grouped,
    }
}

/// A number as an axis writes it: `0.1`, `10`, `20k`, `3M`.
pub(super) fn short(value: f64) -> String {
    for (scale, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if value >= scale * 0.9999 {
            return format!("{}{unit}", figure((value / scale * 100.0).round() / 100.0));
        }
    }
    figure((value * 1000.0).round() / 1000.0)
}

/// `6 to 12`, or `3` where there is no autoscaler.
pub(super) fn span(replicas: Replicas) -> String {
    if replicas.min == replicas.max {
        grouped(f64::from(replicas.max))
    } else {
        format!("{} to {}", grouped(f64::from(replicas.min)), grouped(f64::from(replicas.max)))
    }
}

/// `1 pod`, `6 to 12 pods`.
pub(super) fn pods(replicas: Replicas) -> String {
    format!("{} {}", span(replicas), if replicas.max == 1 { "pod" } else { "pods" })
}

/// `1 CPU, 320 MiB, 10 GiB disk`; without a volume only the first two.
pub(super) fn size(size: Size) -> String {
    let storage = if size.storage.0 == 0 { String::new() } else { format!(", {} disk", size_text(size.storage)) };
    format!("{} CPU, {}{storage}", size.cpu, size_text(size.memory))
}

/// The grade of the evidence that a source names, and the source without it.
pub(super) fn graded(source: &str) -> (Option<char>, String) {
    let Some((before, rest)) = source.split_once(", grade ") else { return (None, source.to_owned()) };
    let mut rest = rest.chars();
    match rest.next() {
        Some(grade @ 'A'..='D') => (Some(grade), format!("{before}{}", rest.as_str())),
        _ => (None, source.to_owned()),
    }
}

/// An amount of money with the digits that a price list bears, thousands apart.
pub(super) fn amount(value: f64) -> String {
    grouped(to_two_digits(value))
}

/// `low to high`, or one amount where they are the same.
pub(super) fn money(low: f64, high: f64) -> String {
    let (low, high) = (amount(low), amount(high));
    if low == high { low } else { format!("{low} to {high}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_stand_apart() {
        assert_eq!(grouped(1_736_438.0), "1,736,438");
        assert_eq!((grouped(999.0), grouped(46.34), grouped(1000.0)), ("999".into(), "46.3".into(), "1,000".into()));
        assert_eq!((grouped(-1234.0), grouped(0.0), grouped(-0.5)), ("-1,234".into(), "0".into(), "-0.5".into()));
    }

    #[test]
    fn axes_are_short() {
        let values = [0.1, 10.0, 999.0, 1e3, 20_000.0, 3e6, 1e8, 2.5e9];
        assert_eq!(values.map(short), ["0.1", "10", "999", "1k", "20k", "3M", "100M", "2.5G"]);
    }

    #[test]
    fn grades_are_taken_out_of_sources() {
        assert_eq!(graded("memory_margin, grade A: KRR: 15 %"), (Some('A'), "memory_margin: KRR: 15 %".into()));
        assert_eq!(
            graded("PostgreSQL wiki, grade B; Little's law"),
            (Some('B'), "PostgreSQL wiki; Little's law".into())
        );
        assert_eq!(graded("spec.targets"), (None, "spec.targets".into()));
        assert_eq!(graded("of high, grade Xylophone"), (None, "of high, grade Xylophone".into()));
    }
}
