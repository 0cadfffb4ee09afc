//! The checker of lost writes: is every recorded order still there? It must never call a list whole that may have been cut short.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use http_body_util::BodyExt as _;
use hyper::{Method, StatusCode};
use uuid::Uuid;

use super::client::{Shop, Target};
use crate::db::retry::Patience;

/// Options of `shop verify`.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    #[command(flatten)]
    target: Target,
    /// The file that `shop load --out` wrote
    #[arg(long)]
    keys: PathBuf,
    /// How long to try before giving up
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// More keys than that are refused: they are held in memory.
const MOST_KEYS: usize = 10_000_000;

/// Compares the file with the primary, prints a line for people and one of JSON; exit code 1 when an acknowledged order is missing or a
/// key is there twice.
///
/// # Errors
/// The comparison could not be made.
pub async fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let text =
        tokio::fs::read_to_string(&args.keys).await.with_context(|| format!("cannot read {}", args.keys.display()))?;
    let recorded = recorded(&text)?;
    let shop = Shop::new(&args.target, args.timeout)?;
    let mut patience = Patience::new(args.timeout);
    let stored = loop {
        patience.tries += 1;
        let error = match tokio::time::timeout(patience.left(), stored(&shop)).await {
            Ok(Ok(stored)) => break stored,
            Ok(Err(error)) => error,
            Err(_) => anyhow::anyhow!("no whole answer in time"),
        };
        if !patience.pause().await {
            return Err(error.context("cannot read the keys from the primary"));
        }
    };
    let missing: Vec<&Uuid> = recorded.iter().filter(|key| !stored.keys.contains(key)).collect();
    let shown: Vec<_> = missing.iter().take(20).collect();
    println!(
        "{} acknowledged orders recorded, {} stored, {} missing, {} doubled",
        recorded.len(),
        stored.keys.len(),
        missing.len(),
        stored.doubled
    );
    let report = serde_json::json!({
        "recorded": recorded.len(), "stored": stored.keys.len(), "missing": missing.len(), "doubled": stored.doubled, "missingKeys": shown,
    });
    println!("{report}");
    Ok(if missing.is_empty() && stored.doubled == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn recorded(text: &str) -> anyhow::Result<HashSet<Uuid>> {
    let mut keys = HashSet::new();
    for (number, line) in text.lines().enumerate() {
        keys.insert(line.trim().parse().with_context(|| format!("line {} is not a key", number + 1))?);
        ensure!(keys.len() <= MOST_KEYS, "more than {MOST_KEYS} keys");
    }
    Ok(keys)
}

#[derive(Debug, Default)]
struct Stored {
    keys: HashSet<Uuid>,
    doubled: u64,
    ended: Option<u64>,
}

impl Stored {
    fn line(&mut self, line: &str) -> anyhow::Result<()> {
        ensure!(self.ended.is_none(), "the list goes on after its end");
        if let Some(count) = line.strip_prefix("# end ") {
            self.ended = Some(count.parse().context("the list's end has no count")?);
            return Ok(());
        }
        if !self.keys.insert(line.parse().context("the list holds something that is not a key")?) {
            self.doubled += 1;
        }
        ensure!(self.keys.len() <= MOST_KEYS, "more than {MOST_KEYS} keys");
        Ok(())
    }

    fn whole(self) -> anyhow::Result<Self> {
        match self.ended {
            Some(count) if count == self.keys.len() as u64 + self.doubled => Ok(self),
            _ => bail!("the list was cut short"),
        }
    }
}

async fn stored(shop: &Shop) -> anyhow::Result<Stored> {
    let mut response = shop.send(Method::GET, "/api/orders/keys?from=primary", None).await?;
    ensure!(response.status() == StatusCode::OK, "the shop answered {}", response.status());
    let mut stored = Stored::default();
    let mut pending = Vec::new();
    while let Some(frame) = response.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        pending.extend_from_slice(&data);
        let Some(end) = pending.iter().rposition(|&byte| byte == b'\n') else {
            ensure!(pending.len() < 1024, "the list holds something that is not a key");
            continue;
        };
        let rest = pending.split_off(end + 1);
        for line in std::str::from_utf8(&pending)?.lines() {
            stored.line(line)?;
        }
        pending = rest;
    }
    stored.whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_cut_short_is_not_whole() {
        let mut stored = Stored::default();
        stored.line(&Uuid::from_u128(1).to_string()).unwrap();
        assert!(Stored::default().whole().is_err());
        stored.line("# end 2").unwrap();
        assert!(stored.whole().is_err());
    }

    #[test]
    fn doubles_are_counted() {
        let mut stored = Stored::default();
        for _ in 0..2 {
            stored.line(&Uuid::from_u128(1).to_string()).unwrap();
        }
        stored.line("# end 2").unwrap();
        assert_eq!(stored.whole().unwrap().doubled, 1);
    }

    #[test]
    fn a_file_with_anything_else_is_refused() {
        assert!(recorded("nonsense\n").is_err());
        assert_eq!(recorded("").unwrap().len(), 0);
    }
}
