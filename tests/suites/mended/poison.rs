//! What drops the socket again and again leaves the outbox, whole, and with a word.

use facilitator_core::client::{Outcome, UpdateId};
use facilitator_core::message::JobStatus;
use facilitator_tests::solo::{Outputs, SUCCESS, Solo, config, job};

/// A facilitator that answers what it reads in order, and dies of the poison. Returns what was put out, and how often it
/// died.
fn serve(solo: &mut Solo, poison: &str) -> (Outputs, usize) {
    let (mut all, mut deaths) = (Outputs::default(), 0);
    while solo.client.owed() > 0 {
        let out = solo.take();
        let read = out.statuses();
        all.append(out);
        for (uuid, _) in read {
            if uuid == poison {
                solo.cut();
                // What else the dead connection was given, nobody reads.
                all.append(solo.take());
                solo.reconnect();
                deaths += 1;
                break;
            }
            solo.receive(SUCCESS);
        }
    }
    all.append(solo.take());
    (all, deaths)
}

#[test]
fn an_update_that_breaks_the_connection_three_times_is_set_aside_and_the_rest_flows() {
    // Wherever it stands: first, within the window, behind it, last.
    for place in [0, 1, 40, 63, 64, 90, 99] {
        let mut solo = Solo::ready(config());
        let ids: Vec<UpdateId> = (0..100)
            .map(|n| solo.send(&job(n), JobStatus::Accepted))
            .collect();
        let poison = job(place);
        let (out, deaths) = serve(&mut solo, &poison);
        assert_eq!(deaths, 3, "at {place}");
        for (n, id) in (0..).zip(ids) {
            match out.outcome(id) {
                Outcome::SetAside(owed) if n == place => {
                    assert!(owed.as_json().contains(&poison), "it is handed over whole");
                    assert_eq!(owed.transmissions, 3);
                }
                Outcome::Acknowledged if n != place => {}
                other => panic!("{n}, with the poison at {place}: {other:?}"),
            }
        }
        assert_eq!(solo.client.stats().statuses_set_aside, 1);
    }
}
