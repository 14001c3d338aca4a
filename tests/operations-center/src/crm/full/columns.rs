//! The columns of the generated tables.

use super::deal::{Deal, Kind};
use super::names::{Name, Style};
use crate::sql::{Column, SqlType};
use crate::tenant::Table;

const INTS: &[&str] = &[
    "contact_id",
    "sort_order",
    "person_id",
    "quantity",
    "associate_id",
    "duration",
    "color",
    "sale_id",
    "group_no",
    "attempts",
    "project_id",
    "source_no",
    "capacity",
    "document_id",
    "revision",
    "parent_no",
    "product_id",
    "threshold",
    "interval_minutes",
    "country_id",
    "external_no",
    "height",
    "width",
    "flags",
];
const SMALL_INTS: &[&str] = &[
    "rank",
    "deleted",
    "active",
    "visible",
    "locked",
    "priority",
    "approved",
    "direction",
    "mandatory",
    "level",
    "private",
    "channel",
    "weekday",
    "phase",
    "archived",
];
const TEXTS: &[&str] = &[
    "name",
    "description",
    "code",
    "title",
    "caption",
    "external_ref",
    "remark",
    "path",
    "tooltip",
    "unit",
    "language",
    "subject",
    "contents",
    "keywords",
    "initials",
];
const MOMENTS: &[&str] = &["starts", "ends", "due", "closed", "sent", "opened", "valid_from", "valid_until"];
const FLOATS: &[&str] = &["amount", "price", "share", "score", "cost", "discount"];

/// Lengths of texts; 0 stands for `max`.
const LENGTHS: [u16; 15] = [239, 254, 49, 99, 254, 19, 219, 254, 9, 511, 254, 99, 1999, 254, 0];
/// "No date" as the vendor's defaults write it.
const NO_DATE: [&str; 2] = ["default (N'1760-01-01 00:00:00')", "default (N'17600101 00:00:00')"];
/// From this width on a table says who registered and who updated its rows.
const AUDITED_FROM: usize = 7;
/// Every so many tables a partner has added a column.
const ADDED_EVERY: usize = 25;

/// What a table has whatever it is dealt: before that its key and its owner's, after it who registered and updated a
/// row.
pub(super) fn frame(name: &Name) -> (Vec<Column>, Vec<Column>) {
    let int = |name: &str, default: &str| column(name, SqlType::Int, false, default);
    let mut before = vec![int(&name.key, "")];
    if let Some(owner) = name.owner {
        before.push(match name.style {
            Style::Partner => column(&format!("x_{owner}_id"), SqlType::Int, true, ""),
            _ => int(&format!("{owner}_id"), "default ((0))"),
        });
    }
    let mut after = Vec::new();
    if matches!(name.style, Style::Classic | Style::Recent) && name.width >= AUDITED_FROM {
        for moment in ["registered", "updated"] {
            after.push(column(moment, SqlType::DateTime, false, NO_DATE[0]));
            after.push(int(&format!("{moment}_by"), "default ((0))"));
        }
        after.push(column("changes", SqlType::SmallInt, false, "default ((0))"));
    }
    (before, after)
}

/// The table at `index` of the generated ones.
pub(super) fn table(index: usize, name: &Name, deal: &mut Deal) -> Table {
    let (mut columns, after) = frame(name);
    let count = deal.width(index).saturating_sub(columns.len() + after.len());
    for place in 0..count {
        let is_added = index.is_multiple_of(ADDED_EVERY) && place + 1 == count;
        let style = if is_added { Style::Partner } else { name.style };
        let column = dealt(index, style, deal.next(), &columns);
        columns.push(column);
    }
    columns.extend(after);
    Table { name: name.table.clone(), columns }
}

fn dealt(index: usize, style: Style, kind: Kind, known: &[Column]) -> Column {
    let number = index + known.len();
    let name = match style {
        Style::Extra => numbered(kind, known),
        Style::Partner => format!("x_{}", unused(kind, index, known, "x_")),
        Style::Classic | Style::Recent => unused(kind, index, known, ""),
    };
    let sql_type = match kind {
        Kind::Int => SqlType::Int,
        Kind::SmallInt => SqlType::SmallInt,
        Kind::DateTime => SqlType::DateTime,
        Kind::Float => SqlType::Float,
        Kind::NVarChar => {
            let length = LENGTHS.get(number % LENGTHS.len()).copied().filter(|length| *length > 0);
            SqlType::NVarChar(length)
        }
    };
    let nullable = match style {
        Style::Classic | Style::Extra => false,
        Style::Recent => number.is_multiple_of(2),
        Style::Partner => true,
    };
    let default = if nullable || style == Style::Recent { "" } else { default(kind, &name, number) };
    column(&name, sql_type, nullable, default)
}

/// The defaults that were observed: most columns have one, and "nothing" is mostly 0.
fn default(kind: Kind, name: &str, number: usize) -> &'static str {
    match kind {
        _ if number.is_multiple_of(9) => "",
        Kind::Int if name.starts_with("country_id") => "default ((25))",
        Kind::Int if number.is_multiple_of(7) && !name.ends_with("_id") => "default ((-1))",
        Kind::Int | Kind::SmallInt | Kind::Float => "default ((0))",
        Kind::NVarChar => "default (N'')",
        Kind::DateTime => NO_DATE[number % NO_DATE.len()],
    }
}

/// The first name of the kind's list, from a place of the table's own, that the table does not have yet.
fn unused(kind: Kind, index: usize, known: &[Column], prefix: &str) -> String {
    let list = match kind {
        Kind::Int => INTS,
        Kind::SmallInt => SMALL_INTS,
        Kind::NVarChar => TEXTS,
        Kind::DateTime => MOMENTS,
        Kind::Float => FLOATS,
    };
    let is_known = |name: &str| known.iter().any(|column| column.name.strip_prefix(prefix) == Some(name));
    let rounds = (1..).flat_map(|round| {
        let names = list.iter().cycle().skip(index % list.len()).take(list.len());
        names.map(move |name| if round == 1 { (*name).to_owned() } else { format!("{name}{round}") })
    });
    rounds.into_iter().find(|name| !is_known(name)).unwrap_or_default()
}

/// `text01`, `text02` and so on.
fn numbered(kind: Kind, known: &[Column]) -> String {
    let stem = match kind {
        Kind::Int => "number",
        Kind::SmallInt => "flag",
        Kind::NVarChar => "text",
        Kind::DateTime => "date",
        Kind::Float => "amount",
    };
    let before = known.iter().filter(|column| column.name.starts_with(stem)).count();
    format!("{stem}{:02}", before + 1)
}

fn column(name: &str, sql_type: SqlType, nullable: bool, default: &str) -> Column {
    Column { name: name.to_owned(), sql_type, nullable, default: default.to_owned() }
}
