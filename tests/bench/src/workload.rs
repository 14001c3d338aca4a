//! The rows: a table of 14 columns as the vendor's are, 1,400 rows to a call of 1 MB.

use operations_center::sql::Value;
use operations_center::tenant::{Change, Table};
use operations_center::wire::{Batch, Request, Row, TableInfo};

use crate::load::Body;

/// Rows of a call of 1 MB.
pub(crate) const ROWS: usize = 1400;
/// Bodies with other keys and values, so that no cache sees the same ones every time.
const BODIES: usize = 8;
/// On every batch. The table is loading: its LSN is provisional, and a later call with the same one is as good.
const LSN: i64 = 4711;
/// 2010-01-01, and as many days as times of day and years are spread over, in seconds.
const FIRST_SECOND: i64 = 1_262_304_000;
const SECONDS: i64 = 14 * 365 * 86_400;

/// `contact`, in the vendor's types and about the vendor's width.
pub(crate) fn table(name: &str) -> anyhow::Result<Table> {
    let key = format!("{name}_id int");
    let columns = [
        &*key,
        "name nvarchar(220)",
        "department nvarchar(220)",
        "orgnr nvarchar(50)",
        "number1 nvarchar(220)",
        "associate_id int",
        "business_idx int",
        "category_idx int",
        "country_id smallint",
        "deleted smallint",
        "registered datetime",
        "updated datetime",
        "lastcontact datetime null",
        "revenue float null",
    ];
    Ok(Table::parse(name, &columns)?)
}

/// A row as a tenant keeps it.
pub(crate) fn values(id: i64) -> Vec<Value> {
    let mixed = id.wrapping_mul(0x1E37_79B9_7F4A_7C15) >> 16 & i64::from(u32::MAX);
    let name = match mixed % 10 {
        0 => format!("Søylen & Sønner AS {mixed}"),
        _ => format!("Northwind Traders {mixed}"),
    };
    let department = match mixed % 4 {
        0 => "Sales",
        1 => "",
        2 => "Research and Development",
        _ => "Support",
    };
    let number =
        format!("C-{id}, formerly customer {} of the company that was taken over in 2014", mixed % 90_000);
    let moment = |shift: i64| Value::Whole((FIRST_SECOND + (mixed << shift) % SECONDS) * 1000);
    vec![
        id.into(),
        name.as_str().into(),
        department.into(),
        format!("{mixed:09}").as_str().into(),
        number.as_str().into(),
        (mixed % 300).into(),
        (mixed % 40).into(),
        (mixed % 12).into(),
        (mixed % 250).into(),
        0.into(),
        moment(3),
        moment(7),
        if mixed % 20 == 0 { Value::Null } else { moment(11) },
        Value::Double((mixed % 10_000_000) as f64 / 10.0),
    ]
}

/// Rows `first..first + count` of the table.
pub(crate) fn batch(table: &Table, first: i64, count: usize, lsn: i64) -> Batch {
    let rows = (first..).take(count).map(|id| Row::new(Change::Insert, table, &values(id)));
    Batch { rows: rows.collect(), lsn, table: TableInfo::from(table) }
}

/// Calls of 1 MB.
pub(crate) fn large_bodies(table: &Table) -> anyhow::Result<Vec<Body>> {
    bodies(table, ROWS)
}

/// Calls of one row.
pub(crate) fn small_bodies(table: &Table) -> anyhow::Result<Vec<Body>> {
    bodies(table, 1)
}

fn bodies(table: &Table, rows: usize) -> anyhow::Result<Vec<Body>> {
    let firsts = (1..).step_by(rows).take(BODIES);
    firsts.map(|first| Body::new(&Request::row_data(&[batch(table, first, rows, LSN)]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_call_has_a_megabyte() {
        let bytes = large_bodies(&table("contact").unwrap()).unwrap()[0].with_token("").len();
        assert!((950_000..1_050_000).contains(&bytes), "{bytes} bytes");
    }
}
