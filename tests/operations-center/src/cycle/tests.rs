//! The protocol's order, against a receiver on a real socket.

use tempfile::TempDir;

use super::*;
use crate::answer::SignatureError;
use crate::client::{CallError, Client};
use crate::fixture::mirror::{DONE, Mirror, authenticated, claims};
use crate::fixture::{HandClock, Receiver, application, envelope, sign};
use crate::sql::Value;
use crate::tenant::Tenant;

/// 2026-01-01 00:00 UTC, as a receiver stamps it.
const NOW: i64 = 1_767_225_600;
const STAMP: &str = "202601010000";

struct Source {
    folder: TempDir,
    tenant: Tenant,
    clock: HandClock,
}

impl Source {
    /// A tenant with three contacts and an empty table.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap();
        for name in ["contact", "sale"] {
            tenant.add_table(&Table::parse(name, &["id int", "name nvarchar(max) null"]).unwrap()).unwrap();
        }
        tenant.load("contact", (1..=3).map(|id| vec![id.into(), "x".repeat(300).as_str().into()])).unwrap();
        Self { folder, tenant, clock: HandClock::at_seconds(NOW) }
    }

    fn run(&self, receiver: &Receiver, options: Options) -> Result<Report, CycleError> {
        let client = Client::new(&receiver.url);
        let caller = Caller::new(&client, application(), &self.tenant, &self.clock);
        Cycle::with_options(caller, options).run()
    }

    fn insert(&self, table: &str, id: i32) {
        self.tenant.insert(table, &[("id", id.into()), ("name", "n".into())]).unwrap();
    }
}

fn mirror() -> Mirror {
    Mirror::start(STAMP, |_| None)
}

fn operations(receiver: &Receiver) -> String {
    let names: Vec<String> = receiver.take_calls().into_iter().map(|call| call.operation).collect();
    names.join(" ")
}

fn small() -> Options {
    Options { batch_bytes: 600, ..Options::default() }
}

#[test]
fn a_first_cycle_sends_everything_and_only_the_last_batch_has_a_position() {
    let (source, mirror) = (Source::new(), mirror());
    let report = source.run(&mirror.receiver, small()).unwrap();
    let calls = mirror.receiver.take_calls();
    let names: Vec<&str> = calls.iter().map(|call| call.operation.as_str()).collect();
    assert_eq!(
        names,
        ["Authenticate", "TableSchema", "Wipe", "RowData", "RowData", "Wipe", "ReplicationCompleted"]
    );
    let lsn = source.tenant.version().unwrap().to_string();
    assert_eq!(calls[3].texts("a:LSN"), ["0"]);
    assert_eq!(calls[4].texts("a:LSN"), [lsn.as_str()]);
    assert_eq!(calls[1].texts("a:TableName"), ["contact", "sale"]);
    assert_eq!(calls[6].texts("a:Inserts"), ["3"]);
    let contact = report.tables["contact"];
    assert_eq!((contact.inserts, contact.rows(), contact.wiped, contact.calls), (3, 3, true, 3));
    assert_eq!((report.calls, report.rows(), report.wiped()), (7, 3, 2));
    assert_eq!(report.bytes, calls.iter().map(|call| call.body.len() as u64).sum::<u64>());
}

#[test]
fn an_empty_table_gets_its_wipe_and_no_rows() {
    let (source, mirror) = (Source::new(), mirror());
    source.run(&mirror.receiver, Options::default()).unwrap();
    let calls = mirror.receiver.take_calls();
    let about_sale: Vec<_> = calls[2..].iter().filter(|call| call.body.contains("sale")).collect();
    assert_eq!(about_sale.iter().map(|call| call.operation.as_str()).collect::<Vec<_>>(), ["Wipe"]);
}

#[test]
fn a_later_cycle_sends_changes_alone_and_nothing_for_tables_without() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    source.run(&mirror.receiver, Options::default()).unwrap();
    assert_eq!(operations(&mirror.receiver), "Authenticate TableSchema ReplicationCompleted");
    source.insert("contact", 4);
    source.tenant.update("contact", &1.into(), &[("name", Value::Null)]).unwrap();
    source.tenant.delete("contact", &2.into()).unwrap();
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    let contact = report.tables["contact"];
    assert_eq!((contact.inserts, contact.updates, contact.deletes, contact.wiped), (1, 1, 1, false));
    let calls = mirror.receiver.take_calls();
    assert_eq!(calls[2].texts("a:Operation"), ["I", "U", "D"]);
    assert_eq!(calls[2].texts("b:string"), ["[I:4]", "n", "[I:1]", "[I:2]"]);
    let counts = ["a:Inserts", "a:Updates", "a:Deletes"].map(|name| calls[3].texts(name)[0]);
    assert_eq!((calls[3].texts("a:TableName"), counts), (vec!["contact"], ["1", "1", "1"]));
}

#[test]
fn a_restored_source_and_expired_tracking_repopulate() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    let backup = source.folder.path().join("backup.db");
    source.tenant.backup(&backup).unwrap();
    source.insert("sale", 2);
    source.run(&mirror.receiver, Options::default()).unwrap();
    source.tenant.restore(&backup).unwrap();
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    assert!(report.tables.values().all(|table| table.wiped), "{report:?}");
    assert_eq!(source.run(&mirror.receiver, Options::default()).unwrap().wiped(), 0);
    source.tenant.expire_tracking().unwrap();
    assert_eq!(source.run(&mirror.receiver, Options::default()).unwrap().wiped(), 2);
}

