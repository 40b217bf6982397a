//! The rules, one by one.

use facilitator_tokio::core::message::ExecutorClass;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn roster() -> (Roster, Instant) {
    let bounds = Bounds {
        jobs: 4,
        queue_time: 10 * SECOND,
        absence: 5 * SECOND,
    };
    (Roster::new(bounds), Instant::now())
}

fn take(roster: &mut Roster, number: u128, now: Instant) -> bool {
    let id = Uuid::from_u128(number);
    let request = V2JobRequest::new(id.to_string(), ExecutorClass::AlwaysOnTest, "image");
    roster.take(id, request, now)
}

/// All assignments that can be made, as numbers and names.
fn assigned(roster: &mut Roster) -> Vec<(u128, String)> {
    let assign = || roster.assign();
    std::iter::from_fn(assign)
        .map(|(job, worker)| (job.id.as_u128(), worker.to_string()))
        .collect()
}

fn pair(number: u128, name: &str) -> (u128, String) {
    (number, name.to_owned())
}

#[test]
fn jobs_wait_and_go_to_the_worker_with_the_most_places() {
    let (mut roster, now) = roster();
    for number in 1..=4 {
        assert!(take(&mut roster, number, now));
    }
    assert!(!take(&mut roster, 5, now), "there are too many");
    assert_eq!(assigned(&mut roster), []);
    assert_eq!(roster.arrive("a", 1).map(|jobs| jobs.len()), Some(0));
    assert_eq!(roster.arrive("b", 2).map(|jobs| jobs.len()), Some(0));
    let given = assigned(&mut roster);
    assert_eq!(given[0], pair(1, "b"));
    assert_eq!(given.len(), 3);
    assert!(given[1..].contains(&pair(2, "a")) || given[1..].contains(&pair(2, "b")));
    assert_eq!(roster.holder(Uuid::from_u128(4)), Holder::Waiting);
    assert_eq!(roster.end(Uuid::from_u128(1)).as_deref(), Some("b"));
    assert_eq!(assigned(&mut roster), [pair(4, "b")]);
    assert_eq!(roster.holder(Uuid::from_u128(1)), Holder::Nobody);
}

#[test]
fn equal_workers_take_turns() {
    let (mut roster, now) = roster();
    roster.arrive("a", 1);
    roster.arrive("b", 1);
    let mut given = Vec::new();
    for number in 1..=6 {
        take(&mut roster, number, now);
        given.extend(assigned(&mut roster).into_iter().map(|(_, name)| name));
        roster.end(Uuid::from_u128(number));
    }
    assert_eq!(
        given.iter().filter(|name| *name == "a").count(),
        3,
        "{given:?}"
    );
}

#[test]
fn a_worker_that_returns_finds_its_jobs_and_what_it_said_of_them() {
    let (mut roster, now) = roster();
    roster.arrive("a", 2);
    assert!(roster.arrive("a", 2).is_none(), "it is here already");
    take(&mut roster, 1, now);
    assigned(&mut roster);
    roster.note(Uuid::from_u128(1), JobStatus::Accepted);
    roster.note(Uuid::from_u128(1), JobStatus::Accepted);
    assert_eq!(roster.depart("a", now), 1);
    take(&mut roster, 2, now);
    assert_eq!(assigned(&mut roster), [], "it is away");
    let jobs = roster.arrive("a", 3).unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].given, [JobStatus::Accepted]);
    assert_eq!(assigned(&mut roster), [pair(2, "a")]);
    assert!(roster.due(now + 60 * SECOND).is_none());
}

