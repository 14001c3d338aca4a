//! Positions out of a RowData call without reading its rows.
//!
//! A sender's speed can only be measured against a receiver that is faster. So nothing is parsed: the end of each
//! batch is searched for, and from there backwards its LSN and its table's name, which come after the rows. That is
//! safe because text never holds a `<`; it relies on the order in which the vendor sends members, and on names
//! without references.

use memchr::memmem;

use crate::answer::Position;

/// The positions of all batches of a call; `None` where it is not in the vendor's form.
pub(super) fn positions(call: &str) -> Option<Vec<Position>> {
    let mut begin = 0;
    let mut positions = Vec::new();
    for end in ends(call, "RowDataBatch") {
        positions.push(position(call.get(begin..end)?)?);
        begin = end;
    }
    Some(positions)
}

/// Where the end tags of that name begin, whatever their prefix.
fn ends<'c>(call: &'c str, name: &'c str) -> impl Iterator<Item = usize> + 'c {
    memmem::find_iter(call.as_bytes(), name.as_bytes()).filter_map(move |place| end_tag(call, place))
}

/// Where the end tag begins whose name stands at `place`; `None` where it is something else that stands there.
fn end_tag(call: &str, place: usize) -> Option<usize> {
    let before = call.get(..place)?;
    let begin = before.rfind('<')?;
    let prefix = before.get(begin..)?.strip_prefix("</")?;
    (prefix.is_empty() || (prefix.ends_with(':') && !prefix.contains('>'))).then_some(begin)
}

/// The batch's table is the last thing in it, its LSN the last thing before the columns.
fn position(batch: &str) -> Option<Position> {
    let table = last_text(batch, "TableName")?;
    let lsn = last_text(batch, "LSN")?.trim().parse().ok()?;
    Some(Position { table: table.to_owned(), lsn })
}

/// The text of the last element of that name.
fn last_text<'b>(batch: &'b str, name: &str) -> Option<&'b str> {
    let mut places = memmem::rfind_iter(batch.as_bytes(), name.as_bytes());
    let end = places.find_map(|place| end_tag(batch, place))?;
    let text = batch.get(..end)?;
    text.get(text.rfind('>')? + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Batch, ColumnInfo, Request, Row, TableInfo};

    fn batch(table: &str, lsn: i64, value: &str) -> Batch {
        let column = |name: &str| ColumnInfo {
            default_value: "default (N':LSN')".to_owned(),
            is_nullable: true,
            name: name.to_owned(),
            sql_type: "ntext".to_owned(),
        };
        let columns = ["LSN", "TableName", "RowDataBatch"].map(column).into();
        let row = Row { values: vec![Some(value.to_owned()); 3], operation: "I".to_owned() };
        Batch { rows: vec![row; 3], lsn, table: TableInfo { columns, table: table.to_owned() } }
    }

    #[test]
    fn every_batchs_position_is_found_whatever_its_rows_say() {
        let values = ["", "</a:RowDataBatch>", "<a:LSN>9</a:LSN>", "x:RowDataBatch>", "a:TableName>", "LSN"];
        for value in values {
            let batches = [batch("contact", 0, value), batch("person", 12, value)];
            for pretty in [false, true] {
                let call = Request::row_data(&batches).pretty(pretty).envelope("token");
                let expected = [("contact", 0), ("person", 12)]
                    .map(|(table, lsn)| Position { table: table.to_owned(), lsn });
                assert_eq!(positions(std::str::from_utf8(&call).unwrap()), Some(expected.into()), "{value}");
            }
        }
    }

    #[test]
    fn a_call_without_batches_has_no_positions() {
        let call = Request::row_data(&[]).envelope("token");
        assert_eq!(positions(std::str::from_utf8(&call).unwrap()), Some(Vec::new()));
    }
}