#[test]
fn last_batches_may_share_a_call() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    source.run(&mirror.receiver, Options { combine: true, ..Options::default() }).unwrap();
    let calls = mirror.receiver.take_calls();
    let rows: Vec<_> = calls.iter().filter(|call| call.operation == "RowData").collect();
    assert_eq!((rows.len(), rows[0].texts("a:TableName")), (1, vec!["contact", "sale"]));
    assert!(rows[0].texts("a:LSN").iter().all(|lsn| lsn.parse::<i64>().unwrap() > 0));
}

#[test]
fn cycles_within_a_second_wait_for_a_newer_token() {
    let (source, mirror) = (Source::new(), mirror());
    for _ in 0..3 {
        source.run(&mirror.receiver, Options::default()).unwrap();
    }
    let calls = mirror.receiver.take_calls();
    let mut last = 0;
    for call in &calls {
        let not_before = claims(call)["nbf"].as_i64().unwrap();
        if call.operation == "Authenticate" {
            assert!(not_before > last, "{not_before} after {last}");
        }
        assert!(not_before >= last);
        last = not_before;
    }
    assert_eq!(crate::clock::Clock::now_seconds(&source.clock), NOW + 2);
    source.clock.set_seconds(NOW - 3600);
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::ClockBehind { seconds: 3603 }), "{error}");
}

#[test]
fn a_receiver_that_asks_not_to_replicate_is_left_alone() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let token = sign(claims(call)["nonce"].as_str().unwrap(), STAMP);
        Some((200, authenticated(&token, "", "{ \"doNotReplicate\": \"true\" }")))
    });
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    assert!(report.skipped);
    assert_eq!(operations(&mirror.receiver), "Authenticate");
}

#[test]
fn client_state_comes_back_in_every_later_call() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let token = sign(claims(call)["nonce"].as_str().unwrap(), STAMP);
        (call.operation == "Authenticate").then(|| (200, authenticated(&token, "c-7", "")))
    });
    source.run(&mirror.receiver, Options { pretty: true, ..Options::default() }).unwrap();
    let calls = mirror.receiver.take_calls();
    assert_eq!(calls[0].texts("ClientState"), [""]);
    assert!(calls[1..].iter().all(|call| call.texts("ClientState") == ["c-7"]));
    assert!(calls.iter().all(|call| call.body.contains("\n    <h:SignedToken")));
}

#[test]
fn a_failed_call_ends_the_cycle_with_operation_table_and_message() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |call| {
        let failed = "<IsSuccessful>false</IsSuccessful><ErrorMessage>disk full</ErrorMessage>";
        (call.operation == "Wipe").then(|| (200, envelope(Operation::Wipe, failed)))
    });
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert_eq!(error.to_string(), "Wipe of contact was refused by the receiver: disk full");
    assert_eq!(operations(&mirror.receiver), "Authenticate TableSchema Wipe");
}

#[test]
fn a_receiver_without_the_applications_key_is_not_trusted() {
    let source = Source::new();
    let mirror = Mirror::start(STAMP, |_| Some((200, authenticated(&sign("other", STAMP), "", ""))));
    let error = source.run(&mirror.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::Signature(SignatureError::Nonce)), "{error}");
    source.clock.set_seconds(NOW + 3600);
    let late = self::mirror();
    let error = source.run(&late.receiver, Options::default()).unwrap_err();
    assert!(matches!(error, CycleError::Signature(SignatureError::Stale { .. })), "{error}");
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

#[test]
fn a_call_has_the_vendors_headers_and_can_be_sent_again_byte_by_byte() {
    let source = Source::new();
    let receiver = Receiver::start(|_| (200, envelope(Operation::Wipe, DONE)));
    let client = Client::new(&receiver.url);
    let caller = Caller::new(&client, application(), &source.tenant, &source.clock);
    let body = Request::wipe("contact").envelope(&caller.token().unwrap().sign().unwrap());
    assert!(client.send(Operation::Wipe, &body).unwrap().is_successful);
    assert!(
        client.call(&Request::raw(Operation::Wipe, body), &caller.token().unwrap()).unwrap().is_successful
    );
    let calls = receiver.take_calls();
    assert_eq!(calls[0].body, calls[1].body);
    let head = calls[0].head.to_ascii_lowercase();
    for line in [
        "post /mirroringclientservice.svc http/1.1",
        "content-type: text/xml; charset=utf-8",
        "soapaction: \"http://www.superoffice.com/online/mirroring/0.1/imirroringclientservice/wipe\"",
        "accept-encoding: gzip, deflate",
    ] {
        assert!(head.lines().any(|found| found == line), "{line} not in {head}");
    }
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
fn rows_that_change_while_a_table_is_sent_are_the_next_cycles() {
    let (source, mirror) = (Source::new(), mirror());
    let client = Client::new(&mirror.receiver.url);
    let cycle = || Cycle::new(Caller::new(&client, application(), &source.tenant, &source.clock));
    let mut first = cycle();
    first.authenticate().unwrap();
    let positions = first.table_schema().unwrap();
    source.insert("contact", 4);
    first.send_table("contact", positions["contact"]).unwrap();
    source.insert("contact", 5);
    first.complete().unwrap();
    assert_eq!(first.report().tables["contact"].inserts, 4);
    assert_eq!(cycle().run().unwrap().tables["contact"].inserts, 1);
}
