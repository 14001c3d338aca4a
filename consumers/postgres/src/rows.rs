//! Rows of one table.
//!
//! New rows go straight into the table. Where one of them turns out to be there already, the whole COPY is taken back
//! and made again into a staging table, from which one statement updates and another inserts. Which of the two ways is
//! tried first follows from what came before.

use bytes::{Bytes, BytesMut};
use futures_util::SinkExt;
use mirrorbus_mirror::{Applied, Column, Row, Value};
use tokio_postgres::error::SqlState;

use crate::client::Session;
use crate::encoding::{HEADER, Plan, TRAILER, Unfit};
use crate::error::PostgresError;
use crate::types::Stored;
use crate::{name, schema};

/// How many bytes are encoded before they are sent, so that the server works meanwhile.
const CHUNK: usize = 128 * 1024;

/// A table that rows go to.
#[derive(Debug)]
pub(crate) struct Target {
    columns: Vec<Column>,
    stored: Vec<Stored>,
    upserts: Plan,
    deletes: Plan,
    /// Whether the rows that come next are likely all new.
    expects_new: bool,
}

impl Target {
    pub(crate) fn new(columns: Vec<Column>, stored: Vec<Stored>, is_empty: bool) -> Self {
        let of = |is_wanted: fn(&Column) -> bool| {
            let wanted = columns.iter().zip(&stored).filter(|(column, _)| is_wanted(column));
            Plan::new(wanted.map(|(column, stored)| (column.kind, *stored)))
        };
        let (upserts, deletes) = (of(|_| true), of(|column| column.is_key));
        Self { columns, stored, upserts, deletes, expects_new: is_empty }
    }

    pub(crate) fn columns(&self) -> &[Column] {
        &self.columns
    }

    fn keys(&self) -> impl Iterator<Item = (&Column, Stored)> {
        self.columns.iter().zip(self.stored.iter().copied()).filter(|(column, _)| column.is_key)
    }
}

/// Why rows were not written.
enum Failure {
    /// A value does not fit its column.
    Unfit(usize),
    Sql(PostgresError),
}

impl From<PostgresError> for Failure {
    fn from(error: PostgresError) -> Self {
        Self::Sql(error)
    }
}

/// Applies a table's rows. A column that a value does not fit is widened.
pub(crate) async fn apply(
    session: &mut Session,
    schema: &str,
    table: &str,
    target: &mut Target,
    rows: &[Row<'_>],
    applied: &mut Applied,
) -> Result<(), PostgresError> {
    let mut writing = Writing { session, schema, table, action: format!("write rows of table {table}") };
    let deletes = rows.iter().filter_map(|row| match row {
        Row::Delete(key) => Some(key.as_slice()),
        Row::Upsert(_) => None,
    });
    let upserts = rows.iter().filter_map(|row| match row {
        Row::Upsert(values) => Some(values.as_slice()),
        Row::Delete(_) => None,
    });
    if deletes.clone().next().is_some() {
        applied.deletes += writing.delete(target, deletes).await?;
    }
    if upserts.clone().next().is_some() {
        let (inserts, updates) = writing.upsert(target, upserts).await?;
        applied.inserts += inserts;
        applied.updates += updates;
    }
    Ok(())
}

struct Writing<'w> {
    session: &'w mut Session,
    schema: &'w str,
    table: &'w str,
    action: String,
}

