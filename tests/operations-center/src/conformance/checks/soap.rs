//! The envelope: whatever XML says the same is the same call.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::odd::{self, Style};
use crate::conformance::stage::Stage;
use crate::conformance::subject::{Subject, signed};
use crate::conformance::table::TestTable;
use crate::wire::{Operation, Request};

const TRANSPORT: &str = "transport, documented";

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "soap.pretty",
            "transport, observed",
            "an indented call is accepted, with line breaks around the token",
            pretty,
        ),
        Line::new("soap.prefixes", TRANSPORT, "namespaces count, prefixes do not", |stage| {
            odd_call(stage, Style { prefixes: odd::STRANGE_PREFIXES, ..Style::default() })
        }),
        Line::new("soap.member-order", TRANSPORT, "members are accepted in any order", |stage| {
            odd_call(stage, Style { is_reversed: true, ..Style::default() })
        })
        .recommended(),
        Line::new("soap.unknown-members", TRANSPORT, "members that are not known are ignored", |stage| {
            odd_call(stage, Style { has_unknown: true, ..Style::default() })
        })
        .recommended(),
        Line::new(
            "state.comes-back",
            "Authenticate, inferred",
            "the ClientState that Authenticate answers may come in every later call of the cycle",
            state_comes_back,
        ),
        Line::new(
            "state.not-needed",
            "Authenticate, documented",
            "no state is carried from one call to the next: ClientState may be empty, nil or of another cycle",
            state_not_needed,
        ),
    ]
}

fn pretty(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.later();
    let calls = [
        Request::authenticate(),
        Request::table_schema(&[table.info()]),
        Request::wipe(table.name()),
        Request::row_data(&[table.inserts(5, &[(1, "Nord")])]),
        Request::completed(&[]),
    ];
    for call in calls {
        subject.succeed(&call.pretty(true))?;
    }
    subject.expect_position(&table, &[5], "after a cycle of indented calls")
}

/// A whole cycle whose RowData is written in a style.
fn odd_call(stage: &Stage<'_>, style: Style) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    let batch = table.inserts(5, &[(1, "Nord"), (2, "S\u{fc}d")]);
    let body = odd::row_data(&batch, &signed(&subject.token())?, style);
    subject.send_body(Operation::RowData, body.as_bytes()).success("RowData")?;
    subject.complete()?;
    subject.expect_position(&table, &[5], "after it")
}

fn state_comes_back(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    let state = subject.authenticate()?.client_state;
    cycle_with_state(&subject, &table, state.as_deref())?;
    Ok(match state.as_deref() {
        None | Some("") => "the receiver gives none".to_owned(),
        Some(state) => format!("a state of {} characters came back", state.chars().count()),
    })
}

fn state_not_needed(stage: &Stage<'_>) -> Checked {
    for state in [None, Some(""), Some("of another cycle")] {
        let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
        subject.authenticate()?;
        cycle_with_state(&subject, &table, state).map_err(|miss| match miss {
            Miss::Failed(observed) => Miss::Failed(format!("with ClientState {state:?}, {observed}")),
            other => other,
        })?;
    }
    Ok("calls with none, an empty and another ClientState are accepted".to_owned())
}

fn cycle_with_state(subject: &Subject<'_>, table: &TestTable, state: Option<&str>) -> Result<(), Miss> {
    let calls = [
        Request::table_schema(&[table.info()]),
        Request::wipe(table.name()),
        Request::row_data(&[table.inserts(5, &[(1, "Nord")])]),
        Request::completed(&[]),
    ];
    calls.into_iter().try_for_each(|call| subject.succeed(&call.with_client_state(state)).map(|_| ()))
}
