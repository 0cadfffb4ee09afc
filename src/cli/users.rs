//! Numbers of users as people write them: `250000`, `250k`, `1.5M`, or several in rising order.

/// Most steps of one climb.
const MOST: usize = 64;
/// Most users that a spec may declare.
const CEILING: u64 = 10_000_000_000;

/// One number of users, or several in rising order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Users(Vec<u64>);

impl Users {
    /// The only number, where it is one.
    pub fn single(&self) -> Option<u64> {
        match self.0.as_slice() {
            [users] => Some(*users),
            _ => None,
        }
    }

    /// All of them.
    pub fn all(&self) -> &[u64] {
        &self.0
    }
}

/// For clap: each way to be wrong gets its sentence.
pub(super) fn parse(text: &str) -> Result<Users, String> {
    let mut users: Vec<u64> = Vec::new();
    for part in text.split(',') {
        let part = part.trim();
        let count = number(part)?;
        if let Some(last) = users.last().filter(|last| **last >= count) {
            return Err(format!("{part} comes after {last}: write the numbers from small to large, each once"));
        }
        users.push(count);
    }
    if users.len() > MOST {
        return Err(format!("{} numbers are too many for one climb: write at most {MOST}", users.len()));
    }
    Ok(Users(users))
}

fn number(text: &str) -> Result<u64, String> {
    let wrong = || {
        if text.is_empty() {
            "a number is missing: write them like 1k,10k,100k".to_owned()
        } else if text.ends_with('m') {
            format!("{text} would be thousandths of a user: write M for millions")
        } else {
            format!("{text} is no number of users: write it like 250000, 250k, 1.5M or 1G")
        }
    };
    let (digits, unit) = match text.chars().last() {
        Some('k' | 'K') => (&text[..text.len() - 1], 1_000),
        Some('M') => (&text[..text.len() - 1], 1_000_000),
        Some('G') => (&text[..text.len() - 1], 1_000_000_000),
        _ => (text, 1_u64),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|digit| digit.is_ascii_digit());
    let dotted = digits.contains('.');
    if whole.is_empty() || !plain(whole) || !plain(fraction) || (dotted && fraction.is_empty()) || fraction.len() > 9 {
        return Err(wrong());
    }
    let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(9));
    let shifted: u128 = format!("{whole}{fraction}").parse::<u128>().map_err(|_| wrong())? * u128::from(unit);
    if !shifted.is_multiple_of(u128::from(scale)) {
        return Err(format!("{text} is a part of a user: write a whole number"));
    }
    let count = u64::try_from(shifted / u128::from(scale)).unwrap_or(u64::MAX);
    if count > CEILING {
        return Err(format!("{text} is above 10G: more users a day than people on earth are not planned for"));
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_with_their_suffix() {
        let read = |text: &str| parse(text).map(|users| users.0);
        assert_eq!(
            read("1k,10k,100k,1M,10M,100M"),
            Ok(vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000])
        );
        assert_eq!(read("2000000"), Ok(vec![2_000_000]));
        assert_eq!(read("1.5M, 2G"), Ok(vec![1_500_000, 2_000_000_000]));
        assert_eq!(read("0"), Ok(vec![0]), "the spec's own rule says what is wrong with it");
    }

    #[test]
    fn bad_lists_get_a_sentence() {
        let said = |text: &str| parse(text).unwrap_err();
        assert!(said("1k,,2k").contains("a number is missing"));
        assert!(said("10k,1k").contains("1k comes after 10000: write the numbers from small to large"));
        assert!(said("1k,1000").contains("each once"));
        assert!(said("1m").contains("write M for millions"));
        assert!(said("many").contains("like 250000, 250k"));
        assert!(said("-5").contains("is no number of users"));
        assert!(said("0.5").contains("a whole number"));
        assert!(said("1.M").contains("is no number"));
        assert!(said("11G").contains("above 10G"));
        let many: Vec<String> = (1..=65).map(|count| count.to_string()).collect();
        assert!(said(&many.join(",")).contains("at most 64"));
    }
}
