//! Data of PostgreSQL's binary COPY, cut into streams of some rows each.

use anyhow::Context as _;
use bytes::Bytes;

/// Begins every stream, before the flags and the length of what may follow them.
const SIGNATURE: &[u8] = b"PGCOPY\n\xff\r\n\0";
/// Signature, flags, no extension.
const HEADER: [u8; 19] = *b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Instead of a row's number of fields: the end.
const END: i16 = -1;

/// Rows in the form in which PostgreSQL sent them, and takes them.
#[derive(Default)]
pub(crate) struct Rows {
    data: Vec<u8>,
    /// Where each row ends.
    ends: Vec<usize>,
    begin: usize,
}

impl Rows {
    /// Reads what `COPY ... TO STDOUT (FORMAT binary)` sent.
    pub(crate) fn read(data: Vec<u8>) -> anyhow::Result<Self> {
        let mut cursor = Cursor { data: &data, at: 0 };
        anyhow::ensure!(cursor.take(SIGNATURE.len())? == SIGNATURE, "no binary COPY");
        cursor.number(4)?;
        let extension = cursor.number(4)?;
        cursor.take(usize::try_from(extension)?)?;
        let begin = cursor.at;
        let mut ends = Vec::new();
        loop {
            let fields = cursor.number(2)?;
            if fields == i64::from(END) {
                break;
            }
            for _ in 0..fields {
                // NULL has the length -1, and nothing follows.
                let length = cursor.number(4)?;
                cursor.take(usize::try_from(length).unwrap_or_default())?;
            }
            ends.push(cursor.at);
        }
        Ok(Self { data, ends, begin })
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whole streams of so many rows each, the last of what is left.
    pub(crate) fn streams(&self, rows: usize) -> Vec<Bytes> {
        let mut begin = self.begin;
        let ends = self.ends.chunks(rows).filter_map(<[usize]>::last);
        let stream = ends.map(|end| {
            let part = self.data.get(begin..*end).unwrap_or_default();
            begin = *end;
            Bytes::from([&HEADER, part, &END.to_be_bytes()].concat())
        });
        stream.collect()
    }
}

struct Cursor<'d> {
    data: &'d [u8],
    at: usize,
}

impl<'d> Cursor<'d> {
    fn take(&mut self, count: usize) -> anyhow::Result<&'d [u8]> {
        let taken = self.data.get(self.at..self.at + count).context("COPY's data end too early")?;
        self.at += count;
        Ok(taken)
    }

    /// A signed number of so many bytes, the most significant first.
    fn number(&mut self, bytes: usize) -> anyhow::Result<i64> {
        let taken = self.take(bytes)?;
        let unsigned = taken.iter().fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        let unused = 64 - 8 * bytes as u32;
        Ok(unsigned << unused >> unused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of an int and a text, or NULL.
    fn row(number: i32, text: Option<&str>) -> Vec<u8> {
        let mut row = vec![0, 2, 0, 0, 0, 4];
        row.extend(number.to_be_bytes());
        match text {
            Some(text) => {
                row.extend((text.len() as i32).to_be_bytes());
                row.extend(text.as_bytes());
            }
            None => row.extend((-1_i32).to_be_bytes()),
        }
        row
    }

    fn stream(rows: &[Vec<u8>]) -> Vec<u8> {
        [&HEADER[..], &rows.concat(), &END.to_be_bytes()].concat()
    }

    #[test]
    fn streams_of_all_rows_in_their_order_and_the_rest() {
        let rows = [row(1, Some("one")), row(-2, None), row(3, Some(""))];
        let read = Rows::read(stream(&rows)).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!(read.streams(2), [stream(&rows[..2]), stream(&rows[2..])]);
        assert_eq!(read.streams(3), [stream(&rows)]);
        assert_eq!(Rows::read(stream(&[])).unwrap().streams(2), Vec::<Bytes>::new());
    }

    #[test]
    fn what_is_cut_off_or_something_else_is_an_error() {
        let whole = stream(&[row(1, Some("one"))]);
        for end in 0..whole.len() {
            assert!(Rows::read(whole[..end].to_vec()).is_err(), "{end}");
        }
        assert!(Rows::read(vec![b'x'; 40]).is_err());
    }
}
