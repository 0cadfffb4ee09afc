//! Names that are like what somebody typed.

/// Most names that are offered.
const OFFERED: usize = 6;
/// Behind all that are near.
const FAR: usize = 1000;

/// The names nearest to `wanted`: those that hold it, then those a few letters away.
pub(super) fn close<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let wanted = wanted.to_lowercase();
    let mut rated: Vec<(usize, &str)> = names
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let last = lower.rsplit('.').next().unwrap_or(&lower);
            let away = distance(&wanted, &lower).min(distance(&wanted, last));
            let near = away <= (wanted.chars().count() / 3).max(1);
            let holds = wanted.len() > 2 && lower.contains(&wanted);
            let shared = words(&wanted).filter(|word| words(&lower).any(|other| other == *word)).count();
            let rate = match (near, holds, shared) {
                (true, ..) => away,
                (_, true, _) => FAR + lower.len(),
                (_, _, 0) => return None,
                (_, _, shared) => 2 * FAR - shared,
            };
            Some((rate, name))
        })
        .collect();
    rated.sort_unstable();
    rated.dedup();
    rated.into_iter().take(OFFERED).map(|(_, name)| name.to_owned()).collect()
}

/// The words of a constant's name that say something.
fn words(name: &str) -> impl Iterator<Item = &str> {
    name.split('_').filter(|word| word.len() > 2 && *word != "per")
}

/// Letters to insert, delete or replace (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = corner + usize::from(letter != *other);
            corner = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name() {
        let names = ["read_cpu_ms", "write_cpu_ms", "spec.targets.peakToAverage", "replay_share"];
        assert_eq!(close("raed_cpu_ms", names.into_iter())[0], "read_cpu_ms");
        assert_eq!(close("peaktoavrage", names.into_iter()), ["spec.targets.peakToAverage"]);
        assert_eq!(close("cpu", names.into_iter()), ["read_cpu_ms", "write_cpu_ms"]);
        assert_eq!(close("replayed_share", names.into_iter()), ["replay_share"]);
        assert_eq!(close("zzzz", names.into_iter()), Vec::<String>::new());
    }
}
