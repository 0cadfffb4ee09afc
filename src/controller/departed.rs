//! What an application that is gone leaves behind although nobody keeps it.
//!
//! Patroni makes its objects itself and owns none of them. A member that is still ending may make
//! the leader lock anew after the garbage collector took it away with the application, and a lock
//! that is made just before the deletion has no owner yet. Both are taken away here, unless data
//! or passwords of the database were retained: then these objects are the database's identity.

use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Preconditions};
use strum::IntoStaticStr;
use tracing::info;

use crate::api::ScaledApp;
use crate::planner::Tier;
use crate::resources::{credentials, names};

use super::children;
use super::context::Context;
use super::error::{Class, Staged, class_of, is_conflict, is_not_found};

/// Errors of clearing up.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum DepartedError {
    /// A read or a deletion failed.
    #[error("what Patroni left of the deleted ScaledApp {app} could not be removed: {source}")]
    RemainsNotRemoved {
        /// Namespace and name.
        app: String,
        /// Why.
        source: kube::Error,
    },
}

impl Staged for DepartedError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::RemainsNotRemoved { source, .. } => class_of(source),
        }
    }
}

/// Takes away what nobody keeps of an application that is gone; nothing while it is there.
///
/// # Errors
/// When the API server refuses a read or a deletion.
pub async fn clear(ctx: &Context, namespace: &str, app: &str) -> Result<(), DepartedError> {
    remove(ctx, namespace, app)
        .await
        .map_err(|source| DepartedError::RemainsNotRemoved { app: format!("{namespace}/{app}"), source })
}

async fn remove(ctx: &Context, namespace: &str, app: &str) -> kube::Result<()> {
    // Listed first: what a new application of the same name makes from here on has another identity.
    let maps: Api<ConfigMap> = Api::namespaced(ctx.client.clone(), namespace);
    let selector = ListParams::default().labels(&children::app_selector(app));
    let ours = names::patroni_objects(app);
    let mut remains = maps.list(&selector).await?.items;
    remains.retain(|map| ours.contains(&map.name_any()));
    if remains.is_empty() || is_kept(ctx, namespace, app).await? {
        return Ok(());
    }
    for map in remains {
        let only_this = Preconditions { uid: map.uid(), resource_version: None };
        match maps.delete(&map.name_any(), &DeleteParams::background().preconditions(only_this)).await {
            Ok(_) => info!(app = super::observe::key(namespace, app), object = map.name_any(), "left behind, removed"),
            Err(error) if is_not_found(&error) || is_conflict(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Whether the application is there, or data or passwords of its database are.
async fn is_kept(ctx: &Context, namespace: &str, app: &str) -> kube::Result<bool> {
    let apps: Api<ScaledApp> = Api::namespaced(ctx.client.clone(), namespace);
    let secrets: Api<Secret> = Api::namespaced(ctx.client.clone(), namespace);
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(ctx.client.clone(), namespace);
    if apps.get_metadata_opt(app).await?.is_some() {
        return Ok(true);
    }
    for (_, secret) in credentials::generated(app).filter(|(tier, _)| *tier == Tier::Database) {
        if secrets.get_metadata_opt(&secret).await?.is_some() {
            return Ok(true);
        }
    }
    let selector = ListParams::default().labels(&children::app_selector(app));
    let prefix = names::engine_claims(app, Tier::Database);
    Ok(claims.list_metadata(&selector).await?.items.iter().any(|claim| claim.name_any().starts_with(&prefix)))
}
