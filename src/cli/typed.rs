//! Values of another type than a field's, told as a person says it; `serde` names the types of our code.

use serde_yaml::Value;

/// What `serde` says of a value or a field, without the types of Rust: `spec.services is a list: write …`.
#[must_use]
pub fn told(error: &str) -> String {
    let (text, place) = match error.rsplit_once(" at line ") {
        Some((text, place)) => (text, format!(" (line {})", place.replacen(" column", ", column", 1))),
        None => (error, String::new()),
    };
    let (field, what) = match text.split_once(": ") {
        Some((field, what)) if !field.contains(' ') => (field, what),
        _ => ("The document", text),
    };
    let typed = ["invalid type: ", "invalid value: ", "unknown variant "].iter().find_map(|start| {
        let (found, expected) = what.strip_prefix(start)?.split_once(", expected ")?;
        Some(format!("{field} is {}: write {}{place}", written(found), wanted(expected)))
    });
    let missing = || {
        let name = what.strip_prefix("missing field `")?.strip_suffix('`')?;
        Some(format!("{field} has no {name}: write one{place}"))
    };
    typed.or_else(missing).unwrap_or_else(|| format!("{field}: {what}{place}"))
}

/// A value as its owner wrote it: `string "many"` is `"many"`, and an integer stands in backquotes.
fn written(found: &str) -> String {
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "a list".to_owned(),
        "unit value" => "empty".to_owned(),
        _ => {
            let value = found.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == ' ');
            let value = if value.is_empty() { found } else { value };
            value.trim_matches('`').to_owned()
        }
    }
}

/// A type of ours as a kind of YAML.
fn wanted(expected: &str) -> String {
    let kind = match expected {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number",
        "f32" | "f64" => "a number",
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        _ if expected.starts_with("struct ") => "an object of fields",
        _ => expected,
    };
    kind.replace('`', "")
}

/// The first value that is a number or a truth value where the resource has text, with its path: this reader takes
/// it, and the API server does not. `typed` is the same document as it was understood.
#[must_use]
pub fn unquoted(path: &str, document: &Value, typed: &Value) -> Option<(String, String)> {
    match (document, typed) {
        (Value::Mapping(fields), Value::Mapping(known)) => fields.iter().find_map(|(key, value)| {
            let name = key.as_str()?;
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            unquoted(&path, value, known.get(key)?)
        }),
        (Value::Sequence(items), Value::Sequence(known)) => {
            let mut pairs = items.iter().zip(known).enumerate();
            pairs.find_map(|(index, (item, known))| unquoted(&format!("{path}[{index}]"), item, known))
        }
        (Value::Number(_) | Value::Bool(_), Value::String(text)) => Some((path.to_owned(), text.clone())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_as_kinds_of_yaml() {
        for (error, expected) in [
            (
                "spec.targets.dailyActiveUsers: invalid type: string \"many\", expected i64 at line 5 column 31",
                "spec.targets.dailyActiveUsers is \"many\": write a whole number (line 5, column 31)",
            ),
            (
                "spec.targets: invalid type: integer `5`, expected struct Targets at line 5 column 12",
                "spec.targets is 5: write an object of fields (line 5, column 12)",
            ),
            ("spec.services: invalid type: map, expected a sequence", "spec.services is an object: write a list"),
            (
                "spec.cache: invalid type: boolean `true`, expected struct Cache",
                "spec.cache is true: write an object of fields",
            ),
            ("spec.services[0]: missing field `name`", "spec.services[0] has no name: write one"),
            (
                "spec.cache.evictionPolicy: unknown variant `Never`, expected one of `A`, `B`",
                "spec.cache.evictionPolicy is Never: write one of A, B",
            ),
            ("spec: unknown field `x`, expected `y`", "spec: unknown field `x`, expected `y`"),
            ("invalid type: unit value, expected struct Spec", "The document is empty: write an object of fields"),
        ] {
            assert_eq!(told(error), expected);
        }
    }

    #[test]
    fn a_number_where_the_resource_has_text_is_found() {
        let value = |text: &str| serde_yaml::from_str::<Value>(text).unwrap();
        let typed = value("{spec: {a: [{cpu: '2', on: true}], port: 80}}");
        let found = |text: &str| unquoted("", &value(text), &typed);
        assert_eq!(
            found("{spec: {a: [{cpu: 2, on: true}], port: 80}}"),
            Some(("spec.a[0].cpu".to_owned(), "2".to_owned()))
        );
        assert_eq!(found("{spec: {a: [{cpu: '2', on: true}], port: 80}}"), None);
    }
}
