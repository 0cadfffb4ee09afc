//! Trying again within a deadline, with growing, jittered pauses. It must never try past the deadline, nor without pause.

use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(40);
const LONGEST: Duration = Duration::from_millis(500);

/// The time one request has left, and how often it tried.
#[derive(Debug)]
pub struct Patience {
    until: Instant,
    /// Tries so far.
    pub tries: u32,
}

impl Patience {
    /// Starts now.
    #[must_use]
    pub fn new(deadline: Duration) -> Self {
        Self { until: Instant::now() + deadline, tries: 0 }
    }

    /// What is left.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }

    /// Sleeps before the next try; false when no time is left for one.
    pub async fn pause(&self) -> bool {
        let pause = pause_after(self.tries, fastrand::f64());
        if self.left() <= pause {
            return false;
        }
        tokio::time::sleep(pause).await;
        true
    }
}

/// 40 ms doubled by each try up to 500 ms, times 0.5 to 1.5 so that waiting requests do not come back as one wave.
fn pause_after(tries: u32, chance: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << tries.saturating_sub(1).min(10));
    doubled.min(LONGEST).mul_f64(0.5 + chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_bounded() {
        assert_eq!(pause_after(1, 0.5), FIRST);
        assert_eq!(pause_after(2, 0.5), FIRST * 2);
        assert_eq!(pause_after(u32::MAX, 0.5), LONGEST);
        assert!(pause_after(9, 1.0) <= LONGEST.mul_f64(1.5));
    }

    #[tokio::test]
    async fn no_time_left_means_no_try() {
        assert!(!Patience::new(Duration::ZERO).pause().await);
    }
}
