//! What is digested: every field with its length before it, so that no two entries have one form.

use super::ledger::Row;
use crate::seal::ChainKey;

/// The mac of an entry after the one that has the mac `previous`.
pub fn link(key: &ChainKey, row: &Row, previous: &str) -> String {
    let (seq, at) = (row.seq.to_string(), row.at.to_string());
    key.mac(&encoded([
        Some("entry"),
        Some(&seq),
        Some(&at),
        row.tenant_id.as_deref(),
        Some(&row.actor),
        row.actor_id.as_deref(),
        Some(&row.via),
        row.address.as_deref(),
        Some(&row.action),
        Some(&row.subject),
        Some(&row.changes),
        Some(previous),
    ]))
}

/// The seal of a mark: `name` keeps the seal of one end of the log from fitting the other.
pub fn seal(key: &ChainKey, name: &str, seq: i64, mac: &str) -> String {
    let seq = seq.to_string();
    key.mac(&encoded([Some(name), Some(&seq), Some(mac)]))
}

/// `3:abc` is a text, `-` none; a comma ends each.
fn encoded<const N: usize>(fields: [Option<&str>; N]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(512);
    for field in fields {
        match field {
            Some(text) => {
                bytes.extend_from_slice(text.len().to_string().as_bytes());
                bytes.push(b':');
                bytes.extend_from_slice(text.as_bytes());
            }
            None => bytes.push(b'-'),
        }
        bytes.push(b',');
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_written_differently() {
        let forms = [
            [Some("a"), Some("b")],
            [Some("ab"), Some("")],
            [Some("ab"), None],
            [None, Some("ab")],
            [Some("a,1:b"), None],
            [Some("-"), None],
            [None, None],
            [Some(""), Some("")],
        ];
        let written: std::collections::HashSet<Vec<u8>> = forms.iter().map(|form| encoded(*form)).collect();
        assert_eq!(written.len(), forms.len());
        assert_eq!(encoded([Some("ä"), None]), "2:ä,-,".as_bytes());
    }
}
