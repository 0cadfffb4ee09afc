//! Figures in Prometheus' text format, from what an engine answers; nothing is kept between two questions.

use std::fmt::Write;

/// One figure: the engine's column, name, kind, units of the column in one of the figure, and what it is.
#[derive(Debug)]
pub struct Figure {
    column: &'static str,
    name: &'static str,
    kind: &'static str,
    divisor: f64,
    help: &'static str,
}

/// What goes up and down.
pub const fn gauge(column: &'static str, name: &'static str, help: &'static str) -> Figure {
    Figure { column, name, kind: "gauge", divisor: 1.0, help }
}

/// What only grows; so many units of the column are one of the figure.
pub const fn counter(column: &'static str, name: &'static str, divisor: f64, help: &'static str) -> Figure {
    Figure { column, name, kind: "counter", divisor, help }
}

/// A row of an answer: its labels, and a value for each figure that it has.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Names and values; values come from the engine and hold no quotes.
    labels: Vec<(&'static str, String)>,
    /// In the order of the figures.
    values: Vec<Option<f64>>,
}

impl Row {
    /// A row with a value for each figure whose column the engine answers with a number.
    pub fn read<'a>(
        labels: Vec<(&'static str, String)>,
        figures: &[Figure],
        get: impl Fn(&str) -> Option<&'a str>,
    ) -> Self {
        Self { labels, values: figures.iter().map(|figure| get(figure.column)?.parse().ok()).collect() }
    }
}

/// Appends figures.
pub fn write(text: &mut String, figures: &[Figure], rows: &[Row]) {
    for (index, figure) in figures.iter().enumerate() {
        let _ = writeln!(text, "# HELP {} {}\n# TYPE {} {}", figure.name, figure.help, figure.name, figure.kind);
        for row in rows {
            let Some(value) = row.values.get(index).copied().flatten() else { continue };
            let labels: Vec<String> = row.labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
            let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
            let _ = writeln!(text, "{}{labels} {}", figure.name, value / figure.divisor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_their_labels_units_and_kinds() {
        const FIGURES: [Figure; 2] =
            [gauge("waiting", "pool_waiting", "Who waits"), counter("micros", "pool_wait_seconds_total", 1e6, "Wait")];
        let row =
            |labels: Vec<(&'static str, String)>, values: [Option<f64>; 2]| Row { labels, values: values.to_vec() };
        let mut text = String::new();
        let app = || vec![("database", "app".to_owned()), ("user", "app".to_owned())];
        write(&mut text, &FIGURES, &[row(app(), [Some(3.0), Some(1_500_000.0)]), row(Vec::new(), [Some(1.0), None])]);
        assert_eq!(
            text,
            "# HELP pool_waiting Who waits\n# TYPE pool_waiting gauge\npool_waiting{database=\"app\",user=\"app\"} 3\n\
             pool_waiting 1\n# HELP pool_wait_seconds_total Wait\n# TYPE pool_wait_seconds_total counter\n\
             pool_wait_seconds_total{database=\"app\",user=\"app\"} 1.5\n"
        );
    }
}
