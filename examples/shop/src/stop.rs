//! Being told to stop: SIGTERM or SIGINT, once, for everyone who waits. It must never end the process itself.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whoever holds one can wait for the signal.
#[derive(Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens from now on.
    ///
    /// # Errors
    /// The handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Self> {
        let (sender, told) = watch::channel(false);
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::spawn(async move {
            tokio::select! { _ = terminate.recv() => (), _ = interrupt.recv() => () }
            tracing::info!("stopping: finishing what is in flight");
            sender.send_replace(true);
        });
        Ok(Self(told))
    }

    /// Returns when it is time.
    pub async fn told(&self) {
        // An error means that the sender is gone, which only the end of the signal task brings: stop as well.
        let mut told = self.0.clone();
        let _stopping = told.wait_for(|stop| *stop).await;
    }

    /// Whether it is time.
    #[must_use]
    pub fn now(&self) -> bool {
        *self.0.borrow()
    }
}
