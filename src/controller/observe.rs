//! What is there: one look at an application and everything that belongs to it. Reads only.

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams};
use strum::IntoStaticStr;

use crate::api::ScaledApp;
use crate::resources::{KINDS, KindInfo, names};

use super::children;
use super::context::Context;
use super::error::{Class, Staged, class_of};
use super::pods::PodView;
use super::revisions::Revisions;

/// Lists that are asked for at the same time.
const PARALLEL: usize = 4;
/// Objects in one page of a list.
const PAGE: u32 = 100;

/// Errors of looking.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum ObserveError {
    /// A read failed.
    #[error("{what} could not be read: {source}")]
    ReadFailed {
        /// What was read.
        what: &'static str,
        /// Why.
        source: kube::Error,
    },
}

impl Staged for ObserveError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::ReadFailed { source, .. } => match class_of(source) {
                Class::Permanent | Class::Transient => Class::Transient,
                Class::Waiting => Class::Waiting,
            },
        }
    }
}

/// Everything that is there.
#[derive(Debug)]
pub struct Observed {
    /// The application as it is stored now.
    pub app: ScaledApp,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// What the operator wrote, by kind and name.
    pub children: BTreeMap<(&'static str, String), DynamicObject>,
    /// Its pods.
    pub pods: Vec<PodView>,
    /// Its volume claims.
    pub claims: Vec<PersistentVolumeClaim>,
    /// Patroni's own objects.
    pub patroni: Vec<ConfigMap>,
    /// The plans that were accepted.
    pub revisions: Revisions,
}

impl Observed {
    /// The key under which the application is remembered.
    #[must_use]
    pub fn key(&self) -> String {
        key(&self.namespace, &self.name)
    }

    /// A child.
    #[must_use]
    pub fn child(&self, kind: &KindInfo, name: &str) -> Option<&DynamicObject> {
        self.children.get(&(kind.kind, name.to_owned()))
    }

    /// A child by the name of its kind.
    #[must_use]
    pub fn child_named(&self, kind: &'static str, name: &str) -> Option<&DynamicObject> {
        self.children.get(&(kind, name.to_owned()))
    }

    /// One of our Secrets.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        let object = self.child_named("Secret", name)?;
        serde_json::to_value(object).and_then(serde_json::from_value).ok()
    }

    /// One of Patroni's objects, by the end of its name.
    #[must_use]
    pub fn patroni(&self, suffix: &str) -> Option<&ConfigMap> {
        let name = format!("{}-database-{suffix}", self.name);
        self.patroni.iter().find(|object| object.name_any() == name)
    }
}

/// The key of an application.
#[must_use]
pub fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Looks at an application; `None` when it is gone or going.
///
/// # Errors
/// When a read fails.
pub async fn observe(ctx: &Context, namespace: &str, name: &str) -> Result<Option<Observed>, ObserveError> {
    let failed = |what: &'static str| move |source| ObserveError::ReadFailed { what, source };
    let apps: Api<ScaledApp> = Api::namespaced(ctx.client.clone(), namespace);
    let Some(app) = apps.get_opt(name).await.map_err(failed("the ScaledApp"))? else {
        return Ok(None);
    };
    if app.metadata.deletion_timestamp.is_some() {
        return Ok(None);
    }
    let revisions: Api<ControllerRevision> = Api::namespaced(ctx.client.clone(), namespace);
    let pods: Api<PodView> = super::pods::api(&ctx.client, namespace);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(ctx.client.clone(), namespace);
    let of_app = ListParams::default().labels(&children::app_selector(name)).limit(PAGE);
    let (children, pods, claims, revisions, patroni) = futures::try_join!(
        list_children(ctx, namespace, name),
        async { pages(&pods, &of_app).await.map_err(failed("pods")) },
        async { pages(&claims, &of_app).await.map_err(failed("volume claims")) },
        async {
            let params = ListParams::default().labels(&children::selector(name)).limit(PAGE);
            pages(&revisions, &params).await.map_err(failed("plan revisions"))
        },
        async { patroni_objects(ctx, namespace, name).await.map_err(failed("Patroni's objects")) },
    )?;
    let uid = app.uid().unwrap_or_default();
    Ok(Some(Observed {
        revisions: Revisions::read(revisions, name, &uid),
        app,
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        children,
        pods,
        claims,
        patroni,
    }))
}

async fn list_children(
    ctx: &Context,
    namespace: &str,
    name: &str,
) -> Result<BTreeMap<(&'static str, String), DynamicObject>, ObserveError> {
    let params = ListParams::default().labels(&children::selector(name)).limit(PAGE);
    let lists: Vec<_> = KINDS.iter().map(|kind| list_kind(ctx, *kind, namespace, params.clone())).collect();
    let lists: Vec<Vec<((&'static str, String), DynamicObject)>> =
        futures::stream::iter(lists).buffered(PARALLEL).try_collect().await?;
    Ok(lists.into_iter().flatten().collect())
}

async fn list_kind(
    ctx: &Context,
    kind: KindInfo,
    namespace: &str,
    params: ListParams,
) -> Result<Vec<((&'static str, String), DynamicObject)>, ObserveError> {
    let found = pages(&children::api(&ctx.client, &kind, namespace), &params)
        .await
        .map_err(|source| ObserveError::ReadFailed { what: kind.plural, source })?;
    Ok(found.into_iter().map(|object| ((kind.kind, object.name_any()), object)).collect())
}

async fn patroni_objects(ctx: &Context, namespace: &str, name: &str) -> kube::Result<Vec<ConfigMap>> {
    let maps: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let mut found = Vec::new();
    for object in names::patroni_objects(name) {
        found.extend(maps.get_opt(&object).await?);
    }
    Ok(found)
}

/// All pages of a list.
async fn pages<K>(api: &Api<K>, params: &ListParams) -> kube::Result<Vec<K>>
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let mut params = params.clone();
    let mut all = Vec::new();
    loop {
        let page = api.list(&params).await?;
        all.extend(page.items);
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => params = params.continue_token(&token),
            None => return Ok(all),
        }
    }
}
