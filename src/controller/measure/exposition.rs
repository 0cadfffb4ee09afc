//! Prometheus' text format, read strictly: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
//!
//! Only samples are kept. A line that is none is an error, since half of a page would be a wrong figure.

use std::collections::BTreeMap;

/// One sample of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// Name of the metric.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value; may be `NaN` or infinite.
    pub value: f64,
}

/// A line that is no sample.
#[derive(thiserror::Error, Debug, Clone, PartialEq, Eq)]
#[error("line {line} of the metrics page is no sample: {text:?}")]
pub struct NoSample {
    line: usize,
    text: String,
}

/// All samples of a page.
///
/// # Errors
/// When a line is neither empty, a comment nor a sample.
pub fn parse(page: &str) -> Result<Vec<Sample>, NoSample> {
    page.lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
        .map(|(index, line)| {
            sample(line.trim()).ok_or_else(|| NoSample { line: index + 1, text: line.chars().take(80).collect() })
        })
        .collect()
}

fn sample(line: &str) -> Option<Sample> {
    let end = line.find(|c: char| c == '{' || c.is_ascii_whitespace())?;
    let (name, rest) = line.split_at(end);
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(valid) {
        return None;
    }
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(inside) => labels(inside)?,
        None => (BTreeMap::new(), rest),
    };
    let mut words = rest.split_ascii_whitespace();
    let value = number(words.next()?)?;
    // A time may follow, in milliseconds.
    if words.next().is_some_and(|time| time.parse::<i64>().is_err()) || words.next().is_some() {
        return None;
    }
    Some(Sample { name: name.to_owned(), labels, value })
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ => text.parse().ok().filter(|_| text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))),
    }
}

/// Labels up to the brace that ends them, and what follows.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut found = BTreeMap::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Some((found, after));
        }
        let (name, after) = rest.split_once('=')?;
        let quoted = after.trim_start().strip_prefix('"')?;
        let (value, after) = unquoted(quoted)?;
        found.insert(name.trim().to_owned(), value);
        rest = after.trim_start();
        rest = rest.strip_prefix(',').or_else(|| rest.starts_with('}').then_some(rest))?;
    }
}

/// A label's value up to its closing quote, and what follows.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut letters = text.char_indices();
    while let Some((index, letter)) = letters.next() {
        match letter {
            '"' => return Some((value, &text[index + 1..])),
            '\\' => value.push(match letters.next()?.1 {
                'n' => '\n',
                escaped @ ('\\' | '"') => escaped,
                _ => return None,
            }),
            letter => value.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_all_forms_are_read() {
        let page = "# HELP a_total What.\n# TYPE a_total counter\na_total 3\n\nb{x=\"1\",y=\"a \\\"b\\\" \\\\ c\\n}\",} 1.5e3 1700000000000\nc{} NaN\nd +Inf\n";
        let found = parse(page).unwrap();
        assert!(found[0].name == "a_total" && (found[0].value - 3.0).abs() < 1e-9);
        assert_eq!((found[1].labels["x"].as_str(), found[1].labels["y"].as_str()), ("1", "a \"b\" \\ c\n}"));
        assert!((found[1].value - 1500.0).abs() < 1e-9);
        assert!(found[2].value.is_nan() && found[3].value.is_infinite());
    }

    #[test]
    fn what_is_no_sample_is_an_error_with_its_line() {
        for wrong in ["a", "a{x=1} 2", "a{x=\"1\" 2", "1a 2", "a b", "a 1 2 3", "a{x=\"\\q\"} 1", "<html>", "a nan"] {
            assert!(parse(&format!("good 1\n{wrong}\n")).is_err(), "{wrong}");
        }
        let error = parse("good 1\n<html>\n").unwrap_err();
        assert_eq!(error.to_string(), "line 2 of the metrics page is no sample: \"<html>\"");
    }
}
