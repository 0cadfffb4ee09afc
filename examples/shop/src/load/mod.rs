//! An open-loop load generator: arrivals follow a schedule made beforehand, whatever the answers do, so that a shop that stalls is seen to stall.
//!
//! It must never record an order that was not answered with 201, and never ask twice for one order: failures are to be counted, not hidden.

pub mod client;
pub mod tally;
pub mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use uuid::Uuid;

use crate::stop::Stop;
use client::{Shop, Target};
use tally::{Kind, Outcome, Sample, Tally};

/// Options of `shop load`.
#[derive(Debug, Clone, Args)]
pub struct LoadArgs {
    #[command(flatten)]
    target: Target,
    /// Arrivals a second, pages and orders together
    #[arg(long, default_value_t = 20.0)]
    rate: f64,
    /// How long to go on, such as 60s or 5m; SIGTERM and SIGINT end it earlier, with the same report
    #[arg(long, default_value = "60s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// Which part of the arrivals are orders, in percent; the rest are page views
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u8).range(0..=100))]
    order_percent: u8,
    /// Where to append the keys of acknowledged orders, a line each
    #[arg(long)]
    out: Option<PathBuf>,
    /// When an answer counts as failed
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    timeout: Duration,
}

/// More arrivals than that belong to a load test proper.
const MOST_ARRIVALS: f64 = 5_000_000.0;
/// Requests under way at once; an arrival beyond is counted as failed without being sent.
const MOST_UNDER_WAY: usize = 10_000;
const PRODUCTS: u64 = 12;

/// Runs the load, prints a line for people and one of JSON.
///
/// # Errors
/// Options out of range, or a key file that cannot be written: without it the run proves nothing.
pub async fn run(args: &LoadArgs) -> anyhow::Result<ExitCode> {
    ensure!(args.rate > 0.0 && args.rate <= 5000.0, "--rate must be above 0 and at most 5000");
    let arrivals = (args.rate * args.duration.as_secs_f64()).ceil();
    ensure!(arrivals <= MOST_ARRIVALS, "--rate times --duration must not exceed {MOST_ARRIVALS} arrivals");
    let keys = match &args.out {
        Some(path) => Some(open(path).await?),
        None => None,
    };
    let shop = Arc::new(Shop::new(&args.target, args.timeout)?);
    let end = Stop::on_signals().context("signals cannot be waited for")?;
    let (samples, collected) = mpsc::unbounded_channel();
    let collector = tokio::spawn(collect(collected, keys));
    // Truncation is meant: arrivals is bounded above and positive.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let sent = schedule(args, arrivals as u64, &shop, &samples, &end);
    let length = sent.await;
    drop(samples);
    let tally = collector.await.context("the collector ended early")??;
    let report = tally.report(length);
    println!("{}", report.sentence());
    println!("{}", serde_json::to_string(&report)?);
    Ok(ExitCode::SUCCESS)
}

async fn open(path: &Path) -> anyhow::Result<File> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .await
        .with_context(|| format!("cannot append to {}", path.display()))
}

/// Sends the arrivals, until told to stop; how long that took.
async fn schedule(
    args: &LoadArgs,
    arrivals: u64,
    shop: &Arc<Shop>,
    samples: &mpsc::UnboundedSender<Sample>,
    end: &Stop,
) -> Duration {
    let slots = Arc::new(Semaphore::new(MOST_UNDER_WAY));
    let start = Instant::now();
    for number in 0..arrivals {
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let due = start + Duration::from_secs_f64(number as f64 / args.rate);
        tokio::select! {
            () = tokio::time::sleep_until(due) => (),
            () = end.told() => return start.elapsed(),
        }
        let kind = if is_order(number, args.order_percent) { Kind::Order } else { Kind::Page };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            let _collected =
                samples.send(Sample { kind, outcome: Outcome::NotSent, took: Duration::ZERO, at: start.elapsed() });
            continue;
        };
        let (shop, samples) = (Arc::clone(shop), samples.clone());
        tokio::spawn(async move {
            let outcome = match kind {
                Kind::Order => shop.order(Uuid::new_v4(), 1 + number % PRODUCTS).await,
                Kind::Page => shop.page(if number.is_multiple_of(2) { "/" } else { "/orders" }).await,
            };
            // From the scheduled time, so that a late start counts as the waiting that it is for a user.
            let sample = Sample { kind, outcome, took: due.elapsed(), at: start.elapsed() };
            let _collected = samples.send(sample);
            drop(slot);
        });
    }
    // The last arrival's share of the schedule belongs to the run.
    tokio::select! {
        () = tokio::time::sleep_until(start + args.duration) => args.duration,
        () = end.told() => start.elapsed(),
    }
}

/// Spreads orders evenly: of the first n arrivals, n * percent / 100 are orders.
fn is_order(number: u64, percent: u8) -> bool {
    let before = |n: u64| n * u64::from(percent) / 100;
    before(number + 1) > before(number)
}

async fn collect(mut samples: mpsc::UnboundedReceiver<Sample>, mut keys: Option<File>) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    while let Some(sample) = samples.recv().await {
        if let (Outcome::Placed(key), Some(file)) = (&sample.outcome, keys.as_mut()) {
            file.write_all(format!("{key}\n").as_bytes()).await.context("cannot record an acknowledged order")?;
            file.flush().await.context("cannot record an acknowledged order")?;
        }
        tally.add(&sample);
    }
    Ok(tally)
}

#[cfg(test)]
mod tests {
    use super::is_order;

    #[test]
    fn orders_are_spread_evenly() {
        assert_eq!((0..100).filter(|&number| is_order(number, 20)).count(), 20);
        assert_eq!((0..10).filter(|&number| is_order(number, 20)).count(), 2);
        assert!((0..50).all(|number| !is_order(number, 0)));
        assert!((0..50).all(|number| is_order(number, 100)));
    }
}
