//! What may differ between two runs of the same session, and nothing else.

use bytes::Bytes;

use super::trace::Backend;

/// Object identifiers below this are the same in every cluster of one version
/// (`FirstNormalObjectId` in PostgreSQL's `access/transam.h`).
const FIRST_NORMAL_OID: u32 = 16_384;

/// One thing that is not compared.
#[derive(Clone, Copy, Debug)]
pub struct Mask {
    /// The message that holds it.
    pub message: &'static str,
    /// What of it is hidden.
    pub hidden: &'static str,
    /// Why it must differ.
    pub why: &'static str,
    tag: u8,
    hide: fn(&[u8]) -> Vec<u8>,
}

/// All of them.
pub const MASKS: &[Mask] = &[
    Mask {
        message: "BackendKeyData",
        hidden: "process id and secret",
        why: "they are drawn anew for each connection",
        tag: b'K',
        hide: |_| Vec::new(),
    },
    Mask {
        message: "NotificationResponse",
        hidden: "process id of the sender",
        why: "it is that of the server process",
        tag: b'A',
        hide: |body| body.get(4..).unwrap_or_default().to_vec(),
    },
    Mask {
        message: "RowDescription",
        hidden: "object identifiers from 16384 on, of tables and types",
        why: "objects of a session are made anew for each run",
        tag: b'T',
        hide: row_description,
    },
    Mask {
        message: "ParameterDescription",
        hidden: "object identifiers from 16384 on",
        why: "objects of a session are made anew for each run",
        tag: b't',
        hide: parameter_description,
    },
    Mask {
        message: "ErrorResponse",
        hidden: "source file, line and function",
        why: "a pooler that answers in PostgreSQL's place has sources of its own",
        tag: b'E',
        hide: problem,
    },
    Mask {
        message: "NoticeResponse",
        hidden: "source file, line and function",
        why: "a pooler that answers in PostgreSQL's place has sources of its own",
        tag: b'N',
        hide: problem,
    },
];

/// The body of a message without what may differ.
pub(super) fn masked(message: &Backend) -> Bytes {
    match MASKS.iter().find(|mask| mask.tag == message.tag) {
        Some(mask) => (mask.hide)(&message.body).into(),
        None => message.body.clone(),
    }
}

fn problem(body: &[u8]) -> Vec<u8> {
    let message = Backend {
        tag: b'E',
        body: Bytes::copy_from_slice(body),
    };
    let mut kept = Vec::new();
    for (kind, text) in message.fields() {
        if !b"FLR".contains(&kind) {
            kept.push(kind);
            kept.extend_from_slice(text);
            kept.push(0);
        }
    }
    kept
}

/// Name, table, column, type, size, modifier and format of each column.
fn row_description(body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    let mut place = 2;
    while let Some(end) = out
        .get(place..)
        .and_then(|rest| rest.iter().position(|byte| *byte == 0))
    {
        let table = place + end + 1;
        hide_oid(&mut out, table);
        hide_oid(&mut out, table + 6);
        place = table + 18;
    }
    out
}

fn parameter_description(body: &[u8]) -> Vec<u8> {
    let mut out = body.to_vec();
    for place in (2..out.len()).step_by(4) {
        hide_oid(&mut out, place);
    }
    out
}

/// Makes all identifiers that a run gave the same.
fn hide_oid(body: &mut [u8], place: usize) {
    let Some(Ok(bytes)) = body.get_mut(place..place + 4).map(<&mut [u8; 4]>::try_from) else {
        return;
    };
    if u32::from_be_bytes(*bytes) >= FIRST_NORMAL_OID {
        *bytes = FIRST_NORMAL_OID.to_be_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hidden(tag: u8, body: &[u8]) -> Vec<u8> {
        let body = Bytes::copy_from_slice(body);
        masked(&Backend { tag, body }).to_vec()
    }

    fn column(table: u32, oid: u32) -> Vec<u8> {
        let parts: [&[u8]; 7] = [
            b"\0\x01name\0",
            &table.to_be_bytes(),
            &[0, 1],
            &oid.to_be_bytes(),
            &[0, 4],
            &[255; 4],
            &[0, 0],
        ];
        parts.concat()
    }

    #[test]
    fn each_mask_hides_what_it_says() {
        assert_eq!(hidden(b'K', &[1; 8]), hidden(b'K', &[2; 12]));
        assert_eq!(
            hidden(b'A', b"\0\0\0\x01c\0p\0"),
            hidden(b'A', b"\0\0\0\x02c\0p\0")
        );
        assert_eq!(
            hidden(b'T', &column(16_400, 16_500)),
            hidden(b'T', &column(20_000, 30_000))
        );
        assert_eq!(
            hidden(b't', &[0, 1, 0, 0, 64, 0]),
            hidden(b't', &[0, 1, 0, 0, 64, 9])
        );
        for tag in [b'E', b'N'] {
            assert_eq!(
                hidden(tag, b"SERROR\0C42601\0Mno\0Fscan.l\0L1\0Ryy\0\0"),
                hidden(tag, b"SERROR\0C42601\0Mno\0\0")
            );
        }
    }

    #[test]
    fn no_mask_hides_more() {
        assert_ne!(
            hidden(b'A', b"\0\0\0\x01c\0p\0"),
            hidden(b'A', b"\0\0\0\x01d\0p\0")
        );
        assert_ne!(
            hidden(b'T', &column(16_400, 23)),
            hidden(b'T', &column(16_400, 25))
        );
        assert_ne!(
            hidden(b'T', &column(1_259, 23)),
            hidden(b'T', &column(0, 23))
        );
        assert_ne!(
            hidden(b't', &[0, 1, 0, 0, 0, 23]),
            hidden(b't', &[0, 1, 0, 0, 0, 25])
        );
        for other in [
            &b"SFATAL\0C42601\0Mno\0\0"[..],
            b"SERROR\0C42602\0Mno\0\0",
            b"SERROR\0C42601\0Myes\0\0",
            b"SERROR\0C42601\0Mno\0P3\0\0",
        ] {
            assert_ne!(
                hidden(b'E', other),
                hidden(b'E', b"SERROR\0C42601\0Mno\0\0")
            );
        }
        assert_eq!(hidden(b'D', b"anything"), b"anything");
    }
}
