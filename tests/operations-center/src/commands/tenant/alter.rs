//! `operations-center tenant alter`

use std::io::Write;

use anyhow::{Context, ensure};
use clap::{Args, Subcommand};
use operations_center::activity::Alteration;
use operations_center::center::Center;
use operations_center::clock::{Clock, SystemClock};
use operations_center::sql::{Column, SqlType, Value};
use operations_center::tenant::{Table, Tenant};

/// Changes a tenant's tables and columns, and says what the Mirroring Task will do about it.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    AddTable(AddTable),
    DropTable(DropTable),
    RecreateTable(RecreateTable),
    AddColumn(AddColumn),
    DropColumn(DropColumn),
    RetypeColumn(RetypeColumn),
    Random(Random),
}

/// Adds a table, with generated rows.
///
/// The first column is the key. Columns are written as 'name type [null] [default ...]', as in 'x_code nvarchar(20)
/// null'.
///
/// Example: operations-center tenant alter add-table Cust10001 y_car 'id int' 'x_plate nvarchar(9) null'
#[derive(Debug, Args)]
pub(crate) struct AddTable {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
    /// Its columns, the key first.
    #[arg(required = true)]
    columns: Vec<Column>,
    /// How many rows it has.
    #[arg(long, default_value_t = 10)]
    rows: u64,
}

/// Drops a table.
///
/// Example: operations-center tenant alter drop-table Cust10001 y_booking
#[derive(Debug, Args)]
pub(crate) struct DropTable {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
}

/// Drops a table and makes another of the same name, with generated rows.
///
/// Example: operations-center tenant alter recreate-table Cust10001 y_booking --rows 5
#[derive(Debug, Args)]
pub(crate) struct RecreateTable {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
    /// Its columns, the key first, written as for add-table; those that it had if not given.
    columns: Vec<Column>,
    /// How many rows it has.
    #[arg(long, default_value_t = 10)]
    rows: u64,
}

/// Adds a column behind the others.
///
/// Example: operations-center tenant alter add-column Cust10001 contact 'x_rating int null' --fill 3
#[derive(Debug, Args)]
pub(crate) struct AddColumn {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
    /// The column, written as 'name type [null] [default ...]'.
    column: Column,
    /// What stands in it in the rows that exist, written as on the wire but without a marker; if not given NULL, or the
    /// type's zero where NULL may not stand. Rows that get anything but NULL count as updated.
    #[arg(long, value_name = "VALUE")]
    fill: Option<String>,
}

/// Drops a column.
///
/// Example: operations-center tenant alter drop-column Cust10001 contact x_credit_limit
#[derive(Debug, Args)]
pub(crate) struct DropColumn {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
    /// The column's name.
    column: String,
}

/// Changes a column's type and converts its values.
///
/// Example: operations-center tenant alter retype-column Cust10001 sale x_margin nvarchar(40)
#[derive(Debug, Args)]
pub(crate) struct RetypeColumn {
    /// The tenant's name.
    tenant: String,
    /// The table's name.
    table: String,
    /// The column's name.
    column: String,
    /// The new type, such as bigint or nvarchar(40).
    sql_type: SqlType,
}

/// Makes alterations at random, to partners' tables (y_) and columns (x_) only, but that any table may get a new column.
///
/// Example: operations-center tenant alter random Cust10001 --count 5
#[derive(Debug, Args)]
pub(crate) struct Random {
    /// The tenant's name.
    tenant: String,
    /// How many, one after the other.
    #[arg(long, default_value_t = 1)]
    count: u64,
    /// The same seed makes the same alterations of the same tables; if not given, others each time.
    #[arg(long)]
    seed: Option<u64>,
}

pub(super) fn run(command: Command, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let (tenant, alteration) = match command {
        Command::Random(arguments) => return random(&arguments, center, out),
        Command::AddTable(AddTable { tenant, table, columns, rows }) => {
            (tenant, Alteration::AddTable { table: Table { name: table, columns }, rows })
        }
        Command::DropTable(DropTable { tenant, table }) => (tenant, Alteration::DropTable { table }),
        Command::RecreateTable(RecreateTable { tenant, table, columns, rows }) => {
            let columns = match columns.is_empty() {
                true => center.tenant(&tenant)?.table(&table)?.columns,
                false => columns,
            };
            (tenant, Alteration::RecreateTable { table: Table { name: table, columns }, rows })
        }
        Command::AddColumn(AddColumn { tenant, table, column, fill }) => {
            let fill = filling(&column, fill.as_deref())?;
            (tenant, Alteration::AddColumn { table, column, fill })
        }
        Command::DropColumn(DropColumn { tenant, table, column }) => {
            (tenant, Alteration::DropColumn { table, column })
        }
        Command::RetypeColumn(RetypeColumn { tenant, table, column, sql_type }) => {
            (tenant, Alteration::RetypeColumn { table, column, sql_type })
        }
    };
    check_names(&alteration)?;
    let tenant = center.tenant(&tenant)?;
    apply(&alteration, &tenant, SystemClock.now_ms().unsigned_abs(), out)
}

fn random(arguments: &Random, center: &Center, out: &mut impl Write) -> anyhow::Result<()> {
    let tenant = center.tenant(&arguments.tenant)?;
    let seed = arguments.seed.unwrap_or_else(|| SystemClock.now_ms().unsigned_abs());
    for number in 0..arguments.count {
        let seed = seed.wrapping_add(number);
        apply(&Alteration::random(&tenant, seed)?, &tenant, seed, out)?;
    }
    Ok(())
}

fn apply(alteration: &Alteration, tenant: &Tenant, seed: u64, out: &mut impl Write) -> anyhow::Result<()> {
    alteration.apply(tenant, seed)?;
    writeln!(out, "{alteration}\n  {}", alteration.consequence(&tenant.settings()?))?;
    Ok(())
}

fn filling(column: &Column, text: Option<&str>) -> anyhow::Result<Value> {
    match text {
        Some(text) => Value::parse(column.sql_type, text)
            .with_context(|| format!("'{text}' is no value of type {}", column.sql_type)),
        None if column.nullable => Ok(Value::Null),
        None => Ok(column.sql_type.zero()),
    }
}

/// New names are such as the vendor's could be; SQLite, which would take others, keeps tables of its own here.
fn check_names(alteration: &Alteration) -> anyhow::Result<()> {
    let columns: Vec<&Column> = match alteration {
        Alteration::AddTable { table, .. } | Alteration::RecreateTable { table, .. } => {
            table.columns.iter().collect()
        }
        Alteration::AddColumn { column, .. } => vec![column],
        _ => Vec::new(),
    };
    for name in columns.iter().map(|column| column.name.as_str()).chain([alteration.table()]) {
        let is_fit = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() <= 128
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        ensure!(is_fit, "'{name}' is no name: letters, digits and _ only, a letter first, 128 at most");
    }
    Ok(())
}
