//! Patroni's dynamic configuration: what has to be changed in it. Pure.

use serde_json::{Map, Value};

/// Parameters that may never be lower on a replica than on the primary. They are not lowered at all: a
/// smaller value would save little and need a restart in an order of its own.
const NEVER_LOWER: [&str; 5] = [
    "max_connections",
    "max_worker_processes",
    "max_wal_senders",
    "max_prepared_transactions",
    "max_locks_per_transaction",
];

/// The body of `PATCH /config` that makes `current` what is `desired`; `None` when it is. Keys that are
/// not desired are left as they are; a desired `null` removes a key.
#[must_use]
pub fn patch(desired: &Value, current: &Value) -> Option<Value> {
    let (Value::Object(desired), Value::Object(current)) = (desired, current) else { return None };
    let mut changes = Map::new();
    for (key, value) in desired {
        let present = current.get(key).unwrap_or(&Value::Null);
        let change = match (value, present) {
            (Value::Object(_), Value::Object(_)) => patch(value, present),
            _ if value == present || is_lowering(key, value, present) => None,
            _ => Some(value.clone()),
        };
        if let Some(change) = change {
            changes.insert(key.clone(), change);
        }
    }
    (!changes.is_empty()).then_some(Value::Object(changes))
}

fn is_lowering(key: &str, value: &Value, present: &Value) -> bool {
    NEVER_LOWER.contains(&key) && matches!((value.as_u64(), present.as_u64()), (Some(new), Some(old)) if new < old)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_configurations_need_no_patch() {
        let config = json!({"ttl": 20, "postgresql": {"parameters": {"max_connections": 100}}});
        assert_eq!(patch(&config, &config), None);
        let with_more =
            json!({"ttl": 20, "pause": true, "postgresql": {"parameters": {"max_connections": 100, "x": 1}}});
        assert_eq!(patch(&config, &with_more), None);
    }

    #[test]
    fn only_what_differs_is_patched() {
        let desired =
            json!({"ttl": 20, "loop_wait": 2, "postgresql": {"parameters": {"work_mem": "8MB", "jit": "off"}}});
        let current =
            json!({"ttl": 20, "loop_wait": 5, "postgresql": {"parameters": {"work_mem": "4MB", "jit": "off"}}});
        let expected = json!({"loop_wait": 2, "postgresql": {"parameters": {"work_mem": "8MB"}}});
        assert_eq!(patch(&desired, &current), Some(expected));
    }

    #[test]
    fn a_null_removes_a_key_once() {
        let desired = json!({"primary_start_timeout": null});
        assert_eq!(patch(&desired, &json!({"primary_start_timeout": 0})), Some(desired.clone()));
        assert_eq!(patch(&desired, &json!({})), None);
    }

    #[test]
    fn what_replicas_must_not_have_less_of_is_never_lowered() {
        let current = json!({"max_connections": 200});
        assert_eq!(patch(&json!({"max_connections": 100}), &current), None);
        assert_eq!(patch(&json!({"max_connections": 300}), &current), Some(json!({"max_connections": 300})));
    }
}
