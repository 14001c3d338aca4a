//! A RowData call that is written while its rows are read: no tree, no copy of a value but the one in the body.
//!
//! The token comes last, because it is made when the call is sent; room for it is left before everything else.

use super::xml::{Writer, escape};
use super::{Operation, TableInfo, contract, encode, envelope, table};
use crate::sql::Column;
use crate::tenant::{Change, RowRef, TenantError};

/// More than the envelope takes up to the token's end; a longer token still finds its place, by a copy of the body.
const GAP: usize = 4096;
/// What a call has beside its rows, and for the row that fills it: space is set aside for as much.
const MARGIN: usize = 64 * 1024;
/// A longer call gets its space when it needs it.
const MOST_SET_ASIDE: usize = 4 * 1024 * 1024;

/// A call in the making. A batch begins, gets its rows, and ends; then the next may begin.
#[derive(Debug)]
pub(crate) struct RowData {
    xml: Writer,
    pretty: bool,
}

impl RowData {
    /// A call without batches, for about `bytes` of them.
    pub(crate) fn new(client_state: &str, bytes: usize, pretty: bool) -> Self {
        let capacity = bytes.min(MOST_SET_ASIDE) + MARGIN;
        let mut xml = Writer::inside(envelope::DEPTH, GAP, capacity, pretty);
        envelope::middle(&mut xml, Operation::RowData, Some(client_state));
        xml.open("DataBatches", contract::LIST);
        Self { xml, pretty }
    }

    pub(crate) fn begin_batch(&mut self) {
        self.xml.open("a:RowDataBatch", &[]);
        self.xml.open("a:Data", &[]);
    }

    /// Adds a row to the batch that was begun, and says how many bytes it takes.
    ///
    /// # Errors
    /// [`TenantError::Damaged`] for a value that is not of its column's type; the call is of no use then.
    pub(crate) fn row(
        &mut self,
        change: Change,
        columns: &[Column],
        row: RowRef<'_>,
    ) -> Result<usize, TenantError> {
        let start = self.xml.len();
        let mut damage = Ok(());
        let cells = columns.iter().zip(row.values());
        contract::row(&mut self.xml, table::operation(change), cells, |(column, value), out| match value {
            Ok(value) => encode::write(column.sql_type, value, out, escape),
            Err(error) => {
                damage = Err(error);
                false
            }
        });
        damage.map(|()| self.xml.len() - start)
    }

    /// Ends the batch that was begun.
    pub(crate) fn end_batch(&mut self, lsn: i64, table: &TableInfo) {
        self.xml.close("a:Data");
        contract::end_batch(&mut self.xml, lsn, table);
    }

    /// The call, all batches of which have ended.
    pub(crate) fn finish(mut self) -> Unsigned {
        self.xml.close("DataBatches");
        envelope::end(&mut self.xml, Operation::RowData);
        Unsigned { bytes: self.xml.finish(), start: GAP, pretty: self.pretty }
    }
}

/// The body of a call that lacks its token.
#[derive(Debug)]
pub(crate) struct Unsigned {
    bytes: Vec<u8>,
    /// Where the token ends.
    start: usize,
    pretty: bool,
}

impl Unsigned {
    /// The whole body with this token.
    pub(crate) fn envelope(&mut self, token: &str) -> &[u8] {
        let mut xml = Writer::new(self.pretty);
        envelope::begin(&mut xml, token);
        let head = xml.finish();
        let missing = head.len().saturating_sub(self.start);
        self.bytes.splice(0..0, std::iter::repeat_n(b' ', missing));
        self.start += missing;
        let begin = self.start - head.len();
        self.bytes[begin..self.start].copy_from_slice(&head);
        &self.bytes[begin..]
    }
}
