//! The link breaks after each byte of a job's whole life, in both directions, in order and hard: nothing is lost, and the
//! order is kept.
//!
//! A life is the upgrade, the authentication and the first heartbeat, then a request, all its statuses and their answers,
//! then the close; over TLS its handshake and its records too. Over `ws://` every byte is cut in order (FIN) in every
//! run. Resets, and all cuts over `wss://`, take one byte of many: which one is decided by the test's name and by
//! `FAULT_SEED`. With `FAULT_STRIDE=1` every byte is cut in each way.

use std::ops::Range;

use facilitator_core::client::Phase;
use facilitator_core::facilitator::Event as Seen;
use facilitator_tests::pair::Side;
use facilitator_tests::proxy::{Cut, Plan};
use facilitator_tokio::server::{Events, ServerEvent};

use crate::transport::Transport;
use crate::wire::{Wire, env_number, quick, seed_of};
use crate::{Subject, UnderTest, lost, reach};

/// Connections that are cut one after the other before a job goes on.
const IN_A_ROW: usize = 16;

/// How one side's bytes are cut.
#[derive(Clone, Copy)]
struct Way {
    side: Side,
    cut: Cut,
    /// One byte of so many.
    stride: usize,
    /// Which one.
    first: usize,
}

impl Way {
    /// In order, a byte is taken away; hard, the last one that passes is the one before.
    fn plan(self, byte: u64) -> Plan {
        match self.cut {
            Cut::Close => Plan::cut_at(self.side, byte, self.cut),
            Cut::Reset => Plan::cut_after(self.side, byte, self.cut),
        }
    }

    fn of(self, bytes: Range<u64>) -> Vec<u64> {
        let first = self.first % self.stride;
        bytes.skip(first).step_by(self.stride).collect()
    }
}

pub(crate) fn a_cut_at_any_byte_of_a_job_loses_and_reorders_nothing<R: UnderTest>(
    subject: &Subject<R>,
) {
    let strides = match subject.transport {
        Transport::Plain => [(Cut::Close, 1), (Cut::Reset, 8)],
        Transport::Tls => [(Cut::Close, 32), (Cut::Reset, 32)],
    };
    let given = env_number("FAULT_STRIDE").map(|stride| usize::try_from(stride).unwrap());
    let first = usize::try_from(seed_of(subject.test) % 1000).unwrap();
    for side in Side::BOTH {
        for (cut, stride) in strides {
            let stride = given.unwrap_or(stride).max(1);
            let way = Way {
                side,
                cut,
                stride,
                first,
            };
            subject.block_on(cut_everywhere(Wire::new(subject, quick), way));
        }
    }
}

async fn heartbeat(events: &mut Events) {
    loop {
        let event = events.next().await.unwrap();
        if matches!(event, ServerEvent::Facilitator(Seen::Heartbeat { .. })) {
            return;
        }
    }
}

async fn cut_everywhere<R: UnderTest>(wire: Wire<R>, way: Way) {
    let side = way.side;
    let sent = || wire.proxy.bytes_sent(side);
    // Lives without a cut, for their bytes: in one TLS shakes hands in full, in the next it resumes.
    let mut events = wire.server.events();
    wire.client.start().unwrap();
    heartbeat(&mut events).await;
    let in_full = sent();
    wire.proxy.cut_all(Cut::Close);
    heartbeat(&mut events).await;
    drop(events);
    let opened = sent();
    wire.live().await;
    let lived = sent() - opened;
    assert_eq!(wire.client.stop().await.unwrap().owed, []);
    let closed = sent() - opened - lived;
    assert!(lived > 100 && closed > 0, "{opened}, {lived}, {closed}");
    // Every opening has so many bytes; they vary a little.
    let least = opened.min(in_full) - 16;

    let mut cuts = 0;
    wire.client.start().unwrap();
    reach(&wire.client, Phase::Ready).await;
    for bytes in way.of(0..least).chunks(IN_A_ROW) {
        for byte in bytes {
            wire.proxy.plan_next(way.plan(*byte));
        }
        wire.proxy.cut_all(way.cut);
        for _ in 0..=bytes.len() {
            lost(&wire.client).await;
        }
        wire.live().await;
        cuts += bytes.len() + 1;
    }
    // The life after a cut goes on over the next connection, and the next one begins there.
    for byte in way.of(0..lived) {
        wire.proxy.plan_on(&way.plan(byte));
        wire.live().await;
        cuts += 1;
    }
    // The rest of the opening, in one with a life.
    for byte in way.of(least..opened.max(in_full)) {
        wire.proxy.plan_next(way.plan(byte));
        wire.proxy.cut_all(way.cut);
        wire.live().await;
        cuts += 1;
    }
    for byte in way.of(0..closed) {
        wire.proxy.plan_on(&way.plan(byte));
        assert_eq!(wire.client.stop().await.unwrap().owed, []);
        wire.client.start().unwrap();
        wire.live().await;
        cuts += 1;
    }
    let connections = wire.proxy.connections();
    assert!(connections > cuts, "{cuts} cuts, {connections} connections");
    wire.conclude().await;
}
