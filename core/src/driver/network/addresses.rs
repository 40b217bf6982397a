//! Which of a host's addresses to use: the first that answers. How one is connected to is the adapter's.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::io;

use crate::client::{ConnectFailure, ConnectFailureKind};
use crate::driver::transport::io_failure;

/// How long an address has to itself before the next one is tried beside it (RFC 8305, section 5).
const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses in turns of IPv6 and IPv4, in the order given otherwise (RFC 8305, section 4): when one of the two leads
/// nowhere, which is common, it costs one head start and not one for each address.
pub(super) fn alternating(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first = addresses.first().map(SocketAddr::is_ipv6);
    let (ours, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| Some(address.is_ipv6()) == first);
    let mut others = others.into_iter();
    let mut turns: Vec<_> = ours
        .into_iter()
        .flat_map(|address| [Some(address), others.next()])
        .flatten()
        .collect();
    turns.extend(others);
    turns
}

/// Connects to a host by the first of its addresses that answers. `sleep` is the runtime's.
///
/// They are tried in the order given. An address that fails hands over to the next at once; one that says nothing
/// does so after a quarter of a second and stays in the race: otherwise a dead address in front would use up the time
/// of every attempt.
///
/// # Errors
///
/// The failure of the address that failed last, when none is left; [`ConnectFailureKind::Dns`], when there was none.
pub(super) async fn connect_any<T, C, S>(
    addresses: Vec<SocketAddr>,
    connect: impl Fn(SocketAddr) -> C,
    sleep: impl Fn(Duration) -> S,
) -> Result<T, ConnectFailure>
where
    C: Future<Output = io::Result<T>>,
    S: Future<Output = ()>,
{
    let mut addresses = addresses.into_iter();
    let mut race = Race {
        attempts: Vec::new(),
        failure: ConnectFailure::new(ConnectFailureKind::Dns, "the host name has no addresses"),
    };
    let mut head_start: Option<Pin<Box<S>>> = None;
    poll_fn(|cx| {
        loop {
            match race.poll(cx) {
                Poll::Ready(Some(connected)) => return Poll::Ready(Ok(connected)),
                // Somebody dropped out: the next one need not wait.
                Poll::Ready(None) => head_start = None,
                Poll::Pending => {}
            }
            if let Some(wait) = &mut head_start
                && wait.as_mut().poll(cx).is_pending()
            {
                return Poll::Pending;
            }
            head_start = None;
            if let Some(address) = addresses.next() {
                race.attempts.push(Box::pin(connect(address)));
                if !addresses.as_slice().is_empty() {
                    head_start = Some(Box::pin(sleep(HEAD_START)));
                }
            } else if race.attempts.is_empty() {
                return Poll::Ready(Err(race.failure.clone()));
            } else {
                return Poll::Pending;
            }
        }
    })
    .await
}

/// The attempts under way.
struct Race<C> {
    attempts: Vec<Pin<Box<C>>>,
    /// Of the last one that dropped out.
    failure: ConnectFailure,
}

