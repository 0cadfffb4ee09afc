//! Labels and metadata of our objects, and the hash that tells one configuration from another.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};
use sha2::{Digest, Sha256};

use crate::api::labels;
use crate::domain::ValidApp;
use crate::planner::Tier;

/// Which part of an application an object belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// The tier in small letters, or `migration`.
    pub component: &'a str,
    /// What runs in it, such as `haproxy`, or the service's name.
    pub name: &'a str,
    /// The service in the web tier, or the worker.
    pub service: Option<&'a str>,
}

impl Part<'_> {
    /// Labels by which pods of this part are selected; they never change in the life of an object.
    #[must_use]
    pub fn selector(&self, app: &ValidApp) -> BTreeMap<String, String> {
        let mut labels = BTreeMap::from([
            (labels::APP.to_owned(), app.name.to_string()),
            (labels::COMPONENT.to_owned(), self.component.to_owned()),
        ]);
        if let Some(service) = self.service {
            let key = if self.component == Tier::Worker.component() { labels::WORKER } else { labels::SERVICE };
            labels.insert(key.to_owned(), service.to_owned());
        }
        labels
    }

    /// All labels of this part's objects.
    #[must_use]
    pub fn labels(&self, app: &ValidApp) -> BTreeMap<String, String> {
        let mut all = self.selector(app);
        for (key, value) in [
            (labels::NAME, self.name),
            (labels::INSTANCE, app.name.as_str()),
            (labels::PART_OF, app.name.as_str()),
            (labels::MANAGED_BY, labels::MANAGED_BY_VALUE),
        ] {
            all.insert(key.to_owned(), value.to_owned());
        }
        all
    }

    /// A selector of this part's pods.
    #[must_use]
    pub fn label_selector(&self, app: &ValidApp) -> LabelSelector {
        LabelSelector { match_labels: Some(self.selector(app)), ..LabelSelector::default() }
    }

    /// Metadata of an object of this part.
    #[must_use]
    pub fn meta(&self, app: &ValidApp, name: String) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(app.namespace.clone()),
            labels: Some(self.labels(app)),
            ..ObjectMeta::default()
        }
    }

    /// Metadata of a pod template of this part, with the hash of what its pods read only at start.
    #[must_use]
    pub fn template_meta(&self, app: &ValidApp, config_hash: Option<String>) -> ObjectMeta {
        ObjectMeta {
            labels: Some(self.labels(app)),
            annotations: config_hash.map(|hash| BTreeMap::from([(labels::CONFIG_HASH.to_owned(), hash)])),
            ..ObjectMeta::default()
        }
    }
}

/// The first ten hex digits of the SHA-256 of some texts, each ended by a zero byte.
#[must_use]
pub fn hash<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(text.as_bytes());
        digest.update([0]);
    }
    hex::encode(&digest.finalize()[..5])
}
