//! A response out of the bytes that came.

use crate::client::Reply;

/// The response in `bytes`, once it is whole by its length or because nothing more will come.
pub(super) fn reply(bytes: &[u8], is_end: bool) -> Option<Reply> {
    let end = bytes.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let rest = bytes.get(end + 4..)?;
    let status: u16 = head.split(' ').nth(1)?.parse().ok()?;
    if status == 100 {
        return reply(rest, is_end);
    }
    let header = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    };
    let is_chunked = header("Transfer-Encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked"));
    let body = if is_chunked {
        chunks(rest)
    } else {
        match header("Content-Length").and_then(|length| length.parse().ok()) {
            Some(length) => rest.get(..length).map(<[u8]>::to_vec),
            None => is_end.then(|| rest.to_vec()),
        }
    };
    let body = body.or_else(|| is_end.then(|| rest.to_vec()))?;
    Some(Reply { status, content_type: header("Content-Type").unwrap_or_default(), body })
}

/// A chunked body, if it is whole.
fn chunks(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|bytes| bytes == b"\r\n")?;
        let length = String::from_utf8_lossy(rest.get(..line)?);
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(line + 2..line + 2 + length)?);
        rest = rest.get(line + 4 + length..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_by_its_length_its_chunks_or_its_end() {
        let with_length = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Type: text/xml\r\n\r\nab";
        let chunked = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1;x\r\nb\r\n0\r\n\r\n";
        for (bytes, status) in [(&with_length[..], 200), (chunked, 500)] {
            let whole = reply(bytes, false).unwrap();
            assert_eq!((whole.status, whole.body.as_slice()), (status, &b"ab"[..]));
            for length in 0..bytes.len() - 2 {
                assert_eq!(reply(&bytes[..length], false), None, "{length}");
            }
        }
        let endless = b"HTTP/1.1 401 No\r\n\r\nab";
        assert_eq!(reply(endless, false), None);
        assert_eq!(reply(endless, true).unwrap().body, b"ab");
    }
}
