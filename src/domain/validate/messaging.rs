//! The message queue and the workers.

use super::Problem;
use super::checker::{Checker, is_name};
use super::container::{Declared, container, within_pin};
use super::memory::members;
use crate::api::{Queue, ScaledAppSpec, Worker, WorkerPin};
use crate::domain::tiers::DEAD_SUFFIX;
use crate::domain::{Bytes, Millis, ValidQueue, ValidQueueDeclaration, ValidWorker, ValidWorkerPin, defaults};

/// A queue with its defaults, also one of an earlier spec that is to be kept.
///
/// # Errors
/// What is wrong with it.
pub fn queue(declared: &Queue) -> Result<ValidQueue, Vec<Problem>> {
    let mut check = Checker::default();
    let queue = checked_queue(&mut check, declared);
    check.finish(queue)
}

pub(super) fn checked_queue(check: &mut Checker, declared: &Queue) -> ValidQueue {
    let queues = declared.queues.as_deref().unwrap_or_default();
    check.length("spec.queue.queues", queues.len(), 32);
    check.distinct("spec.queue.queues", queues.iter().map(|queue| queue.name.as_str()));
    let mut valid = Vec::new();
    for (index, queue) in queues.iter().enumerate() {
        let field = format!("spec.queue.queues[{index}]");
        if !is_queue_name(&queue.name) {
            check.report(
                format!("{field}.name"),
                format!("is {:?}", queue.name),
                "start with a letter, use lower-case letters, digits, '-' and '.' only, and at most 63 characters",
            );
        } else if queue.name.ends_with(DEAD_SUFFIX) {
            check.report(
                format!("{field}.name"),
                format!("is {:?}, as a queue of dead messages is called", queue.name),
                format!("choose a name without {DEAD_SUFFIX}"),
            );
        }
        let limit = check.integer(&format!("{field}.deliveryLimit"), queue.delivery_limit, 1..=1000);
        let most = check.integer(&format!("{field}.maxLength"), queue.max_length, 1..=100_000_000);
        valid.push(ValidQueueDeclaration {
            name: queue.name.clone(),
            delivery_limit: limit.unwrap_or(defaults::DELIVERY_LIMIT),
            max_length: defaults::MAX_LENGTH.or(most),
            dead_letter: queue.dead_letter.unwrap_or(true),
        });
    }
    let pinned = declared.pin.as_ref().and_then(|pin| pin.members);
    ValidQueue { queues: valid, pinned_members: members(check, "spec.queue.pin.members", pinned), present: 0 }
}

fn is_queue_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| inner(b) || b == b'-' || b == b'.')
        && text.bytes().last().is_some_and(inner)
}

/// The workers.
pub(super) fn workers(check: &mut Checker, spec: &ScaledAppSpec) -> Vec<ValidWorker> {
    let declared = spec.workers.as_deref().unwrap_or_default();
    check.length("spec.workers", declared.len(), 8);
    check.distinct("spec.workers", declared.iter().map(|worker| worker.name.as_str()));
    declared.iter().enumerate().map(|(index, w)| worker(check, spec, &format!("spec.workers[{index}]"), w)).collect()
}

fn worker(check: &mut Checker, spec: &ScaledAppSpec, field: &str, w: &Worker) -> ValidWorker {
    if !is_name(&w.name, 20) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}", w.name),
            "start with a letter, use lower-case letters, digits and '-' only, and at most 20 characters",
        );
    }
    let container = container(check, spec, field, &Declared::from(w));
    let pin = pin(check, field, w);
    within_pin(check, field, &container, pin.memory);
    if let Some(queue) = &w.queue {
        takes_from(check, spec, field, queue);
    }
    let jobs = check.integer(&format!("{field}.jobsPerThousandRequests"), w.jobs_per_thousand_requests, 0..=1_000_000);
    let time =
        check.duration(&format!("{field}.timePerJob"), w.time_per_job.as_ref(), Millis(1)..=Millis::seconds(6 * 3600));
    let time = defaults::TIME_PER_JOB.or(time);
    let delay =
        check.duration(&format!("{field}.maxDelay"), w.max_delay.as_ref(), Millis(1)..=Millis::seconds(7 * 86_400));
    let delay = defaults::MAX_DELAY.or(delay);
    if delay.value <= time.value {
        check.report(
            format!("{field}.maxDelay"),
            format!("is {}, and one job alone takes {}", delay.value, time.value),
            "write more than timePerJob, since a job also waits",
        );
    }
    ValidWorker {
        name: w.name.clone(),
        container,
        queue: w.queue.clone(),
        jobs_per_request: defaults::JOBS_PER_REQUEST.or(jobs.map(|jobs| jobs as f64 / 1000.0)),
        time_per_job: time,
        max_delay: delay,
        pin,
        autoscaled: w.autoscaling.is_some(),
    }
}

fn takes_from(check: &mut Checker, spec: &ScaledAppSpec, field: &str, queue: &str) {
    let known = spec.queue.as_ref().and_then(|q| q.queues.as_deref()).unwrap_or_default();
    if !known.iter().any(|declared| declared.name == *queue) {
        check.report(
            format!("{field}.queue"),
            format!("is {queue:?}, which spec.queue.queues does not have"),
            format!("add '- name: {queue}' to spec.queue.queues, or name one that is there"),
        );
    }
}

fn pin(check: &mut Checker, field: &str, w: &Worker) -> ValidWorkerPin {
    let declared: WorkerPin = w.pin.clone().unwrap_or_default();
    if declared.replicas.is_some() && w.autoscaling.is_some() {
        check.report(
            format!("{field}.pin.replicas"),
            "fixes the pods, and autoscaling varies them",
            "keep one of the two",
        );
    }
    let field = format!("{field}.pin");
    ValidWorkerPin {
        replicas: check.integer(&format!("{field}.replicas"), declared.replicas, 1..=5000).map(|count| count as u32),
        cpu: check.cpu(&format!("{field}.cpu"), declared.cpu.as_ref()),
        memory: check.bytes(&format!("{field}.memory"), declared.memory.as_ref(), Bytes::mib(8)..=Bytes::gib(1024)),
    }
}
