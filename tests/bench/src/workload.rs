//! The rows: a table of 14 columns as the vendor's are, 1,400 rows to a call of 1 MB.

use operations_center::wire::{Batch, ColumnInfo, Request, Row, TableInfo};

use crate::load::Body;

/// Rows of a call of 1 MB.
pub(crate) const ROWS: usize = 1400;
/// Bodies with other keys and values, so that no cache sees the same ones every time.
const BODIES: usize = 8;
/// On every batch. The table is loading: its LSN is provisional, and a later call with the same one is as good.
const LSN: i64 = 4711;

/// `contact`, in the vendor's types and about the vendor's width.
pub(crate) fn table(name: &str) -> TableInfo {
    let columns = [
        (&*format!("{name}_id"), "int", false),
        ("name", "nvarchar(220)", false),
        ("department", "nvarchar(220)", false),
        ("orgnr", "nvarchar(50)", false),
        ("number1", "nvarchar(50)", false),
        ("associate_id", "int", false),
        ("business_idx", "int", false),
        ("category_idx", "int", false),
        ("country_id", "smallint", false),
        ("deleted", "smallint", false),
        ("registered", "datetime", false),
        ("updated", "datetime", false),
        ("lastcontact", "datetime", true),
        ("revenue", "float", true),
    ];
    let column = |(name, sql_type, is_nullable): (&str, &str, bool)| ColumnInfo {
        default_value: String::new(),
        is_nullable,
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
    };
    TableInfo { columns: columns.map(column).to_vec(), table: name.to_owned() }
}

fn row(id: usize) -> Row {
    let mixed = id.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
    let name = match mixed % 10 {
        0 => format!("Søylen & Sønner AS {mixed}"),
        _ => format!("Northwind Traders {mixed}"),
    };
    let moment = |shift: usize| {
        let (day, second) = (1 + (mixed >> shift) % 28, (mixed >> shift) % 60);
        Some(format!("[DT:{:02}/{day:02}/20{:02} 10:40:{second:02}.0000000]", 1 + id % 12, 10 + id % 14))
    };
    let values = vec![
        Some(format!("[I:{id}]")),
        Some(name),
        Some(["Sales", "", "Research and Development", "Support"][mixed % 4].to_owned()),
        Some(format!("{:09}", mixed % 1_000_000_000)),
        Some(format!(
            "C-{id}, formerly customer {} of the company that was taken over in 2014",
            mixed % 90_000
        )),
        Some(format!("[I:{}]", mixed % 300)),
        Some(format!("[I:{}]", mixed % 40)),
        Some(format!("[I:{}]", mixed % 12)),
        Some(format!("[S:{}]", mixed % 250)),
        Some("[S:0]".to_owned()),
        moment(3),
        moment(7),
        (!mixed.is_multiple_of(20)).then(|| moment(11)).flatten(),
        Some(format!("[F:{}.{}]", mixed % 1_000_000, mixed % 10)),
    ];
    Row { values, operation: "I".to_owned() }
}

/// Rows `first..first + count` of the table.
pub(crate) fn batch(table: &TableInfo, first: usize, count: usize, lsn: i64) -> Batch {
    Batch { rows: (first..first + count).map(row).collect(), lsn, table: table.clone() }
}

/// Calls of 1 MB.
pub(crate) fn large_bodies(table: &TableInfo) -> anyhow::Result<Vec<Body>> {
    let body = |number: usize| Body::new(&Request::row_data(&[batch(table, 1 + number * ROWS, ROWS, LSN)]));
    (0..BODIES).map(body).collect()
}

/// Calls of one row.
pub(crate) fn small_bodies(table: &TableInfo) -> anyhow::Result<Vec<Body>> {
    let body = |number: usize| Body::new(&Request::row_data(&[batch(table, 1 + number, 1, LSN)]));
    (0..BODIES).map(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_call_has_a_megabyte() {
        let bytes = large_bodies(&table("contact")).unwrap()[0].with_token("").len();
        assert!((950_000..1_050_000).contains(&bytes), "{bytes} bytes");
    }
}
