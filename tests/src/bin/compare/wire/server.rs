//! The server of every rival: it counts what comes, and answers each status with the same success. It does as little as
//! can be done, on one thread, so that what is measured is the client.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::role::{commands, cpu_seconds, say};
use super::workload::{STATUS_AT, Tally, UUID_AT};

/// What one look at the socket takes at most, in bytes.
const BUFFER: usize = 512 * 1024;

/// A frame with the plain success.
pub(crate) const SUCCESS: &[u8; 34] = b"\x81\x20{\"status\":\"success\",\"errors\":[]}";

/// Where it listens: its first line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    pub(crate) port: u16,
}

/// What it has seen so far: its answer to every line of its stdin.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) tally: Tally,
    /// Times that it had to look at the socket.
    pub(crate) reads: u64,
    /// Of the whole process.
    pub(crate) cpu_seconds: f64,
}

/// Serves one client until it has gone, or the parent has.
pub(crate) fn serve() -> super::Result<()> {
    let mut commands = commands::<serde_json::Value>();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let port = listener.local_addr()?.port();
    say(&Listening { port })?;
    let seen = Arc::new(Shared::default());
    let told = Arc::clone(&seen);
    std::thread::spawn(move || {
        while commands.blocking_recv().is_some() {
            let (tally, reads) = told.get();
            let cpu_seconds = cpu_seconds();
            let told = say(&Seen {
                tally,
                reads,
                cpu_seconds,
            });
            if told.is_err() {
                break;
            }
        }
    });
    let (stream, _) = listener.accept()?;
    stream.set_nodelay(true)?;
    let stream = tungstenite::accept(stream).map_err(|error| error.to_string())?;
    // The client waits for the answer to its upgrade, so nothing else has been read.
    answer(stream.get_ref(), &seen)?;
    Ok(())
}

/// What both threads know. The lock is taken once a read.
#[derive(Default)]
struct Shared {
    tally: Mutex<Tally>,
    reads: AtomicU64,
}

impl Shared {
    fn set(&self, tally: Tally) {
        *self.tally.lock().unwrap_or_else(PoisonError::into_inner) = tally;
        self.reads.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> (Tally, u64) {
        let tally = *self.tally.lock().unwrap_or_else(PoisonError::into_inner);
        (tally, self.reads.load(Ordering::Relaxed))
    }
}

fn answer(mut stream: &TcpStream, seen: &Shared) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut known = 0;
    let mut tally = Tally::default();
    let mut answers = Vec::new();
    loop {
        let read = stream.read(buffer.get_mut(known..).unwrap_or_default())?;
        if read == 0 {
            return Ok(());
        }
        known += read;
        answers.clear();
        let whole = buffer.get(..known).unwrap_or_default();
        let used = take_frames(whole, &mut tally, &mut answers)?;
        buffer.copy_within(used..known, 0);
        known -= used;
        // Known to the parent before the client can be through.
        seen.set(tally);
        stream.write_all(&answers)?;
    }
}

/// Takes all whole frames, and appends the answers to them. Returns how many bytes they were.
fn take_frames(bytes: &[u8], tally: &mut Tally, answers: &mut Vec<u8>) -> io::Result<usize> {
    let mut rest = bytes;
    while let Some(frame) = Frame::first(rest)? {
        rest = frame.rest;
        match frame.opcode {
            TEXT => match frame.byte(KIND_AT) {
                Some(b'J') => {
                    let (uuid, status) = (frame.eight(UUID_AT), frame.eight(STATUS_AT));
                    let (Some(uuid), Some(status)) = (uuid, status) else {
                        return Err(wrong("a status update that is too short"));
                    };
                    tally.count(uuid, status, frame.payload.len());
                    answers.extend_from_slice(SUCCESS);
                }
                Some(b'A') => answers.extend_from_slice(SUCCESS),
                Some(b'H' | b'M') => {}
                _ => return Err(wrong("a message of no known type")),
            },
            PING => {
                let payload = frame.unmasked();
                let length = u8::try_from(payload.len()).map_err(|_| wrong("a long ping"))?;
                answers.extend([0x80 | PONG, length]);
                answers.extend(payload);
            }
            PONG => {}
            CLOSE => answers.extend([0x80 | CLOSE, 0]),
            _ => return Err(wrong("a frame that is neither text nor control")),
        }
    }
    Ok(bytes.len() - rest.len())
}

const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// Where the types of the protocol's messages begin to differ.
const KIND_AT: usize = r#"{"message_type":"V0"#.len();

