//! YAML that older readers understand too: kubectl and Helm read `on`, `yes` and their kin as
//! booleans unless they are quoted. Never changes the text of a block.

use serde::Serialize;

/// Words that YAML 1.1 takes for booleans and YAML 1.2 does not, in small letters.
const WORDS: [&str; 6] = ["y", "n", "yes", "no", "on", "off"];

/// A value as YAML, with every such word quoted.
///
/// # Errors
/// When the value cannot be written as YAML.
pub fn to_string<T: Serialize>(value: &T) -> Result<String, serde_yaml::Error> {
    Ok(quoted(&serde_yaml::to_string(value)?))
}

fn quoted(text: &str) -> String {
    let mut block: Option<usize> = None;
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        if block.is_some_and(|start| indent > start || line.trim().is_empty()) {
            out.push_str(line);
        } else {
            let begins = [": |", ": |-", ": |+", ": >", ": >-", ": >+", "- |", "- |-", "- |+"];
            block = begins.iter().any(|end| line.ends_with(end)).then_some(indent);
            quote_line(line, &mut out);
        }
        out.push('\n');
    }
    out
}

fn quote_line(line: &str, out: &mut String) {
    let mut rest = line.trim_start();
    while let Some(inner) = rest.strip_prefix("- ") {
        rest = inner;
    }
    out.push_str(&line[..line.len() - rest.len()]);
    let (key, value) = match rest.split_once(": ") {
        Some((key, value)) => (key, Some(value)),
        None => (rest.strip_suffix(':').unwrap_or(rest), None),
    };
    push(key, out);
    match value {
        Some(value) => {
            out.push_str(": ");
            push(value, out);
        }
        None if rest.ends_with(':') => out.push(':'),
        None => {}
    }
}

fn push(word: &str, out: &mut String) {
    if WORDS.contains(&word.to_ascii_lowercase().as_str()) {
        out.push('\'');
        out.push_str(word);
        out.push('\'');
    } else {
        out.push_str(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_old_readers_take_for_booleans_are_quoted_and_blocks_are_not() {
        let value = serde_json::json!({"on": {"required": ["on", "trigger"], "off": "Yes", "text": "a\non\nno: yes\n"}, "n": 1});
        let text = to_string(&value).unwrap();
        assert!(text.contains("'on':\n") && text.contains("- 'on'\n") && text.contains("'off': 'Yes'"), "{text}");
        assert!(text.contains("'n': 1"), "{text}");
        assert!(text.contains("  on\n") && text.contains("no: yes"), "{text}");
        assert_eq!(serde_yaml::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
