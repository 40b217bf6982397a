//! The head of an HTTP answer: bounded, strict, byte by byte if need be. It reads nothing itself, and what an answer
//! means is its asker's.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use thiserror::Error;

/// Status and headers of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
}

impl Head {
    /// Whether the answer itself is still to come.
    fn is_interim(&self) -> bool {
        (100..200).contains(&self.status) && self.status != 101
    }

    /// The values of a header, in the order in which they came.
    pub(super) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.headers
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The only value of a header; `None`, when there is none or more than one.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let mut values = self.values(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Whether one of the header's elements, which commas separate, is this token.
    pub(super) fn lists(&self, name: &str, token: &str) -> bool {
        self.values(name)
            .flat_map(|value| value.split(','))
            .any(|element| element.trim().eq_ignore_ascii_case(token))
    }
}

/// Why something is no head of an answer. The texts go on after "it".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(super) enum HeadError {
    #[error("does not answer in HTTP/1")]
    NotHttp,
    #[error("sent an answer with a malformed header")]
    Malformed,
    #[error("sent an answer whose head has no end within {limit} bytes")]
    TooLong { limit: usize },
    #[error("ended the connection in place of an answer")]
    Ended,
}

/// What every answer begins with; the minor version does not matter to us.
const BEGIN: &[u8] = b"HTTP/1.";

/// Collects a head. It holds no more than the limit and what is pushed last.
///
/// Interim answers, such as `103 Early Hints`, are passed over (RFC 9110, section 15.2), except for `101`, which is the
/// last word in HTTP. They count towards the limit.
pub(super) struct HeadReader {
    bytes: Vec<u8>,
    /// Where the line begins that has no end yet.
    line: usize,
    /// Bytes of interim answers.
    passed: usize,
    limit: usize,
}

impl HeadReader {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            line: 0,
            passed: 0,
            limit,
        }
    }

    /// Takes what was read. Returns the head as soon as it is complete, and the bytes beyond it.
    pub(super) fn push(&mut self, read: &[u8]) -> Result<Option<(Head, Vec<u8>)>, HeadError> {
        self.bytes.extend_from_slice(read);
        while let Some(end) = self.end()? {
            let beyond = self.bytes.split_off(end);
            let head = parse(&self.bytes)?;
            if !head.is_interim() {
                return Ok(Some((head, beyond)));
            }
            self.passed += end;
            self.bytes = beyond;
            self.line = 0;
        }
        Ok(None)
    }

    /// Where the head ends, if its end was read.
    fn end(&mut self) -> Result<Option<usize>, HeadError> {
        // Whoever speaks something else may wait for our answer to that: no use in waiting for more.
        if !self
            .bytes
            .iter()
            .zip(BEGIN)
            .all(|(found, wanted)| found == wanted)
        {
            return Err(HeadError::NotHttp);
        }
        let end = loop {
            let rest = self.bytes.get(self.line..).unwrap_or_default();
            let Some(length) = rest.iter().position(|byte| *byte == b'\n') else {
                break None;
            };
            self.line += length + 1;
            // RFC 9112, section 2.2: a line may end without a carriage return.
            if matches!(rest.get(..length), Some([] | [b'\r'])) {
                break Some(self.line);
            }
        };
        let limit = self.limit;
        if self.passed + end.unwrap_or(self.bytes.len()) > limit {
            return Err(HeadError::TooLong { limit });
        }
        Ok(end)
    }
}

fn parse(bytes: &[u8]) -> Result<Head, HeadError> {
    let mut lines = bytes
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let status = lines.next().and_then(status).ok_or(HeadError::NotHttp)?;
    let headers = lines
        .filter(|line| !line.is_empty())
        .map(|line| header(line).ok_or(HeadError::Malformed))
        .collect::<Result<_, _>>()?;
    Ok(Head { status, headers })
}

/// The status of `HTTP/1.x 123 Reason`; the reason may be missing, with its space.
fn status(line: &[u8]) -> Option<u16> {
    let line = line.strip_prefix(BEGIN)?;
    let [b'0'..=b'9', b' ', code @ ..] = line else {
        return None;
    };
    let (code, reason) = code.split_at_checked(3)?;
    if !matches!(reason, [] | [b' ', ..]) || !code.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let status = core::str::from_utf8(code).ok()?.parse().ok()?;
    (100..600).contains(&status).then_some(status)
}

