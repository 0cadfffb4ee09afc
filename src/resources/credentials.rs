//! Generated passwords. They are made once, outside the desired set, and only read afterwards.

use std::collections::BTreeMap;
use std::fmt;

/// Length of a generated password, in characters of a 62-letter alphabet: 190 bits.
pub const PASSWORD_LENGTH: usize = 32;

/// Keys of the Secret that holds the generated passwords.
pub const KEYS: [&str; 6] =
    ["superuser-password", "replication-password", "app-password", "monitor-password", "rest-password", "agent-token"];

/// The generated passwords of an application; letters and digits only, so that they need no
/// escaping in an address.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials(BTreeMap<&'static str, String>);

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

impl Credentials {
    /// From the data of the Secret; the name of a key that is missing or empty otherwise.
    ///
    /// # Errors
    /// The first of [`KEYS`] that has no value.
    pub fn from_data(data: &BTreeMap<String, String>) -> Result<Self, &'static str> {
        let mut values = BTreeMap::new();
        for key in KEYS {
            let value = data.get(key).filter(|v| !v.is_empty()).ok_or(key)?;
            values.insert(key, value.clone());
        }
        Ok(Self(values))
    }

    /// From a source of random letters: `next` gives numbers below its argument, evenly.
    pub fn generate(mut next: impl FnMut(usize) -> usize) -> Self {
        const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
        let mut password = || -> String {
            (0..PASSWORD_LENGTH).map(|_| char::from(ALPHABET[next(ALPHABET.len()) % ALPHABET.len()])).collect()
        };
        Self(KEYS.into_iter().map(|key| (key, password())).collect())
    }

    /// One value by its key; one of [`KEYS`], else empty.
    #[must_use]
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// Password of the application's own user.
    #[must_use]
    pub fn app_password(&self) -> &str {
        self.get("app-password")
    }

    /// The data of the Secret.
    #[must_use]
    pub fn data(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect()
    }
}
