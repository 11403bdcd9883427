//! The header fields of a server's answer, copied in `on_head`: there they are borrowed for that call only, and the answer
//! to the client begins later. Give all of them to the host with the head of the answer and with a failure. It picks those
//! that a client may see (NEXUS_HEADERS_OF_SERVERS).

use crate::nexus_plugin::*;

#[derive(Default)]
pub struct Headers(Vec<(Vec<u8>, Vec<u8>)>);

impl Headers {
    /// # Safety
    /// During the call that brought them.
    pub unsafe fn copy(fields: &[nexus_header]) -> Headers {
        let fields = fields.iter().take(NEXUS_LIMIT_OFFERED_HEADERS);
        Headers(fields.map(|field| (field.name.bytes().to_vec(), field.value.bytes().to_vec())).collect())
    }

    /// The same for the host; borrows from these.
    pub fn fields(&self) -> Vec<nexus_header> {
        let field = |(name, value): &(Vec<u8>, Vec<u8>)| nexus_header {
            name: nexus_str::borrow(name),
            value: nexus_str::borrow(value),
        };
        self.0.iter().map(field).collect()
    }

    /// The value of the first field of that name, in any case.
    pub fn find(&self, name: &str) -> Option<&[u8]> {
        self.0.iter().find(|field| field.0.eq_ignore_ascii_case(name.as_bytes())).map(|field| &field.1[..])
    }

    /// What `retry-after` says, in milliseconds; 0 if it is missing, a date, or more than a day.
    pub fn retry_after_ms(&self) -> u32 {
        let text = self.find("retry-after").and_then(|value| std::str::from_utf8(value).ok());
        text.and_then(|text| text.parse::<u32>().ok()).filter(|seconds| *seconds <= 86400).map_or(0, |seconds| seconds * 1000)
    }
}
