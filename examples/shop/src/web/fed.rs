//! The operator's word laid over what the pod itself has seen. Pure: it must never ask anybody anything.

use super::drawing::{Health, Part, Pods};
use crate::status::{AppStatus, Planned, Tier};

/// Parts of the drawing, and the tier of the status that each is a part of.
const TIERS: [(&str, &str); 10] = [
    ("edge", "Edge"),
    ("proxy", "Proxy"),
    ("web", "Web"),
    ("worker", "Worker"),
    ("pool", "Pool"),
    ("primary", "Database"),
    ("reads", "Database"),
    ("cache", "Cache"),
    ("sessions", "Sessions"),
    ("queue", "Queue"),
];

/// Gives every part the pods of its tier. What answers and lacks pods is drawn as such; what does not answer stays away, whatever the
/// operator says of it.
pub fn fed(parts: &mut Vec<Part>, status: &AppStatus) {
    if let Some(pool) = tier(status, "Pool") {
        let health = if pool.ready > 0 { Health::Up } else { Health::Away };
        let note = if pool.ready > 0 { "before the database" } else { "no pod is ready" };
        let part = Part { health, note: note.to_owned(), ..Part::named("pool", "Pool") };
        let place = parts.iter().position(|part| part.id == "primary").unwrap_or(parts.len());
        parts.insert(place, part);
    }
    for part in parts {
        let Some((_, name)) = TIERS.iter().find(|(id, _)| *id == part.id) else { continue };
        match tier(status, name) {
            Some(tier) => {
                part.pods =
                    Some(Pods { ready: tier.ready, planned: tier.planned, headroom_percent: tier.headroom_percent });
                if tier.lacks() && matches!(part.health, Health::Up | Health::Unknown) {
                    part.health = Health::Degraded;
                }
            }
            // Only the browser sees the edge, and on the first rung there is none to be seen.
            None if part.id == "edge" => {
                part.health = Health::Absent;
                "not on this rung".clone_into(&mut part.note);
            }
            None => (),
        }
    }
}

/// All services or workers of one kind together, with the least headroom of them.
fn tier(status: &AppStatus, name: &str) -> Option<Tier> {
    let mut all = status.tiers.iter().filter(|tier| tier.tier == name);
    let mut sum = all.next()?.clone();
    for tier in all {
        // What one has too much the other still lacks.
        sum.ready = sum.ready.min(sum.planned.max) + tier.ready.min(tier.planned.max);
        sum.planned = Planned { min: sum.planned.min + tier.planned.min, max: sum.planned.max + tier.planned.max };
        sum.headroom_percent = sum.headroom_percent.into_iter().chain(tier.headroom_percent).min();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tier_of(tier: &str, name: &str, ready: i64, min: i64, max: i64) -> Tier {
        let planned = Planned { min, max };
        Tier {
            tier: tier.to_owned(),
            name: name.to_owned(),
            ready,
            planned,
            headroom_percent: Some(40),
            ..Tier::default()
        }
    }

    fn drawn(health: [Health; 3], tiers: Vec<Tier>) -> Vec<Part> {
        let ids = [("edge", "Edge"), ("web", "Web"), ("primary", "Database writes")];
        let mut parts: Vec<Part> =
            ids.iter().zip(health).map(|(&(id, title), health)| Part { health, ..Part::named(id, title) }).collect();
        fed(&mut parts, &AppStatus { tiers, ..AppStatus::default() });
        parts
    }

    #[test]
    fn what_lacks_pods_is_degraded_and_what_is_away_stays_so() {
        use Health::{Absent, Away, Degraded, Unknown, Up};
        let tiers = vec![tier_of("Web", "web", 1, 2, 6), tier_of("Database", "database", 2, 3, 3)];
        let parts = drawn([Unknown, Up, Away], tiers);
        assert_eq!(parts.iter().map(|part| part.health).collect::<Vec<_>>(), [Absent, Degraded, Away]);
        assert_eq!(parts[1].pods.unwrap().words(25), "1 of 2–6 pods, 40% room");
        let tiers = vec![tier_of("Edge", "edge", 1, 2, 2), tier_of("Web", "web", 4, 2, 6)];
        let parts = drawn([Unknown, Up, Up], tiers);
        assert_eq!(parts.iter().map(|part| part.health).collect::<Vec<_>>(), [Degraded, Up, Up]);
        assert!(parts[2].pods.is_none());
    }

    #[test]
    fn the_pool_is_drawn_where_the_operator_has_one() {
        let parts = drawn([Health::Unknown, Health::Up, Health::Up], vec![tier_of("Pool", "pool", 0, 2, 2)]);
        assert_eq!(parts.iter().map(|part| part.id).collect::<Vec<_>>(), ["edge", "web", "pool", "primary"]);
        assert_eq!(parts[2].health, Health::Away);
    }

    #[test]
    fn several_services_are_one_box_and_hide_no_lack() {
        let tiers = vec![tier_of("Web", "web", 9, 2, 3), tier_of("Web", "search", 1, 4, 4)];
        let parts = drawn([Health::Up; 3], tiers);
        assert_eq!(parts[1].pods.unwrap().words(25), "4 of 6–7 pods, 40% room");
        assert_eq!(parts[1].health, Health::Degraded);
    }
}
