//! Labels, annotations and field managers: the names by which our objects are known.

/// Value of `app.kubernetes.io/managed-by` on everything of ours.
pub const MANAGED_BY_VALUE: &str = "scaledapp";
/// Who manages the object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// What runs in it, such as `haproxy`.
pub const NAME: &str = "app.kubernetes.io/name";
/// The application.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// The tier in small letters.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// The application once more, as the recommended labels want it.
pub const PART_OF: &str = "app.kubernetes.io/part-of";
/// The application; the operator finds its children by it.
pub const APP: &str = "scaledapp.dev/app";
/// The service, on objects of the web tier.
pub const SERVICE: &str = "scaledapp.dev/service";
/// The worker, on objects of a worker.
pub const WORKER: &str = "scaledapp.dev/worker";

/// Annotation on a pod template: hash of the configuration that the pod reads only at its start.
pub const CONFIG_HASH: &str = "scaledapp.dev/config-hash";
/// Annotation on what outlives its application: the uid of the ScaledApp that made it.
pub const RETAINED_FROM: &str = "scaledapp.dev/retained-from";

/// Field manager of everything that the operator applies.
pub const FIELD_MANAGER: &str = "scaledapp";
/// Field manager that seeds `spec.replicas` once, before an autoscaler owns it.
pub const SEED_MANAGER: &str = "scaledapp-seed";
/// Field manager of the status.
pub const STATUS_MANAGER: &str = "scaledapp-status";
