//! The end of a text that may be long: what a worker wrote to stderr last.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much of it is kept.
const KEPT: usize = 16 * 1024;

/// The last bytes of a stream.
#[derive(Debug, Default)]
pub(super) struct Tail {
    bytes: Vec<u8>,
    /// Bytes before those that are kept.
    left_out: u64,
}

impl Tail {
    /// Reads to the end of the stream, or to its failure.
    pub(super) async fn read(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut piece = vec![0; 4096];
        while let Ok(read) = stream.read(&mut piece).await
            && read > 0
        {
            self.push(piece.get(..read).unwrap_or_default());
        }
    }

    fn push(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        // Not for every piece: what is taken out is moved over.
        if self.bytes.len() > 2 * KEPT {
            self.cut();
        }
    }

    fn cut(&mut self) {
        let before = self.bytes.len().saturating_sub(KEPT);
        self.bytes.drain(..before);
        self.left_out += before as u64;
    }

    /// The text. What is no UTF-8, and the character that no facilitator can store, is replaced.
    pub(super) fn text(&mut self) -> String {
        self.cut();
        let text = String::from_utf8_lossy(&self.bytes).replace('\0', "\u{fffd}");
        if self.left_out == 0 {
            return text;
        }
        format!("[{} bytes before this]\n{text}", self.left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_is_kept_and_bounded() {
        let mut tail = Tail::default();
        tail.read(&b"a\0b\xff"[..]).await;
        assert_eq!(tail.text(), "a\u{fffd}b\u{fffd}");
        let long: Vec<u8> = (0..1_000_000_u32).map(|n| b'a' + (n % 26) as u8).collect();
        let mut tail = Tail::default();
        tail.read(long.as_slice()).await;
        assert!(tail.bytes.capacity() < 8 * KEPT);
        let text = tail.text();
        let (first, rest) = text.split_once('\n').unwrap();
        assert_eq!(first, format!("[{} bytes before this]", long.len() - KEPT));
        assert_eq!(rest.as_bytes(), &long[long.len() - KEPT..]);
    }
}
