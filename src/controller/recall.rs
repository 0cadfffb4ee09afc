//! What the operator remembers of an application, read from outside: its newest accepted plan.
//!
//! Reads only, with the rights of whoever asks.

use k8s_openapi::api::apps::v1::ControllerRevision;
use kube::api::{Api, ListParams};

use super::look::{ANSWER, LookError, Looker};
use super::revisions::Revisions;
use crate::planner::RecordedPlan;

/// What is remembered.
#[derive(Clone, Debug)]
pub enum Recall {
    /// There is no such application.
    NoApp,
    /// The application is there, and no plan of it was accepted yet.
    NoPlan,
    /// The newest accepted plan.
    Plan {
        /// Name of the revision that holds it.
        revision: String,
        /// The plan.
        plan: Box<RecordedPlan>,
    },
}

impl Looker {
    /// Reads the newest accepted plan.
    ///
    /// # Errors
    /// When the cluster cannot be asked, or may not be by this user.
    pub async fn recall(&self) -> Result<Recall, LookError> {
        tokio::time::timeout(ANSWER, self.read_plan()).await.map_err(|_| self.late())?
    }

    async fn read_plan(&self) -> Result<Recall, LookError> {
        let app = match self.apps().get_metadata(&self.name).await {
            Ok(app) => app,
            Err(kube::Error::Api(answer)) if answer.code == 404 && answer.details.is_some() => {
                return Ok(Recall::NoApp);
            }
            Err(error) => return Err(self.error(&error)),
        };
        let revisions: Api<ControllerRevision> = Api::namespaced(self.client.clone(), &self.namespace);
        let of_app = ListParams::default().labels(&self.selector());
        let found = match revisions.list(&of_app).await {
            Ok(found) => found.items,
            Err(kube::Error::Api(answer)) if answer.code == 403 => {
                return Err(LookError::PlansForbidden(answer.message.clone()));
            }
            Err(kube::Error::Api(answer)) => return Err(LookError::Refused(answer.message.clone())),
            Err(error) => return Err(self.error(&error)),
        };
        let revisions = Revisions::read(found, &self.name, app.metadata.uid.as_deref().unwrap_or_default());
        Ok(revisions.newest().map_or(Recall::NoPlan, |newest| Recall::Plan {
            revision: newest.name.clone(),
            plan: Box::new(newest.plan.clone()),
        }))
    }
}