/// A whole frame of a client.
struct Frame<'a> {
    opcode: u8,
    mask: [u8; 4],
    payload: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The first of these, once it is whole.
    #[inline]
    fn first(bytes: &'a [u8]) -> io::Result<Option<Self>> {
        let Some(([first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        if first & 0xF0 != 0x80 || second & 0x80 == 0 {
            return Err(wrong("a fragment, an extension, or a frame without a mask"));
        }
        let (length, rest) = match second & 0x7F {
            126 => match rest.split_first_chunk() {
                Some((length, rest)) => (usize::from(u16::from_be_bytes(*length)), rest),
                None => return Ok(None),
            },
            127 => return Err(wrong("a frame longer than anything that is measured")),
            length => (usize::from(length), rest),
        };
        let Some((mask, rest)) = rest.split_first_chunk() else {
            return Ok(None);
        };
        let Some((payload, rest)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        Ok(Some(Self {
            opcode: first & 0x0F,
            mask: *mask,
            payload,
            rest,
        }))
    }

    #[inline]
    fn byte(&self, at: usize) -> Option<u8> {
        let mask = self.mask.get(at % 4)?;
        Some(self.payload.get(at)? ^ mask)
    }

    /// Eight bytes of the payload, from a place that the mask's length divides.
    #[inline]
    fn eight(&self, at: usize) -> Option<u64> {
        let bytes = self.payload.get(at..)?.first_chunk()?;
        let [a, b, c, d] = self.mask;
        let mask = [a, b, c, d, a, b, c, d];
        Some(u64::from_ne_bytes(*bytes) ^ u64::from_ne_bytes(mask))
    }

    fn unmasked(&self) -> Vec<u8> {
        let masks = self.mask.iter().cycle();
        self.payload
            .iter()
            .zip(masks)
            .map(|(byte, mask)| byte ^ mask)
            .collect()
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::other(format!("the client has sent {what}"))
}

/// Appends a frame as a client writes it.
pub(crate) fn masked_text(text: &str, frames: &mut Vec<u8>) {
    const MASK: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];
    frames.push(0x80 | TEXT);
    if let Ok(length @ ..=125) = u8::try_from(text.len()) {
        frames.push(0x80 | length);
    } else {
        frames.push(0x80 | 0x7E);
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        frames.extend(length.to_be_bytes());
    }
    frames.extend(MASK);
    let masks = MASK.iter().cycle();
    frames.extend(text.bytes().zip(masks).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::workload::{StatusUpdate, Work};

    const _: () = assert!(UUID_AT.is_multiple_of(4) && STATUS_AT.is_multiple_of(4));

    #[test]
    fn frames_are_counted_and_answered_however_they_are_cut() {
        let work = Work::new(3, 8);
        let mut sent = Vec::new();
        masked_text(
            r#"{"message_type":"V0AuthenticationRequest","public_key":""}"#,
            &mut sent,
        );
        for (place, (uuid, status)) in work.updates().enumerate() {
            let text = StatusUpdate::new(uuid, status).encode().unwrap();
            masked_text(&text, &mut sent);
            if place == 20 {
                masked_text(r#"{"message_type":"V0Heartbeat"}"#, &mut sent);
                sent.extend([0x80 | PING, 0x80 | 2, 1, 2, 3, 4, b'h' ^ 1, b'i' ^ 2]);
            }
        }
        let mut expected = Tally::default();
        expected.add(&work);
        for step in [1, 7, 128, sent.len()] {
            let (mut tally, mut answers, mut held) = (Tally::default(), Vec::new(), Vec::new());
            for piece in sent.chunks(step) {
                held.extend_from_slice(piece);
                let used = take_frames(&held, &mut tally, &mut answers).unwrap();
                held.drain(..used);
            }
            assert!(held.is_empty());
            assert_eq!(tally, expected);
            let pong = [0x80 | PONG, 2, b'h', b'i'];
            let at = answers.windows(4).position(|bytes| bytes == pong).unwrap();
            answers.drain(at..at + 4);
            assert_eq!(answers, SUCCESS.repeat(work.len() + 1));
        }
    }

    #[test]
    fn what_is_not_the_workload_is_refused() {
        let text = |text: &str| {
            let mut frame = Vec::new();
            masked_text(text, &mut frame);
            frame
        };
        for wrong in [
            text("nonsense"),
            text(r#"{"message_type":"V0JobStatusUpdate","uuid":"x"}"#),
            vec![0x81, 0x02, b'h', b'i'],
            vec![0x82, 0x80, 0, 0, 0, 0],
            vec![0x01, 0x80, 0, 0, 0, 0],
        ] {
            let taken = take_frames(&wrong, &mut Tally::default(), &mut Vec::new());
            assert!(taken.is_err(), "{wrong:?}");
        }
    }
}
