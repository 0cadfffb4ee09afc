//! A look at an application that goes on: by watches of the application and of its pods, never by asking again and
//! again. A watch that breaks is made anew.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::{BoxStream, select};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, Event, watcher};
use tokio::time::Instant;

use super::look::{Look, LookError, Looker, deepest, pods_note};
use super::watches::{Impatient, config};

/// Pause in which several changes become one look.
const CALM: Duration = Duration::from_millis(200);

/// What a watch tells.
#[derive(Debug)]
pub enum Sight {
    /// Something changed: everything as it is now.
    Look(Box<Look>),
    /// A watch broke, and is made anew; told once until it works again.
    Broken(String),
}

enum News {
    App(Box<watcher::Result<Event<DynamicObject>>>),
    Pod(Box<watcher::Result<Event<Pod>>>),
}

/// A look that goes on.
pub struct Spectator {
    looker: Looker,
    news: BoxStream<'static, News>,
    app: Kept<DynamicObject>,
    pods: Kept<Pod>,
    zones: BTreeMap<String, String>,
    notes: Vec<String>,
    broken: bool,
}

impl Spectator {
    /// Begins to watch.
    #[must_use]
    pub fn new(looker: Looker) -> Self {
        let one = config().fields(&format!("metadata.name={}", looker.name));
        let apps = watcher(looker.apps(), one).backoff(Impatient::default()).map(|event| News::App(Box::new(event)));
        let of_app = config().labels(&looker.selector());
        let pods = watcher(looker.pods(), of_app).backoff(Impatient::default()).map(|event| News::Pod(Box::new(event)));
        Self {
            news: select(apps, pods).boxed(),
            looker,
            app: Kept::new(),
            pods: Kept::new(),
            zones: BTreeMap::new(),
            notes: Vec::new(),
            broken: false,
        }
    }

    /// Waits for the next change.
    ///
    /// # Errors
    /// When the application is gone, or may not be watched.
    pub async fn next(&mut self) -> Result<Sight, LookError> {
        let mut until: Option<Instant> = None;
        loop {
            let news = match until {
                None => self.news.next().await,
                Some(until) => match tokio::time::timeout_at(until, self.news.next()).await {
                    Ok(news) => news,
                    Err(_) => return self.sight().await,
                },
            };
            let told = match news {
                Some(News::App(event)) => self.app_news(*event)?,
                Some(News::Pod(event)) => self.pod_news(*event),
                None => return Err(LookError::Refused("the watches have ended".to_owned())),
            };
            if let Some(told) = told {
                return Ok(told);
            }
            if self.app.known.is_some() && self.pods.known.is_some() {
                until.get_or_insert_with(|| Instant::now() + CALM);
            }
        }
    }

    async fn sight(&mut self) -> Result<Sight, LookError> {
        let gone = || LookError::Gone { name: self.looker.name.clone(), namespace: self.looker.namespace.clone() };
        let app = self.app.known.iter().flatten().map(|(_, app)| app.clone()).next().ok_or_else(gone)?;
        let pods: Vec<Pod> = self.pods.known.iter().flatten().map(|(_, pod)| pod.clone()).collect();
        self.looker.add_zones(&pods, &mut self.zones).await;
        let zones = self.zones.clone();
        Ok(Sight::Look(Box::new(Look { app, pods, zones, notes: self.notes.clone() })))
    }

    /// Takes news of the application; a watch that may not be made is the end.
    fn app_news(&mut self, event: watcher::Result<Event<DynamicObject>>) -> Result<Option<Sight>, LookError> {
        match event {
            Ok(event) => {
                self.broken &= matches!(event, Event::Init);
                self.app.take(event);
                Ok(None)
            }
            Err(error) => match refusal(&error) {
                Some(refused) => Err(self.looker.error(refused)),
                None => Ok(self.told(&error)),
            },
        }
    }

    /// Takes news of the pods; without the right to watch them there are none.
    fn pod_news(&mut self, event: watcher::Result<Event<Pod>>) -> Option<Sight> {
        match event {
            Ok(event) => {
                // A list begins so also when the server then refuses it.
                if !matches!(event, Event::Init) {
                    self.broken = false;
                    self.notes.clear();
                }
                self.pods.take(event);
                None
            }
            Err(error) => {
                let Some(refused) = refusal(&error) else { return self.told(&error) };
                self.notes = vec![pods_note(refused)];
                self.pods.known.get_or_insert_default();
                None
            }
        }
    }

    fn told(&mut self, error: &watcher::Error) -> Option<Sight> {
        // The server forgot where the watch was; a new list follows at once.
        let outdated = matches!(error, watcher::Error::WatchError(answer) if answer.code == 410);
        let news = !outdated && !self.broken;
        self.broken |= !outdated;
        news.then(|| Sight::Broken(deepest(error)))
    }
}

/// The server's answer, if it will not change by itself.
fn refusal(error: &watcher::Error) -> Option<&kube::Error> {
    let (watcher::Error::InitialListFailed(source) | watcher::Error::WatchStartFailed(source)) = error else {
        return None;
    };
    matches!(source, kube::Error::Api(answer) if matches!(answer.code, 401 | 403 | 404)).then_some(source)
}

/// The objects of a watch, by name.
struct Kept<K> {
    /// `None` before the first list is whole.
    known: Option<BTreeMap<String, K>>,
    listed: BTreeMap<String, K>,
}

impl<K: ResourceExt> Kept<K> {
    fn new() -> Self {
        Self { known: None, listed: BTreeMap::new() }
    }

    fn take(&mut self, event: Event<K>) {
        match event {
            Event::Init => self.listed.clear(),
            Event::InitApply(object) => {
                self.listed.insert(object.name_any(), object);
            }
            Event::InitDone => self.known = Some(std::mem::take(&mut self.listed)),
            Event::Apply(object) => {
                self.known.get_or_insert_default().insert(object.name_any(), object);
            }
            Event::Delete(object) => {
                self.known.get_or_insert_default().remove(&object.name_any());
            }
        }
    }
}
