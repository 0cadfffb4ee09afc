//! What the operator asks and tells the queue, against three real nodes. Started by `images/test/queue.sh`, which
//! says where they are; never part of a bare `cargo test`.

use std::net::IpAddr;
use std::time::Duration;

use scaledapp::engines::rabbitmq::{Broker, Change, QueueState, changes, health, observe};
use scaledapp::resources::queue_config::Declared;
use serde_json::json;

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run images/test/queue.sh"))
}

fn limited(name: &str, most: u64) -> Declared {
    Declared {
        name: name.to_owned(),
        policy: json!({"delivery-limit": 3, "max-length": most, "overflow": "reject-publish"}),
    }
}

struct Queue {
    members: Vec<IpAddr>,
    password: String,
}

impl Queue {
    async fn look(&self) -> (Broker<'_>, QueueState) {
        observe(&self.members, &self.password).await.expect("a member answers")
    }

    /// Tells what is declared; what was told.
    async fn tell(&self, declared: &[Declared]) -> Vec<Change> {
        let (broker, state) = self.look().await;
        let told = changes(&state, declared, 0);
        for change in &told {
            broker.tell(change).await.unwrap();
        }
        told
    }
}

#[tokio::test]
async fn declared_queues_are_told_once_and_none_is_deleted() {
    let members = variable("QUEUE_MEMBERS").split(',').map(|ip| ip.parse().unwrap()).collect();
    let queue = Queue { members, password: variable("QUEUE_PASSWORD") };
    let (video, mail) = (limited("video", 1000), limited("mail", 10));
    queue.tell(std::slice::from_ref(&video)).await;

    let wanted = [video.clone(), mail.clone()];
    let told = queue.tell(&wanted).await;
    assert!(matches!(&told[..], [Change::Policy { .. }, Change::Queue { .. }]), "{told:?}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (_, state) = queue.look().await;
    assert_eq!(
        changes(&state, &wanted, 0).iter().filter(|change| **change != Change::Rebalance).count(),
        0,
        "{state:?}"
    );
    let found = health(&state, &wanted, 3);
    assert!(found.serves && found.lack.is_none(), "{found:?}");
    assert_eq!((state.queues["mail"].members, state.queues["mail"].kind.as_str()), (3, "quorum"));

    let told = queue.tell(&[video.clone(), limited("mail", 20)]).await;
    assert!(matches!(&told[..], [Change::Policy { name, .. }] if name == "mail"), "{told:?}");

    queue.tell(std::slice::from_ref(&video)).await;
    let (_, state) = queue.look().await;
    assert!(state.queues.contains_key("mail"));
    let left = health(&state, &[video], 3).left.unwrap_or_default();
    assert!(left.contains("queue mail is no longer declared and stays"), "{left}");
}
