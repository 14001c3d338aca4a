//! The data contracts that hold tables and rows, member by member in alphabetical order. Every way to make a call
//! writes them by these functions.

use super::xml::{Attributes, Writer};
use super::{ARRAYS, DATA, INSTANCE, TableInfo};

/// What every list declares.
pub(super) const LIST: Attributes<'static> = &[("xmlns:a", DATA), ("xmlns:i", INSTANCE)];

/// A list of data contracts.
pub(super) fn list<T>(xml: &mut Writer, name: &str, items: &[T], mut item: impl FnMut(&mut Writer, &T)) {
    if items.is_empty() {
        return xml.empty(name, LIST);
    }
    xml.element(name, LIST, |xml| items.iter().for_each(|one| item(xml, one)));
}

/// What is inside a `TableSchemaInfo`, whatever its element is named.
pub(super) fn table_info(xml: &mut Writer, table: &TableInfo) {
    xml.element("a:Columns", &[], |xml| {
        for column in &table.columns {
            xml.element("a:ColumnInfo", &[], |xml| {
                xml.leaf("a:DefaultValue", &[], &column.default_value);
                xml.leaf("a:IsNullable", &[], if column.is_nullable { "true" } else { "false" });
                xml.leaf("a:Name", &[], &column.name);
                xml.leaf("a:Type", &[], &column.sql_type);
            });
        }
    });
    xml.leaf("a:TableName", &[], &table.table);
}

/// A row whose values are what `write` makes of `cells`. Every list of strings declares its prefix anew, as WCF does.
#[inline]
pub(super) fn row<C>(
    xml: &mut Writer,
    operation: &str,
    cells: impl Iterator<Item = C>,
    mut write: impl FnMut(C, &mut String) -> bool,
) {
    xml.open("a:RowData", &[]);
    xml.open("a:ColumnValues", &[("xmlns:b", ARRAYS)]);
    for cell in cells {
        xml.nillable("b:string", |out| write(cell, out));
    }
    xml.close("a:ColumnValues");
    xml.leaf("a:Operation", &[], operation);
    xml.close("a:RowData");
}

/// What follows a batch's rows.
pub(super) fn end_batch(xml: &mut Writer, lsn: i64, table: &TableInfo) {
    xml.leaf("a:LSN", &[], &lsn.to_string());
    xml.element("a:TableInfo", &[], |xml| table_info(xml, table));
    xml.close("a:RowDataBatch");
}
