//! What may happen to a tenant and its mirror.

use proptest::prelude::*;

/// One of three tables.
pub(super) type Name = &'static str;

/// One step of a life. What makes no sense at its moment is left out.
#[derive(Clone, Debug)]
pub(super) enum Operation {
    /// Rows change in one transaction.
    Work(Vec<RowOperation>),
    AddTable(Name),
    DropTable(Name),
    /// Filled columns are NOT NULL.
    AddColumn {
        table: Name,
        name: Name,
        sql_type: Name,
        is_filled: bool,
    },
    DropColumn {
        table: Name,
        name: Name,
    },
    Retype {
        table: Name,
        name: Name,
        sql_type: Name,
    },
    RetypeKey {
        table: Name,
        sql_type: Name,
    },
    Enable(Name),
    Disable(Name),
    /// Rows from this number on that change tracking does not see.
    Load {
        table: Name,
        first: u8,
    },
    /// Time passes.
    Pass {
        hours: i64,
    },
    CleanUp,
    Expire,
    Backup,
    /// To the last backup. Then perhaps work goes on until the version has passed all positions of the mirror.
    Restore {
        overtakes: bool,
    },
    /// `meanwhile` happens after the first table was sent.
    Cycle {
        meanwhile: Vec<RowOperation>,
        cut: Option<Cut>,
    },
    BackUpMirror,
    RestoreMirror,
    LoseTable(Name),
    LoseMirror,
}

/// Where a cycle ends early.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// Calls that succeed before, TableSchema being the first.
    pub(super) calls: u8,
    /// Whether the receiver does the next one, and only its answer is lost.
    pub(super) is_done: bool,
}

#[derive(Clone, Debug)]
pub(super) struct RowOperation {
    pub(super) table: Name,
    pub(super) row: u8,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// Inserts the row or updates it with values made from the number.
    Put(u8),
    Delete,
    /// Deletes the row, if it is there, and inserts it.
    Replace(u8),
}

const ROWS: u8 = 7;

pub(super) fn lives() -> impl Strategy<Value = Vec<Operation>> {
    prop::collection::vec(operation(), 1..60)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        20 => work().prop_map(Operation::Work),
        10 => (work(), cut()).prop_map(|(meanwhile, cut)| Operation::Cycle { meanwhile, cut }),
        10 => definition(),
        4 => (1i64..100).prop_map(|hours| Operation::Pass { hours }),
        2 => Just(Operation::CleanUp),
        1 => Just(Operation::Expire),
        2 => Just(Operation::Backup),
        3 => any::<bool>().prop_map(|overtakes| Operation::Restore { overtakes }),
        1 => Just(Operation::BackUpMirror),
        2 => Just(Operation::RestoreMirror),
        1 => table().prop_map(Operation::LoseTable),
        1 => Just(Operation::LoseMirror),
    ]
}

fn definition() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => table().prop_map(Operation::AddTable),
        1 => table().prop_map(Operation::DropTable),
        4 => (table(), column(), sql_type(), any::<bool>()).prop_map(|(table, name, sql_type, is_filled)| {
            Operation::AddColumn { table, name, sql_type, is_filled }
        }),
        2 => (table(), column()).prop_map(|(table, name)| Operation::DropColumn { table, name }),
        3 => (table(), column(), sql_type())
            .prop_map(|(table, name, sql_type)| Operation::Retype { table, name, sql_type }),
        1 => (table(), prop::sample::select(vec!["int", "nvarchar(9)"]))
            .prop_map(|(table, sql_type)| Operation::RetypeKey { table, sql_type }),
        2 => table().prop_map(Operation::Enable),
        1 => table().prop_map(Operation::Disable),
        1 => (table(), 0..ROWS).prop_map(|(table, first)| Operation::Load { table, first }),
    ]
}

fn cut() -> impl Strategy<Value = Option<Cut>> {
    let cut = (0u8..8, any::<bool>()).prop_map(|(calls, is_done)| Cut { calls, is_done });
    prop::option::weighted(0.3, cut)
}

fn work() -> impl Strategy<Value = Vec<RowOperation>> {
    let what = prop_oneof![
        4 => any::<u8>().prop_map(What::Put),
        2 => Just(What::Delete),
        1 => any::<u8>().prop_map(What::Replace),
    ];
    let one = (table(), 0..ROWS, what).prop_map(|(table, row, what)| RowOperation { table, row, what });
    prop::collection::vec(one, 0..5)
}

fn table() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["a", "b", "c"])
}

fn column() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["v", "x"])
}

fn sql_type() -> impl Strategy<Value = Name> {
    prop::sample::select(vec!["int", "float", "nvarchar(9)"])
}
