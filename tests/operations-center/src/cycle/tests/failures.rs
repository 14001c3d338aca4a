//! What ends a cycle, and what is said about it.

use super::*;
use crate::client::CallError;
use crate::tenant::TenantError;

#[test]
fn a_failed_call_ends_the_cycle_with_operation_table_and_message() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let failed = "<IsSuccessful>false</IsSuccessful><ErrorMessage>disk full</ErrorMessage>";
        (call.operation == "Wipe").then(|| (200, envelope(Operation::Wipe, failed)))
    });
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "Wipe of contact was refused by the receiver: disk full");
    assert_eq!(said(&mirror.receiver)[2..], ["Wipe contact"]);
}

#[test]
fn what_is_no_answer_is_an_error_that_names_the_call() {
    let source = Source::new();
    let receiver = Receiver::start(|_| (404, "nothing here".to_owned()));
    let error = source.run(&receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::Call(CallError::Status { status: 404, .. })), "{error}");
    let gone = receiver.url.clone();
    drop(receiver);
    let client = Client::new(&gone);
    let caller = Caller::new(&client, application(), &source.tenant, &source.clock);
    let error = Cycle::new(caller).run().unwrap_err().to_string();
    assert!(error.starts_with("Authenticate got no answer from http://127.0.0.1:"), "{error}");
}

#[test]
fn an_answer_to_table_schema_must_name_every_table_once() {
    let lsn = |table: &str| crate::answer::Position { table: table.to_owned(), lsn: 1 };
    let tables = [Table::parse("a", &["id int"]).unwrap(), Table::parse("b", &["id int"]).unwrap()];
    let check = |names: &[&str]| {
        let answered = Some(names.iter().map(|name| lsn(name)).collect());
        positions(&tables, Answer { positions: answered, ..Answer::default() }).map_err(|e| e.to_string())
    };
    assert_eq!(check(&["b", "a"]).unwrap().len(), 2);
    assert_eq!(check(&["a"]).unwrap_err(), "the answer to TableSchema lacks the table b");
    assert_eq!(check(&["a", "a", "b"]).unwrap_err(), "the answer to TableSchema names twice the table a");
    assert_eq!(check(&["a", "b", "c"]).unwrap_err(), "the answer to TableSchema names the unknown table c");
}

/// A receiver that answers this to the call of RowData with that number, and whatever it should to others.
fn failing(number: usize, status: u16, answer: String) -> Mirror {
    let mut count = 0;
    Mirror::start(STAMP, move |call| {
        count += usize::from(call.operation == "RowData");
        (call.operation == "RowData" && count == number).then(|| (status, answer.clone()))
    })
}

#[test]
fn no_call_follows_one_that_failed_though_more_were_prepared() {
    let source = Source::new();
    for id in 10..40 {
        source.insert("contact", id);
    }
    let failed = "<IsSuccessful>false</IsSuccessful><ErrorMessage>disk full</ErrorMessage>";
    let mirror = failing(2, 200, envelope(Operation::RowData, failed));
    let error =
        source.run(&mirror.receiver, Options { batch_bytes: Some(1), ..Options::default() }).unwrap_err();
    assert_eq!(error.to_string(), "RowData of contact was refused by the receiver: disk full");
    assert_eq!(said(&mirror.receiver)[2..], ["Wipe contact", "RowData contact 1@-", "RowData contact 1@-"]);
    assert!(mirror.positions().is_empty());
    assert_eq!(source.run(&mirror.receiver, Options::default()).unwrap().tables["contact"].inserts, 33);
}

#[test]
fn a_call_without_an_answer_is_told_by_its_tables() {
    let source = Source::new();
    source.insert("sale", 1);
    let mirror = failing(1, 503, String::new());
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "the call about contact, sale failed");
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.starts_with("RowData was answered with HTTP status 503"), "{cause}");
    assert_eq!(named(&["a", "b", "c", "d", "e"]).unwrap(), "a, b, c and 2 more");
}

#[test]
fn a_database_that_fails_in_the_middle_of_a_table_ends_the_cycle() {
    let source = Source::new();
    let db = rusqlite::Connection::open(source.tenant.path()).unwrap();
    db.execute("UPDATE contact SET name = CAST(x'ff' AS TEXT) WHERE id = 3", []).unwrap();
    let mirror = mirror();
    let error =
        source.run(&mirror.receiver, Options { batch_bytes: Some(1), ..Options::default() }).unwrap_err();
    assert!(matches!(error, CycleError::Tenant(TenantError::Damaged { .. })), "{error}");
    assert_eq!(said(&mirror.receiver).last().unwrap(), "RowData contact 1@-");
}
