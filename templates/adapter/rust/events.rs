//! Reads a stream of server-sent events that comes in pieces, cut anywhere. It knows all line ends (LF, CR LF, CR), a byte
//! order mark at the start, and events with several lines of data. It holds one event, up to a limit.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation>

/// One event.
pub struct Event {
    /// All of it, up to and with the empty line, for an adapter that passes it on; lines end with LF.
    pub text: Vec<u8>,
    /// Its data. None if it has none, like a comment that only keeps the connection alive.
    pub data: Option<Vec<u8>>,
}

/// The event exceeds the limit. The stream cannot be read further.
pub struct TooLarge;

pub struct Events {
    /// Bytes of one event.
    limit: usize,
    /// The event so far; every complete line ends with LF.
    text: Vec<u8>,
    data: Option<Vec<u8>>,
    /// Where in `text` the last line begins.
    line: usize,
    /// The last byte was CR: if LF comes now, both are one line end.
    after_return: bool,
    /// The first line of the stream is complete.
    has_begun: bool,
}

impl Events {
    pub fn new(limit: usize) -> Events {
        Events { limit, text: Vec::new(), data: None, line: 0, after_return: false, has_begun: false }
    }

    /// Takes bytes up to the end of the next event, and moves `bytes` behind them. None: all were taken, and no event is
    /// complete.
    pub fn next(&mut self, bytes: &mut &[u8]) -> Result<Option<Event>, TooLarge> {
        while !bytes.is_empty() {
            let piece = *bytes;
            if std::mem::take(&mut self.after_return) && piece[0] == b'\n' {
                *bytes = &piece[1..];
                continue;
            }
            let end = piece.iter().position(|byte| *byte == b'\n' || *byte == b'\r');
            let length = end.unwrap_or(piece.len());
            // With the line end that follows.
            if self.text.len() + length + usize::from(end.is_some()) > self.limit {
                return Err(TooLarge);
            }
            self.text.extend_from_slice(&piece[..length]);
            let Some(end) = end else {
                *bytes = &[];
                break;
            };
            *bytes = &piece[end + 1..];
            self.after_return = piece[end] == b'\r';
            if let Some(event) = self.end_line() {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Looks at the last line, which has just become complete.
    fn end_line(&mut self) -> Option<Event> {
        if !std::mem::replace(&mut self.has_begun, true) && self.text.starts_with(b"\xEF\xBB\xBF") {
            self.text.drain(..3);
        }
        let line = &self.text[self.line..];
        if line.is_empty() {
            if self.line == 0 {
                return None; // an empty line before the event
            }
            self.text.push(b'\n');
            self.line = 0;
            return Some(Event { text: std::mem::take(&mut self.text), data: self.data.take() });
        }
        // "data" alone is a line of data without a value; one space after the colon does not belong to the value.
        if let Some(rest) = line.strip_prefix(b"data") {
            let value = if rest.is_empty() { Some(rest) } else { rest.strip_prefix(b":") };
            if let Some(value) = value {
                let value = value.strip_prefix(b" ").unwrap_or(value);
                match &mut self.data {
                    Some(data) => {
                        data.push(b'\n');
                        data.extend_from_slice(value);
                    }
                    None => self.data = Some(value.to_vec()),
                }
            }
        }
        self.text.push(b'\n');
        self.line = self.text.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of all events, whatever the size of the pieces.
    fn read(stream: &[u8], size: usize) -> Vec<Option<Vec<u8>>> {
        let mut events = Events::new(64);
        let mut all = Vec::new();
        for mut piece in stream.chunks(size) {
            while let Ok(Some(event)) = events.next(&mut piece) {
                all.push(event.data);
            }
        }
        all
    }

    #[test]
    fn events_are_read_however_they_are_cut() {
        for size in [1, 2, 3, 100] {
            for ends in ["\n", "\r\n", "\r"] {
                let stream = "\u{feff}data: a\ndata:b\n\n: alive\n\ndata\n\n".replace('\n', ends);
                assert_eq!(read(stream.as_bytes(), size), [Some(b"a\nb".to_vec()), None, Some(vec![])]);
            }
        }
    }

    #[test]
    fn what_is_too_large_is_told() {
        assert!(Events::new(8).next(&mut &b"data: 12345"[..]).is_err());
    }
}