fn header(line: &[u8]) -> Option<(String, String)> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, value) = line.split_at_checked(colon)?;
    // This also refuses folded lines and a space before the colon, as RFC 9112 (section 5) asks for.
    let token = |c: &u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.iter().all(token) {
        return None;
    }
    let value = String::from_utf8_lossy(value.get(1..)?);
    if value.contains(['\r', '\0']) {
        return None;
    }
    let name = core::str::from_utf8(name).ok()?;
    Some((name.to_owned(), value.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use alloc::vec;

    const LIMIT: usize = 64;

    fn read(bytes: &[u8]) -> Result<Option<(Head, Vec<u8>)>, HeadError> {
        HeadReader::new(LIMIT).push(bytes)
    }

    #[test]
    fn a_head_ends_where_it_ends_however_it_is_cut() {
        for answer in [
            &b"HTTP/1.1 200 Fine\r\nA: b\r\nSet-Cookie: x=y: z\r\n\r\nmore"[..],
            b"HTTP/1.0 200\nA:b\nSet-Cookie:\tx=y: z \n\nmore",
        ] {
            for cut in 0..answer.len() {
                let (first, second) = answer.split_at(cut);
                let mut reader = HeadReader::new(LIMIT);
                let (head, beyond) = match reader.push(first).unwrap() {
                    Some((head, mut beyond)) => {
                        beyond.extend_from_slice(second);
                        (head, beyond)
                    }
                    None => reader.push(second).unwrap().unwrap(),
                };
                assert_eq!(head.status, 200);
                assert_eq!(head.value("a"), Some("b"), "{cut}");
                assert_eq!(head.value("set-cookie"), Some("x=y: z"), "{cut}");
                assert_eq!(beyond, b"more", "{cut}");
            }
        }
    }

    #[test]
    fn interim_answers_are_passed_over_within_the_limit() {
        let answers = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 S\r\nA: b\r\n\r\nmore";
        for step in 1..answers.len() {
            let mut reader = HeadReader::new(LIMIT);
            let mut chunks = answers.chunks(step);
            let (head, _) = chunks
                .find_map(|chunk| reader.push(chunk).unwrap())
                .unwrap();
            assert_eq!((head.status, head.value("A")), (101, Some("b")), "{step}");
        }
        let (_, beyond) = read(answers).unwrap().unwrap();
        assert_eq!(beyond, b"more");
        assert_eq!(
            read(b"HTTP/1.1 103 H\r\n\r\nSSH-2.0"),
            Err(HeadError::NotHttp)
        );
        assert_eq!(read(b"HTTP/1.1 103 H\r\n\r\n"), Ok(None));
        let hints = b"HTTP/1.1 103 H\r\n\r\n".repeat(LIMIT);
        assert_eq!(read(&hints), Err(HeadError::TooLong { limit: LIMIT }));
    }

    #[test]
    fn what_is_no_head_is_refused_as_soon_as_it_shows() {
        for (bytes, error) in [
            (&b"SSH-2.0-OpenSSH_9.6\r\n"[..], HeadError::NotHttp),
            (b"\x15\x03\x01", HeadError::NotHttp),
            (b"HTTP/2", HeadError::NotHttp),
            (b"HTTP/1.1 2000 No\r\n\r\n", HeadError::NotHttp),
            (b"HTTP/1.1 099 No\r\n\r\n", HeadError::NotHttp),
            (b"HTTP/1.1 +20 No\r\n\r\n", HeadError::NotHttp),
            (b"HTTP/1.1  200 No\r\n\r\n", HeadError::NotHttp),
            (b"HTTP/1.1\r\n\r\n", HeadError::NotHttp),
            (b"HTTP/1.1 200 Ok\r\nA b\r\n\r\n", HeadError::Malformed),
            (b"HTTP/1.1 200 Ok\r\nA : b\r\n\r\n", HeadError::Malformed),
            (b"HTTP/1.1 200 Ok\r\n: b\r\n\r\n", HeadError::Malformed),
            (
                b"HTTP/1.1 200 Ok\r\nA: b\r\n c: d\r\n\r\n",
                HeadError::Malformed,
            ),
            (
                b"HTTP/1.1 200 Ok\r\nA: b\rB: c\r\n\r\n",
                HeadError::Malformed,
            ),
        ] {
            assert_eq!(read(bytes), Err(error), "{:?}", bytes.escape_ascii());
        }
        for incomplete in [&b""[..], b"HTT", b"HTTP/1.1 200 Ok\r\nA: b\r\n"] {
            assert_eq!(read(incomplete), Ok(None));
        }
    }

    #[test]
    fn a_head_has_a_longest_length_and_what_follows_has_none() {
        let head = |bytes: usize| {
            let frame = "HTTP/1.1 200 Ok\r\nA: \r\n\r\n".len();
            format!(
                "HTTP/1.1 200 Ok\r\nA: {}\r\n\r\n",
                "b".repeat(bytes - frame)
            )
        };
        let fits = format!("{}{}", head(LIMIT), "c".repeat(LIMIT));
        assert!(matches!(read(fits.as_bytes()), Ok(Some((_, beyond))) if beyond.len() == LIMIT));
        let too_long = Err(HeadError::TooLong { limit: LIMIT });
        assert_eq!(read(head(LIMIT + 1).as_bytes()), too_long);
        let endless = vec![b'b'; 10];
        let mut reader = HeadReader::new(LIMIT);
        reader.push(b"HTTP/1.1 200 Ok\r\n").unwrap();
        let pushes = (0..LIMIT).find(|_| reader.push(&endless).is_err()).unwrap();
        assert_eq!(pushes, (LIMIT - 17) / 10);
        assert!(reader.bytes.len() <= LIMIT + 10);
    }

    #[test]
    fn lists_and_doubles() {
        let (head, _) = read(b"HTTP/1.1 101 S\r\nC: keep-alive, UpGrade\r\nD: 1\r\nd: 2\r\n\r\n")
            .unwrap()
            .unwrap();
        assert!(head.lists("c", "upgrade") && !head.lists("c", "keep"));
        assert_eq!(head.value("D"), None, "twice is not once");
        assert_eq!(head.values("D").count(), 2);
    }
}
