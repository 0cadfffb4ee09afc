//! The shop's customers: a name and the hash of a password. The first log-in with a new name makes the account.
//!
//! It must never store or log a password, and never hash more than two at once: each takes 7 MiB and some 50 ms of CPU.

use std::time::Duration;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::connection::Pool;
use super::failure::Failure;
use super::write;

const FIND: &str = "SELECT id, password_hash FROM customers WHERE name = $1";
const MAKE: &str = "INSERT INTO customers (name, password_hash) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
const AT_ONCE: usize = 2;
/// OWASP's setting for little memory: 7 MiB, five passes, one lane.
const MEMORY_KIB: u32 = 7168;
const PASSES: u32 = 5;

static HASHING: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why nobody is logged in.
#[derive(Debug, thiserror::Error)]
pub enum LogInError {
    /// The name or the password cannot be one.
    #[error("a name has 2 to 40 characters, a password 8 to 200")]
    Unfit,
    /// The name has another password.
    #[error("this name has another password")]
    WrongPassword,
    /// The database's failure.
    #[error(transparent)]
    Database(#[from] Failure),
}

/// The number of the customer with this name, who is made if there is none.
///
/// # Errors
/// See [`LogInError`].
pub async fn log_in(pool: &Pool, name: &str, password: &str, deadline: Duration) -> Result<i64, LogInError> {
    let (length, secret) = (name.chars().count(), password.chars().count());
    if !(2..=40).contains(&length) || !(8..=200).contains(&secret) || name.chars().any(char::is_control) {
        return Err(LogInError::Unfit);
    }
    if let Some((id, hash)) = find(pool, name, deadline).await? {
        return verified(password, hash).await.then_some(id).ok_or(LogInError::WrongPassword);
    }
    let hash = hashed(password).await.ok_or(LogInError::Unfit)?;
    write::settled(pool, MAKE, &[&name, &hash], deadline).await?;
    // Someone else may have taken the name in the same moment: the row decides, not we.
    let Some((id, hash)) = find(pool, name, deadline).await? else { return Err(LogInError::WrongPassword) };
    verified(password, hash).await.then_some(id).ok_or(LogInError::WrongPassword)
}

async fn find(pool: &Pool, name: &str, deadline: Duration) -> Result<Option<(i64, String)>, Failure> {
    let rows = write::asked(pool, FIND, &[&name], deadline).await?;
    Ok(rows.first().map(|row| (row.get("id"), row.get("password_hash"))))
}

fn argon() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, 1, None).ok()?))
}

async fn hashed(password: &str) -> Option<String> {
    let password = password.to_owned();
    let _turn = HASHING.acquire().await.ok()?;
    let hash = move || {
        let salt = SaltString::encode_b64(Uuid::new_v4().as_bytes()).ok()?;
        Some(argon()?.hash_password(password.as_bytes(), &salt).ok()?.to_string())
    };
    tokio::task::spawn_blocking(hash).await.ok()?
}

async fn verified(password: &str, hash: String) -> bool {
    let password = password.to_owned();
    let Ok(_turn) = HASHING.acquire().await else { return false };
    let verify = move || {
        let parsed = PasswordHash::new(&hash).ok()?;
        argon()?.verify_password(password.as_bytes(), &parsed).ok()
    };
    tokio::task::spawn_blocking(verify).await.ok().flatten().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let hash = hashed("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=7168,t=5,p=1$"), "{hash}");
        assert!(verified("correct horse", hash.clone()).await);
        assert!(!verified("battery staple", hash).await);
    }
}
