//! The gate that every write of the operator passes: open only while this process holds the leader
//! lease, and shut by the clock when the lease was not renewed in time, whatever any task believes.
//!
//! Reads pass always. A request that is not a watch has a time limit, so that a silent API server
//! never holds a reconcile or a renewal for good.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::{Method, Request};
use tower::{BoxError, Layer, Service};

use super::metrics::Metrics;

/// Longest that a request other than a watch may take until its answer begins.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The write was not sent, since this process does not hold the leader lease now.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("this replica does not hold the leader lease")]
pub struct NotLeading;

/// The API server did not begin its answer in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the API server did not answer within {}s", REQUEST_TIMEOUT.as_secs())]
pub struct NoAnswer;

/// Whether this process may write, and until when.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    leading: bool,
    valid_until: Option<Instant>,
}

impl Gate {
    /// A gate that never shuts, for commands that run outside of the operator.
    #[must_use]
    pub fn always_open() -> Self {
        let gate = Self::default();
        gate.set_leading(true);
        gate.renewed_until(Instant::now() + Duration::from_secs(u64::from(u32::MAX)));
        gate
    }

    /// Whether a write may be sent now.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let state = self.state();
        state.leading && state.valid_until.is_some_and(|until| Instant::now() < until)
    }

    /// Whether the lease is held, as far as is known.
    pub fn set_leading(&self, leading: bool) {
        let mut state = self.state();
        state.leading = leading;
        if !leading {
            state.valid_until = None;
        }
    }

    /// The lease was renewed: writes may pass until this moment.
    pub fn renewed_until(&self, until: Instant) {
        self.state().valid_until = Some(until);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the gate into a client.
#[derive(Clone, Debug)]
pub struct GateLayer {
    /// The gate.
    pub gate: Gate,
    /// Where writes are counted.
    pub metrics: Metrics,
}

/// A client's service behind the gate.
#[derive(Clone, Debug)]
pub struct Gated<S> {
    inner: S,
    layer: GateLayer,
}

impl<S> Layer<S> for GateLayer {
    type Service = Gated<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Gated { inner, layer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for Gated<S>
where
    S: Service<Request<B>, Response = R>,
    S::Future: Send + 'static,
    S::Error: Into<BoxError>,
    R: Send + 'static,
{
    type Response = R;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<R, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        if is_write(request.method()) {
            if !self.layer.gate.is_open() {
                return Box::pin(std::future::ready(Err(NotLeading.into())));
            }
            self.layer.metrics.wrote(request.method().as_str());
        }
        let watch = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair == "watch=true"));
        let answer = self.inner.call(request);
        if watch {
            return Box::pin(async move { answer.await.map_err(Into::into) });
        }
        Box::pin(async move {
            match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
                Ok(answer) => answer.map_err(Into::into),
                Err(_) => Err(NoAnswer.into()),
            }
        })
    }
}

/// Whether a request of this method changes anything.
#[must_use]
pub fn is_write(method: &Method) -> bool {
    !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gate_shuts_by_the_clock_though_the_flag_says_leading() {
        let gate = Gate::default();
        assert!(!gate.is_open());
        gate.set_leading(true);
        assert!(!gate.is_open(), "leading without a renewal");
        gate.renewed_until(Instant::now() + Duration::from_secs(60));
        assert!(gate.is_open());
        gate.renewed_until(Instant::now());
        assert!(!gate.is_open(), "the lease ran out");
        gate.renewed_until(Instant::now() + Duration::from_secs(60));
        gate.set_leading(false);
        gate.set_leading(true);
        assert!(!gate.is_open(), "a renewal of an earlier term counts for nothing");
    }
}
