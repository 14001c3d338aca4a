//! Calls that are carried out wrongly.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::Defect;
use crate::answer::Position;
use crate::receiver::answer::Answer;
use crate::receiver::envelope::Call;
use crate::receiver::store::{Store, Tables, held};
use crate::receiver::table::{NOTHING, Table};
use crate::receiver::value;
use crate::sql::SqlType;
use crate::wire::{Batch, TableInfo};

/// What the wrong ones remember beside what they hold.
#[derive(Default)]
pub(in crate::receiver) struct Memory {
    /// Calls by tenant that were answered and not yet carried out.
    late: Mutex<BTreeMap<String, Vec<Call>>>,
    /// The highest LSN that came, by tenant and table.
    highest: Mutex<BTreeMap<(String, String), i64>>,
}

impl Defect {
    /// Carries a call out, wrongly where this defect is in it.
    pub(in crate::receiver) fn carry_out(
        self,
        (store, memory): (&Store, &Memory),
        tenant: &str,
        call: Call,
        honestly: impl Fn(&Call) -> Answer,
    ) -> Answer {
        let overdue = held(&memory.late).remove(tenant).unwrap_or_default();
        for call in &overdue {
            honestly(call);
        }
        match call {
            Call::RowData(batches) if self.is_early(store, tenant, &batches) => {
                held(&memory.late).entry(tenant.to_owned()).or_default().push(Call::RowData(batches));
                Answer::Done
            }
            Call::RowData(mut batches) => {
                self.raise(memory, tenant, &mut batches);
                self.write(store, tenant, batches, honestly)
            }
            Call::TableSchema(tables) => store.on(tenant, |held| self.prepare(held, &tables)).finish(
                self,
                store,
                tenant,
                honestly(&Call::TableSchema(tables)),
            ),
            Call::Wipe(table) if self.wipes_wrongly(store, tenant, &table) => Answer::Done,
            other => honestly(&other),
        }
    }

    fn is_early(self, store: &Store, tenant: &str, batches: &[Batch]) -> bool {
        self == Self::EarlyAcknowledgement && store.check(tenant, batches).is_ok()
    }

    fn wipes_wrongly(self, store: &Store, tenant: &str, table: &str) -> bool {
        store.on(tenant, |tables| match (self, tables.get_mut(table)) {
            (Self::WipeKeepsRows, Some(table)) => table.lsn = None,
            (Self::WipeKeepsPosition, Some(table)) => table.rows.clear(),
            (Self::WipeOfAllTables, _) => tables.values_mut().for_each(Table::clear),
            _ => {}
        });
        matches!(self, Self::IgnoredWipe | Self::WipeKeepsRows | Self::WipeKeepsPosition)
    }

    /// Where positions never go back, a batch gets the highest LSN that its table ever had.
    fn raise(self, memory: &Memory, tenant: &str, batches: &mut [Batch]) {
        if self != Self::PositionNeverGoesBack {
            return;
        }
        let mut highest = held(&memory.highest);
        for batch in batches.iter_mut().filter(|batch| batch.lsn > 0) {
            let known = highest.entry((tenant.to_owned(), batch.table.table.clone())).or_default();
            *known = batch.lsn.max(*known);
            batch.lsn = *known;
        }
    }

    fn write(
        self,
        store: &Store,
        tenant: &str,
        mut batches: Vec<Batch>,
        honestly: impl Fn(&Call) -> Answer,
    ) -> Answer {
        self.distort(&mut batches);
        if self == Self::RepeatedRowStandsTwice {
            store.on(tenant, |tables| batches.iter().for_each(|batch| keep_beside(tables, batch)));
        }
        let positions: Vec<_> = batches.iter().map(|batch| (batch.table.table.clone(), batch.lsn)).collect();
        let answer = honestly(&Call::RowData(batches));
        let moves = match (self, &answer) {
            (Self::PositionMovedByRefusedCall, Answer::Failed(_)) => |lsn: i64| lsn > 0,
            (Self::PositionOfIntermediateBatch, Answer::Done) => |lsn: i64| lsn == 0,
            _ => return answer,
        };
        store.on(tenant, |tables| {
            for (table, lsn) in positions.iter().filter(|(_, lsn)| moves(*lsn)) {
                if let Some(table) = tables.get_mut(table) {
                    table.lsn = Some(*lsn);
                }
            }
        });
        answer
    }