impl<T, C: Future<Output = io::Result<T>>> Race<C> {
    /// The winner; `None`, when nobody has won yet and somebody has dropped out.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let before = self.attempts.len();
        let mut winner = None;
        self.attempts.retain_mut(|attempt| {
            if winner.is_some() {
                return true;
            }
            match attempt.as_mut().poll(cx) {
                Poll::Pending => return true,
                Poll::Ready(Ok(connected)) => winner = Some(connected),
                Poll::Ready(Err(error)) => self.failure = io_failure(&error),
            }
            false
        });
        if self.attempts.len() == before {
            Poll::Pending
        } else {
            Poll::Ready(winner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::cell::{Cell, RefCell};
    use core::pin::pin;
    use core::task::Waker;
    use std::io::ErrorKind;

    const REFUSES: u8 = 1;
    const ANSWERS: u8 = 2;
    const IS_SILENT: u8 = 3;
    const ANSWERS_LATE: u8 = 4;

    /// Addresses that do this, numbered by their ports.
    fn addresses(manners: &[u8]) -> Vec<SocketAddr> {
        let address = |(port, manner): (u16, &u8)| ([127, 0, 0, *manner], port).into();
        (1..).zip(manners).map(address).collect()
    }

    #[derive(Default)]
    struct World {
        tried: RefCell<Vec<u16>>,
        head_starts: Cell<usize>,
        /// Head starts that have passed.
        passed: Cell<usize>,
        late: Cell<bool>,
    }

    impl World {
        async fn race(&self, manners: &[u8]) -> Result<u16, ConnectFailure> {
            let connect = async |address| self.connect(address).await;
            let sleep = async |duration| {
                assert_eq!(duration, HEAD_START);
                let number = self.head_starts.replace(self.head_starts.get() + 1);
                until(|| self.passed.get() > number).await;
            };
            connect_any(addresses(manners), connect, sleep).await
        }

        async fn connect(&self, address: SocketAddr) -> io::Result<u16> {
            self.tried.borrow_mut().push(address.port());
            let SocketAddr::V4(v4) = address else {
                return Err(ErrorKind::Unsupported.into());
            };
            match v4.ip().octets()[3] {
                REFUSES => return Err(ErrorKind::ConnectionRefused.into()),
                ANSWERS => {}
                ANSWERS_LATE => until(|| self.late.get()).await,
                _ => until(|| false).await,
            }
            Ok(address.port())
        }
    }

    async fn until(condition: impl Fn() -> bool) {
        poll_fn(|_| {
            if condition() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn poll<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn a_refusal_hands_over_at_once() {
        let world = World::default();
        let mut race = pin!(world.race(&[REFUSES, REFUSES, ANSWERS]));
        assert_eq!(poll(race.as_mut()), Poll::Ready(Ok(3)));
        assert_eq!(*world.tried.borrow(), [1, 2, 3]);
    }

    #[test]
    fn silence_hands_over_after_the_head_start_and_stays_in_the_race() {
        let world = World::default();
        let mut race = pin!(world.race(&[ANSWERS_LATE, IS_SILENT, IS_SILENT]));
        assert_eq!(poll(race.as_mut()), Poll::Pending);
        assert_eq!(*world.tried.borrow(), [1]);
        world.passed.set(1);
        assert_eq!(poll(race.as_mut()), Poll::Pending);
        assert_eq!(*world.tried.borrow(), [1, 2]);
        world.passed.set(2);
        assert_eq!(poll(race.as_mut()), Poll::Pending);
        assert_eq!(*world.tried.borrow(), [1, 2, 3]);
        world.late.set(true);
        assert_eq!(poll(race.as_mut()), Poll::Ready(Ok(1)));
        assert_eq!(world.head_starts.get(), 2, "the last one needs none");
    }

    #[test]
    fn the_last_failure_is_reported_when_none_is_left() {
        let world = World::default();
        let mut race = pin!(world.race(&[REFUSES, REFUSES]));
        let Poll::Ready(Err(failure)) = poll(race.as_mut()) else {
            panic!("every address has refused");
        };
        assert_eq!(failure.kind, ConnectFailureKind::Refused);
        assert_eq!(*world.tried.borrow(), [1, 2]);
    }

    #[test]
    fn a_host_without_addresses_is_no_host() {
        let world = World::default();
        let mut race = pin!(world.race(&[]));
        let Poll::Ready(Err(failure)) = poll(race.as_mut()) else {
            panic!("there is nothing to wait for");
        };
        assert_eq!(failure.kind, ConnectFailureKind::Dns);
    }

    #[test]
    fn both_families_get_their_turn() {
        let order = |families: &str| -> alloc::string::String {
            let address = |family| match family {
                '4' => ([127, 0, 0, 1], 1).into(),
                _ => ([0; 8], 1).into(),
            };
            let turns = alternating(families.chars().map(address).collect());
            let family = |address: SocketAddr| if address.is_ipv6() { '6' } else { '4' };
            turns.into_iter().map(family).collect()
        };
        for (given, turns) in [
            ("", ""),
            ("6644", "6464"),
            ("44466", "46464"),
            ("6444", "6444"),
            ("66", "66"),
        ] {
            assert_eq!(order(given), turns);
        }
    }
}
