//! A tenant with something to lose: bad tokens are tried on it, and then it is looked whether anything has changed.
//!
//! One tenant serves all lines about tokens. Each compares with what it found itself, so that one that comes to grief
//! does not take the next along.

use std::sync::atomic::{AtomicI32, Ordering};

use super::line::{Checked, Miss};
use super::stage::Stage;
use super::subject::Subject;
use super::table::TestTable;
use crate::token::Token;
use crate::wire::Request;

/// The position that it has at first.
const FIRST_LSN: i64 = 10;

/// The key of the next row that somebody tries to bring in: another for each, so that a row that came in is told from
/// those of earlier lines.
static NEXT_KEY: AtomicI32 = AtomicI32::new(2);

/// The tenant.
pub(super) struct Guarded<'s> {
    pub(super) subject: Subject<'s>,
    table: TestTable,
}

impl<'s> Guarded<'s> {
    /// A tenant whose table has a row and a position.
    pub(super) fn new(stage: &'s Stage<'s>) -> Result<Self, Miss> {
        let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
        subject.populate(&[(&table, table.inserts(FIRST_LSN, &[(1, "Nord")]))])?;
        Ok(Self { subject, table })
    }

    /// The same tenant for another line.
    pub(super) fn again(subject: Subject<'s>) -> Self {
        Self { subject, table: TestTable::keyed("contact") }
    }

    /// Demands that a bad token, made of a good one of the open cycle, cannot bring a row in.
    pub(super) fn refuses(&self, what: &str, forge: impl Fn(Token) -> Result<String, Miss>) -> Checked {
        self.tries(|request| self.subject.call_with(request, &forge(self.subject.token())?).refusal(what))
    }

    /// The same for whatever `send` makes of a RowData call; it gives the refusal.
    pub(super) fn tries(&self, send: impl Fn(&Request) -> Checked) -> Checked {
        let before = self.subject.open(&[&self.table])?;
        let lsn = before.get(self.table.name()).copied().unwrap_or(-1);
        let key = NEXT_KEY.fetch_add(1, Ordering::SeqCst);
        let refusal = send(&Request::row_data(&[self.table.inserts(lsn.max(0) + 5, &[(key, "intruder")])]))?;
        self.expect_unchanged(lsn, key)?;
        Ok(refusal)
    }

    /// Demands that calls that `send` makes with a bad token are refused, whatever they are.
    pub(super) fn refuses_all(&self, send: impl Fn(&Request) -> Checked) -> Checked {
        let before = self.subject.open(&[&self.table])?;
        let lsn = before.get(self.table.name()).copied().unwrap_or(-1);
        for request in [
            Request::authenticate(),
            Request::table_schema(&[TestTable::keyed("intruder").info()]),
            Request::wipe(self.table.name()),
            Request::row_data(&[self.table.inserts(lsn.max(0) + 5, &[(0, "intruder")])]),
            Request::completed(&[]),
        ] {
            send(&request)?;
        }
        self.expect_unchanged(lsn, 0)?;
        Ok("all five refuse it".to_owned())
    }

    /// Demands that the position is still `lsn`, and that the mirror, if it can be seen, has no row `key`.
    fn expect_unchanged(&self, lsn: i64, key: i32) -> Result<(), Miss> {
        let after = self.subject.open(&[&self.table])?.get(self.table.name()).copied().unwrap_or(-1);
        if after != lsn {
            return Err(Miss::failed(format!(
                "refused, and yet TableSchema answers LSN {after} after LSN {lsn}"
            )));
        }
        if self.subject.stage.mirror.is_none() {
            return Ok(());
        }
        let rows = self.subject.stage.rows(&self.subject.tenant, self.table.name())?;
        let has_key =
            rows.iter().any(|row| row.get("id").and_then(Option::as_deref) == Some(&key.to_string()));
        if has_key { Err(Miss::failed("refused, and yet the row is in the mirror")) } else { Ok(()) }
    }
}