/// As a start does with what the last one has left.
#[test]
fn a_job_can_wait_for_a_worker_that_is_not_known_yet() {
    let (mut roster, now) = roster();
    let job = |number: u128| {
        let id = Uuid::from_u128(number);
        Job {
            id,
            request: Some(Arc::new(V2JobRequest::new(
                id.to_string(),
                ExecutorClass::AlwaysOnTest,
                "image",
            ))),
            given: vec![JobStatus::Accepted],
        }
    };
    roster.expect(job(1), "a", now);
    roster.expect(job(1), "b", now);
    roster.expect(job(2), "b", now);
    assert_eq!(
        roster.holder(Uuid::from_u128(1)),
        Holder::Worker("a".into())
    );
    let jobs = roster.arrive("a", 1).unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(jobs[0].given, [JobStatus::Accepted]);
    // It counts, and takes the place.
    take(&mut roster, 3, now);
    take(&mut roster, 4, now);
    assert!(!take(&mut roster, 5, now));
    assert_eq!(assigned(&mut roster), []);
    // The other one does not come.
    match roster.due(now + 5 * SECOND) {
        Some(Due::Abandoned { job, worker }) => {
            assert_eq!((job.id.as_u128(), &*worker), (2, "b"));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(roster.next_due(), Some(now + 10 * SECOND));
}

#[test]
fn what_is_waited_for_in_vain_is_due_in_its_time() {
    let (mut roster, now) = roster();
    assert_eq!(roster.next_due(), None);
    take(&mut roster, 1, now);
    assert_eq!(roster.next_due(), Some(now + 10 * SECOND));
    assert!(roster.due(now + 9 * SECOND).is_none());
    let due = roster.due(now + 10 * SECOND);
    assert!(
        matches!(due, Some(Due::Unserved { anybody: false, .. })),
        "{due:?}"
    );
    roster.arrive("a", 2);
    take(&mut roster, 2, now);
    take(&mut roster, 3, now);
    take(&mut roster, 4, now);
    assigned(&mut roster);
    roster.depart("a", now);
    assert_eq!(roster.next_due(), Some(now + 5 * SECOND));
    assert!(roster.due(now + 4 * SECOND).is_none());
    for number in [2, 3] {
        match roster.due(now + 5 * SECOND) {
            Some(Due::Abandoned { job, worker }) => {
                assert_eq!((job.id.as_u128(), &*worker), (number, "a"));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(roster.due(now + 5 * SECOND).is_none());
    assert_eq!(roster.next_due(), Some(now + 10 * SECOND));
    assert!(roster.workers.is_empty(), "nobody waits for it any more");
}

#[test]
fn a_worker_that_takes_no_more_keeps_what_it_has() {
    let (mut roster, now) = roster();
    roster.arrive("a", 1);
    take(&mut roster, 1, now);
    assigned(&mut roster);
    roster.resize("a", 0);
    take(&mut roster, 2, now);
    assert_eq!(assigned(&mut roster), []);
    assert_eq!(
        roster.holder(Uuid::from_u128(1)),
        Holder::Worker("a".into())
    );
    roster.resize("a", 2);
    assert_eq!(assigned(&mut roster), [pair(2, "a")]);
}

#[test]
fn a_job_that_a_worker_brings_along_is_its_own_and_takes_a_place() {
    let (mut roster, now) = roster();
    let own = Uuid::from_u128(9);
    assert!(!roster.adopt(own, "a"), "nobody of this name is here");
    roster.arrive("a", 1);
    roster.arrive("b", 0);
    assert!(roster.adopt(own, "a"));
    assert!(!roster.adopt(own, "b"), "it is another one's");
    assert_eq!(roster.holder(own), Holder::Worker("a".into()));
    take(&mut roster, 1, now);
    assert_eq!(assigned(&mut roster), [], "its place is taken");
    roster.note(own, JobStatus::Accepted);
    roster.depart("a", now);
    let jobs = roster.arrive("a", 1).unwrap();
    assert_eq!(
        (jobs.len(), &jobs[0].given),
        (1, &vec![JobStatus::Accepted])
    );
    assert_eq!(jobs[0].uuid(), own.to_string());
    roster.depart("a", now);
    match roster.due(now + 5 * SECOND) {
        Some(Due::Abandoned { job, worker }) => assert_eq!((job.id, &*worker), (own, "a")),
        other => panic!("{other:?}"),
    }
    // More than there are places for: nobody can be told to stop what runs.
    roster.arrive("c", 0);
    for number in 10..20 {
        assert!(roster.adopt(Uuid::from_u128(number), "c"));
    }
    assert!(!take(&mut roster, 2, now), "they count");
}
