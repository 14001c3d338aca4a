//! Alterations at random: what partners and customers do to their own tables (`y_`) and columns (`x_`).

use super::Alteration;
use crate::crm::blocked;
use crate::crm::generator::Generator;
use crate::sql::{Column, SqlType, Value};
use crate::tenant::{Table, Tenant, TenantError};

const WORDS: &[&str] =
    &["bonus", "cabin", "depot", "engine", "fee", "garage", "harbour", "index", "joint", "kit"];
/// Rows of a new table, at most.
const MOST_ROWS: u64 = 40;
const DECIMAL: SqlType = SqlType::Decimal { precision: 12, scale: 3 };
const TYPES: &[SqlType] = &[
    SqlType::Int,
    SqlType::SmallInt,
    SqlType::BigInt,
    SqlType::Bit,
    SqlType::Float,
    DECIMAL,
    SqlType::Money,
    SqlType::DateTime,
    SqlType::DateTime2,
    SqlType::Date,
    SqlType::Time,
    SqlType::VarBinary,
    SqlType::UniqueIdentifier,
    SqlType::NVarChar(Some(40)),
    SqlType::NVarChar(None),
    SqlType::NText,
];

impl Alteration {
    /// An alteration that the tenant admits, the same for the same seed and schema. Only tables and columns of partners
    /// are dropped or changed, but any announced table may get a new column.
    ///
    /// # Errors
    /// [`TenantError`] when the database fails.
    pub fn random(tenant: &Tenant, seed: u64) -> Result<Self, TenantError> {
        let tables = blocked::announced(tenant.tables()?);
        let mut random = Random { tables, generator: Generator::new(seed, tenant.name()) };
        let found = match random.generator.below(6) {
            0 => random.drop_table(),
            1 => random.add_column(),
            2 => random.drop_column(),
            3 => random.retype_column(),
            4 => random.recreate_table(),
            _ => None,
        };
        Ok(found.unwrap_or_else(|| random.add_table()))
    }
}

struct Random {
    tables: Vec<Table>,
    generator: Generator,
}

impl Random {
    fn add_table(&mut self) -> Alteration {
        let name = self.unused("y_", |random, name| random.tables.iter().any(|table| table.name == name));
        let mut table = Table { name, columns: Vec::new() };
        table.columns.push(Column {
            name: "id".to_owned(),
            sql_type: SqlType::Int,
            nullable: false,
            default: String::new(),
        });
        for _ in 0..=self.generator.below(7) {
            let column = self.column(&table);
            table.columns.push(column);
        }
        Alteration::AddTable { table, rows: self.generator.below(MOST_ROWS) }
    }

    fn drop_table(&mut self) -> Option<Alteration> {
        Some(Alteration::DropTable { table: self.partner_table()?.name })
    }

    fn add_column(&mut self) -> Option<Alteration> {
        let table = self.pick(self.tables.clone())?;
        let column = self.column(&table);
        let fill = if self.generator.one_in(2) { Value::Null } else { self.generator.value(column.sql_type) };
        Some(Alteration::AddColumn { table: table.name, column, fill })
    }

    fn drop_column(&mut self) -> Option<Alteration> {
        let (table, column) = self.partner_column()?;
        Some(Alteration::DropColumn { table, column: column.name })
    }

    fn retype_column(&mut self) -> Option<Alteration> {
        let (table, column) = self.partner_column()?;
        let sql_type = widened(column.sql_type);
        Some(Alteration::RetypeColumn { table, column: column.name, sql_type })
    }

    /// The same table again, or one that differs by a column.
    fn recreate_table(&mut self) -> Option<Alteration> {
        let mut table = self.partner_table()?;
        match self.generator.below(3) {
            0 if table.columns.len() > 1 => drop(table.columns.pop()),
            1 => {
                let column = self.column(&table);
                table.columns.push(column);
            }
            _ => {}
        }
        Some(Alteration::RecreateTable { table, rows: self.generator.below(MOST_ROWS) })
    }

    /// A partner's column that the table does not have.
    fn column(&mut self, table: &Table) -> Column {
        let name = self.unused("x_", |_, name| table.columns.iter().any(|column| column.name == name));
        let sql_type = self.pick(TYPES.to_vec()).unwrap_or(SqlType::Int);
        Column { name, sql_type, nullable: true, default: String::new() }
    }

    fn partner_table(&mut self) -> Option<Table> {
        let partners = self.tables.iter().filter(|table| table.name.starts_with("y_")).cloned().collect();
        self.pick(partners)
    }

    fn partner_column(&mut self) -> Option<(String, Column)> {
        let columns = |table: &Table| -> Vec<(String, Column)> {
            let columns = table.columns.iter().skip(1).filter(|column| column.name.starts_with("x_"));
            columns.map(|column| (table.name.clone(), column.clone())).collect()
        };
        let all = self.tables.iter().flat_map(columns).collect();
        self.pick(all)
    }

    fn unused(&mut self, prefix: &str, is_used: impl Fn(&Self, &str) -> bool) -> String {
        let word = self.pick(WORDS.to_vec()).unwrap_or_default();
        let numbered = (1..).map(|number| format!("{prefix}{word}{number}"));
        numbered.into_iter().find(|name| !is_used(self, name)).unwrap_or_default()
    }

    fn pick<T>(&mut self, mut items: Vec<T>) -> Option<T> {
        let place = usize::try_from(self.generator.below(u64::try_from(items.len()).ok()?)).ok()?;
        (place < items.len()).then(|| items.swap_remove(place))
    }
}

/// A type to which every value of the other can be converted.
pub(super) fn widened(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::SmallInt => SqlType::Int,
        SqlType::Int => SqlType::BigInt,
        SqlType::DateTime => SqlType::DateTime2,
        SqlType::NVarChar(Some(length)) if length < 2000 => SqlType::NVarChar(Some(length * 2)),
        SqlType::NVarChar(Some(_)) | SqlType::NText | SqlType::VarBinary => SqlType::NVarChar(None),
        SqlType::NVarChar(None) => SqlType::NText,
        SqlType::Float => SqlType::NVarChar(Some(400)),
        _ => SqlType::NVarChar(Some(60)),
    }
}