impl Writing<'_> {
    async fn delete<'r>(
        &mut self,
        target: &mut Target,
        keys: impl Iterator<Item = &'r [Value<'r>]> + Clone,
    ) -> Result<u64, PostgresError> {
        loop {
            let columns = schema::stage(target.keys());
            let stage = self.session.stage(&self.action, &columns).await?;
            let sql = schema::copy_in(&stage, schema::keys(&target.columns));
            self.session.run(&self.action, &format!("TRUNCATE {stage}; SAVEPOINT rows")).await?;
            match self.copy(&sql, &target.deletes, keys.clone()).await {
                Ok(_) => {
                    let sql = schema::delete(self.schema, self.table, &target.columns, &stage);
                    let sql = format!("RELEASE SAVEPOINT rows; {sql}");
                    return Ok(self.session.counts(&self.action, &sql).await?.get(1).copied().unwrap_or(0));
                }
                Err(Failure::Sql(error)) => return Err(error),
                Err(Failure::Unfit(index)) => {
                    let keys = target.columns.iter().enumerate().filter(|(_, column)| column.is_key);
                    let index = keys.map(|(index, _)| index).nth(index).unwrap_or(usize::MAX);
                    self.widen(target, index).await?;
                }
            }
        }
    }

    /// Says how many rows were new and how many were there.
    async fn upsert<'r>(
        &mut self,
        target: &mut Target,
        rows: impl Iterator<Item = &'r [Value<'r>]> + Clone,
    ) -> Result<(u64, u64), PostgresError> {
        loop {
            let written = if target.expects_new {
                self.insert(target, rows.clone()).await
            } else {
                self.merge(target, rows.clone()).await
            };
            match written {
                Ok((inserts, updates)) => {
                    target.expects_new = updates == 0;
                    return Ok((inserts, updates));
                }
                Err(Failure::Unfit(index)) => self.widen(target, index).await?,
                Err(Failure::Sql(error))
                    if target.expects_new && error.code() == Some(&SqlState::UNIQUE_VIOLATION) =>
                {
                    self.session.run(&self.action, "ROLLBACK TO SAVEPOINT rows").await?;
                    target.expects_new = false;
                }
                Err(Failure::Sql(error)) => return Err(error),
            }
        }
    }

    async fn insert<'r>(
        &mut self,
        target: &Target,
        rows: impl Iterator<Item = &'r [Value<'r>]>,
    ) -> Result<(u64, u64), Failure> {
        let sql = schema::copy_in(&name::qualified(self.schema, self.table), &target.columns);
        self.session.run(&self.action, "SAVEPOINT rows").await?;
        let inserts = self.copy(&sql, &target.upserts, rows).await?;
        self.session.run(&self.action, "RELEASE SAVEPOINT rows").await?;
        Ok((inserts, 0))
    }

    async fn merge<'r>(
        &mut self,
        target: &Target,
        rows: impl Iterator<Item = &'r [Value<'r>]>,
    ) -> Result<(u64, u64), Failure> {
        let columns = schema::stage(target.columns.iter().zip(target.stored.iter().copied()));
        let stage = self.session.stage(&self.action, &columns).await?;
        let sql = schema::copy_in(&stage, &target.columns);
        self.session.run(&self.action, &format!("TRUNCATE {stage}; SAVEPOINT rows")).await?;
        let staged = self.copy(&sql, &target.upserts, rows).await?;
        let update = schema::update(self.schema, self.table, &target.columns, &stage);
        let sql = format!("RELEASE SAVEPOINT rows; {update}");
        let updates = self.session.counts(&self.action, &sql).await?.get(1).copied().unwrap_or(0);
        if updates == staged {
            return Ok((0, updates));
        }
        let sql = schema::insert_missing(self.schema, self.table, &target.columns, &stage);
        let inserts = self.session.counts(&self.action, &sql).await?.first().copied().unwrap_or(0);
        if inserts + updates != staged {
            return Err(PostgresError::Keys { table: self.table.to_owned() }.into());
        }
        Ok((inserts, updates))
    }

    /// Sends rows. Says how many the server took.
    async fn copy<'r>(
        &mut self,
        sql: &str,
        plan: &Plan,
        rows: impl Iterator<Item = &'r [Value<'r>]>,
    ) -> Result<u64, Failure> {
        let failed = || PostgresError::sql(self.action.clone());
        let sink = self.session.copy_in(&self.action, sql).await?;
        let mut sink = std::pin::pin!(sink);
        let mut buffer = BytesMut::with_capacity(CHUNK + CHUNK / 4);
        buffer.extend_from_slice(HEADER);
        for row in rows {
            plan.put(row, &mut buffer).map_err(|Unfit(index)| Failure::Unfit(index))?;
            if buffer.len() >= CHUNK {
                let chunk: Bytes = buffer.split().freeze();
                sink.send(chunk).await.map_err(failed())?;
                buffer.reserve(CHUNK + CHUNK / 4);
            }
        }
        buffer.extend_from_slice(TRAILER);
        sink.send(buffer.freeze()).await.map_err(failed())?;
        Ok(sink.finish().await.map_err(failed())?)
    }

    /// Gives a column the widest type of its kind, after rows were taken back for it.
    async fn widen(&mut self, target: &mut Target, index: usize) -> Result<(), PostgresError> {
        let (column, stored) = match (target.columns.get(index), target.stored.get(index)) {
            (Some(column), Some(stored)) if *stored != Stored::widest(column.kind) => (column, *stored),
            (column, _) => {
                let column = column.map_or_else(|| "none".to_owned(), |column| column.name.clone());
                return Err(PostgresError::Value { table: self.table.to_owned(), column });
            }
        };
        let (table, column_name, wide) = (self.table, &column.name, Stored::widest(column.kind));
        tracing::warn!(
            table,
            column = column_name,
            "a value does not fit {stored}; the column becomes {wide}"
        );
        let widen = schema::widen(self.schema, self.table, column, stored);
        self.session.run(&self.action, &format!("ROLLBACK TO SAVEPOINT rows; {widen}")).await?;
        let mut stored = target.stored.clone();
        if let Some(place) = stored.get_mut(index) {
            *place = wide;
        }
        let expects_new = target.expects_new;
        *target = Target { expects_new, ..Target::new(std::mem::take(&mut target.columns), stored, false) };
        Ok(())
    }
}