    fn distort(self, batches: &mut [Batch]) {
        if let (Self::LsnOfWrongBatch, Some(lsn)) = (self, batches.last().map(|batch| batch.lsn)) {
            batches.iter_mut().for_each(|batch| batch.lsn = lsn);
        }
        for batch in batches {
            if self == Self::IgnoredDelete {
                batch.rows.retain(|row| !row.operation.eq_ignore_ascii_case("d"));
            }
            for row in batch.rows.iter_mut().filter(|_| self == Self::UpperCaseOnly) {
                row.operation = row.operation.replace(char::is_lowercase, "?");
            }
            let kinds: Vec<Option<SqlType>> =
                batch.table.columns.iter().map(|column| column.sql_type.parse().ok()).collect();
            for row in &mut batch.rows {
                kinds.iter().zip(&mut row.values).for_each(|(kind, value)| self.distort_value(*kind, value));
            }
        }
    }

    fn distort_value(self, kind: Option<SqlType>, value: &mut Option<String>) {
        let is_text = matches!(kind, Some(SqlType::NVarChar(_) | SqlType::NText));
        let is_moment = matches!(kind, Some(SqlType::DateTime | SqlType::DateTime2));
        match (self, &mut *value) {
            (Self::NullAsEmpty, None) if is_text => *value = Some(String::new()),
            (Self::TrimmedText, Some(text)) if is_text => *text = text.trim().to_owned(),
            (Self::MarkedTextAsValue, Some(text)) if is_text => {
                let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
                if let Some((_, inner)) = inner.and_then(|inner| inner.split_once(':')) {
                    *text = inner.to_owned();
                }
            }
            (Self::DayAndMonthSwapped, Some(text)) if kind == Some(SqlType::Date) => {
                *text = month_first(text);
            }
            (Self::WholeSecondsOnly, Some(text)) if is_moment => {
                *text = text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}]"));
            }
            (Self::MisfitAsNull, Some(text)) if value::decode(kind, Some(text)).is_err() => *value = None,
            _ => {}
        }
    }

    /// What there is before TableSchema.
    fn prepare(self, tables: &mut Tables, announced: &[TableInfo]) -> Before {
        let is_announced = |name: &String| announced.iter().any(|info| info.table == *name);
        let lsns = tables.iter().map(|(name, table)| (name.clone(), table.lsn)).collect();
        let is_kept = |name: &&String| self == Self::KeptDroppedTable && !is_announced(name);
        let names: Vec<String> = tables.keys().filter(is_kept).cloned().collect();
        let dropped = names.into_iter().filter_map(|name| tables.remove_entry(&name)).collect();
        Before { lsns, dropped }
    }
}

/// A tenant before TableSchema.
struct Before {
    lsns: BTreeMap<String, Option<i64>>,
    /// Tables that are not announced.
    dropped: Tables,
}

impl Before {
    /// Puts back what should have changed.
    fn finish(self, defect: Defect, store: &Store, tenant: &str, answer: Answer) -> Answer {
        let Answer::Positions(mut positions) = answer else { return answer };
        match defect {
            Defect::AnswerWithoutNewTables => positions.retain(|position| position.lsn != NOTHING),
            Defect::RetypedTableKeepsPosition => store.on(tenant, |tables| {
                for Position { table, lsn } in &mut positions {
                    let old = self.lsns.get(table).copied().flatten();
                    if let (Some(old), Some(table)) = (old, tables.get_mut(table)) {
                        *lsn = old;
                        table.lsn = Some(old);
                    }
                }
            }),
            _ => store.on(tenant, |tables| tables.extend(self.dropped)),
        }
        Answer::Positions(positions)
    }
}

/// `[D:09.11.2017]` as `[D:11.09.2017]`.
fn month_first(text: &str) -> String {
    match text.trim_start_matches("[D:").split('.').collect::<Vec<_>>().as_slice() {
        [day, month, year] if day.len() == 2 => format!("[D:{month}.{day}.{year}"),
        _ => text.to_owned(),
    }
}

/// Gives rows that come again another key, so that both stay.
fn keep_beside(tables: &mut Tables, batch: &Batch) {
    let Some(table) = tables.get_mut(&batch.table.table) else { return };
    let Table { rows, .. } = table;
    let again: Vec<String> = rows.keys().cloned().collect();
    for key in again {
        let text = format!("[I:{key}]");
        let comes = |row: &crate::wire::Row| row.values.first().and_then(Option::as_deref) == Some(&text);
        if batch.rows.iter().any(comes)
            && let Some(values) = rows.remove(&key)
        {
            rows.insert(format!("{key} again"), values);
        }
    }
}
