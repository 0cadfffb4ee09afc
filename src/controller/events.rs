//! Events: what happened to an application, once for each thing that happened. A repeated state
//! is a condition, not an Event.

use kube::Resource;
use kube::runtime::events::{Event, EventType};
use tracing::debug;

use crate::api::ScaledApp;

use super::context::Context;

/// Longest note of an Event, in characters: the API server takes one kilobyte.
const LONGEST: usize = 900;

/// Says something of an application, unless it was the last thing said under that reason.
pub async fn say(ctx: &Context, app: &ScaledApp, key: &str, type_: EventType, reason: &'static str, note: &str) {
    let note: String = note.chars().take(LONGEST).collect();
    let repeated = ctx.remember(key, |memory| memory.said.insert(reason, note.clone()).as_ref() == Some(&note));
    if repeated {
        return;
    }
    let event =
        Event { type_, reason: reason.to_owned(), note: Some(note), action: "Reconcile".to_owned(), secondary: None };
    if let Err(error) = ctx.recorder.publish(&event, &app.object_ref(&())).await {
        debug!(%error, reason, "an Event could not be written");
        ctx.remember(key, |memory| memory.said.remove(reason));
    }
}
