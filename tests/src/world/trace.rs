//! What happened, step by step: always as a digest, so that two runs can be compared at no cost; as text when somebody
//! wants to read it. Frames are named, not shown: an authentication is a credential.

use std::fmt;

use facilitator_core::Frame;

use super::queue::Nanos;

/// The trace of a world.
#[derive(Clone, Debug)]
pub struct Trace {
    digest: u64,
    events: u64,
    lines: Option<Vec<u8>>,
}

/// An odd constant with well-mixed bits: the golden ratio's.
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

impl Trace {
    pub(super) fn new(with_text: bool) -> Self {
        Self {
            digest: MIX,
            events: 0,
            lines: with_text.then(Vec::new),
        }
    }

    /// A number that two equal traces share, and hardly any two others do.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// How many events there were: arrivals, ticks, reports, faults.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The text, a line for each thing that happened; empty unless it was asked for.
    pub fn text(&self) -> &[u8] {
        self.lines.as_deref().unwrap_or_default()
    }

    pub(super) fn count(&mut self) {
        self.events += 1;
    }

    pub(super) fn mix(&mut self, value: u64) {
        self.digest = (self.digest.rotate_left(23) ^ value).wrapping_mul(MIX);
    }

    fn mix_bytes(&mut self, bytes: &[u8]) {
        let (chunks, rest) = bytes.as_chunks::<8>();
        for chunk in chunks {
            self.mix(u64::from_le_bytes(*chunk));
        }
        let mut last = [0; 8];
        for (to, from) in last.iter_mut().zip(rest) {
            *to = *from;
        }
        self.mix(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56);
    }

    /// Something that a reader should know, told only if there is one.
    pub(super) fn note(&mut self, at: Nanos, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            let line = line();
            lines.extend_from_slice(
                format!("{}.{:09} {line}\n", at / 1_000_000_000, at % 1_000_000_000).as_bytes(),
            );
        }
    }

    /// A frame, on its way or at its end.
    pub(super) fn frame(&mut self, at: Nanos, what: &'static str, client: u32, frame: &Frame) {
        self.mix(at ^ u64::from(client) << 48);
        match frame {
            Frame::Text(text) => self.mix_bytes(text.as_bytes()),
            Frame::Binary(bytes) | Frame::Ping(bytes) | Frame::Pong(bytes) => self.mix_bytes(bytes),
            Frame::Close(close) => {
                self.mix(close.as_ref().map_or(0, |close| u64::from(close.code)));
            }
        }
        self.note(at, || format!("client {client} {what} {}", Shown(frame)));
    }
}

/// A frame by its name.
struct Shown<'a>(&'a Frame);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Frame::Text(text) = self.0 else {
            return write!(f, "{:?}", self.0);
        };
        let name = field(text, "message_type").unwrap_or("Response or noise");
        write!(f, "{name} ({} bytes)", text.len())?;
        match name {
            "V0JobStatusUpdate" | "V2JobRequest" => {
                write!(f, " {}", field(text, "uuid").unwrap_or("?"))?;
                field(text, "status").map_or(Ok(()), |status| write!(f, " {status}"))
            }
            "Response or noise" => write!(f, " {}", field(text, "type").unwrap_or("success")),
            _ => Ok(()),
        }
    }
}

/// The first string value of this name in a message, as it stands there. Good enough to name what both machines write.
pub(super) fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = text;
    loop {
        let (_, after) = rest.split_once('"')?;
        let (key, after) = after.split_once('"')?;
        rest = after;
        if key == name
            && let Some(value) = rest.trim_start_matches([':', ' ']).strip_prefix('"')
        {
            return value.split_once('"').map(|(value, _)| value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_steps_have_equal_digests_and_others_have_not() {
        let digest = |steps: &[(Nanos, &str)]| {
            let mut trace = Trace::new(false);
            for (at, text) in steps {
                trace.frame(*at, "got", 0, &Frame::text(*text));
            }
            trace.digest()
        };
        assert_eq!(digest(&[(1, "a"), (2, "b")]), digest(&[(1, "a"), (2, "b")]));
        assert_ne!(digest(&[(1, "a"), (2, "b")]), digest(&[(1, "b"), (2, "a")]));
        assert_ne!(digest(&[(1, "12345678")]), digest(&[(1, "12345679")]));
        assert_ne!(digest(&[(1, "a")]), digest(&[(1, "a\0")]));
    }

    #[test]
    fn text_names_frames_and_shows_no_credential() {
        let mut trace = Trace::new(true);
        let secret =
            r#"{"message_type":"V0AuthenticationRequest","public_key":"ab","signature":"0xcd"}"#;
        trace.frame(1_500_000_000, "sends", 3, &Frame::text(secret));
        let status = r#"{"message_type":"V0JobStatusUpdate","uuid":"u-1","status":"accepted","metadata":null}"#;
        trace.frame(2_000_000_001, "sends", 3, &Frame::text(status));
        let text = String::from_utf8_lossy(trace.text()).into_owned();
        assert_eq!(
            text,
            "1.500000000 client 3 sends V0AuthenticationRequest (79 bytes)\n\
             2.000000001 client 3 sends V0JobStatusUpdate (85 bytes) u-1 accepted\n"
        );
    }
}
