//! The protocol's order, against a receiver on a real socket.

mod batches;
mod failures;
mod rounds;
mod situations;
mod tables;
mod trust;

use tempfile::TempDir;

use super::*;
use crate::client::Client;
use crate::fixture::mirror::{DONE, Mirror, claims};
use crate::fixture::{Call, HandClock, Receiver, application, envelope};
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
        self.run_as(receiver, |caller| Cycle::with_options(caller, options))
    }

    fn run_as(
        &self,
        receiver: &Receiver,
        cycle: impl FnOnce(Caller<'_>) -> Cycle<'_>,
    ) -> Result<Report, CycleError> {
        let client = Client::new(&receiver.url);
        cycle(Caller::new(&client, application(), &self.tenant, &self.clock)).run()
    }

    /// A cycle that must succeed, and its calls without the first two and the last, which are always the same.
    fn sent(&self, mirror: &Mirror, options: Options) -> Vec<String> {
        self.run(&mirror.receiver, options).unwrap();
        let mut said = said(&mirror.receiver);
        assert!(said.remove(0) == "Authenticate" && said.remove(0).starts_with("TableSchema "));
        assert!(said.pop().unwrap().starts_with("ReplicationCompleted"));
        said
    }

    fn insert(&self, table: &str, id: i32) {
        insert(&self.tenant, table, id);
    }

    fn version(&self) -> i64 {
        self.tenant.version().unwrap()
    }

    /// For the receiver's thread, which changes the tenant in the middle of a cycle.
    fn again(&self) -> Tenant {
        Tenant::open(self.tenant.path()).unwrap()
    }
}

fn insert(tenant: &Tenant, table: &str, id: i32) {
    tenant.insert(table, &[("id", id.into()), ("name", "n".into())]).unwrap();
}

fn mirror() -> Mirror {
    Mirror::start(STAMP, |_| None)
}

/// The calls so far, in short: `Wipe contact`, or `RowData contact 2@- sale 1@7` for two rows of contact without a
/// position, and one of sale up to position 7.
fn said(receiver: &Receiver) -> Vec<String> {
    receiver.take_calls().iter().map(in_short).collect()
}

fn in_short(call: &Call) -> String {
    let about = match call.operation.as_str() {
        "TableSchema" | "ReplicationCompleted" => call.texts("a:TableName").join(" "),
        "Wipe" => call.texts("TableName").join(" "),
        _ => call.texts("a:RowDataBatch").into_iter().map(batch_in_short).collect::<Vec<_>>().join(" "),
    };
    format!("{} {about}", call.operation).trim_end().to_owned()
}

fn batch_in_short(batch: &str) -> String {
    let text = |name: &str| batch.split(&format!("<{name}>")).nth(1).unwrap().split('<').next().unwrap();
    let lsn = if text("a:LSN") == "0" { "-" } else { text("a:LSN") };
    format!("{} {}@{lsn}", text("a:TableName"), batch.matches("<a:RowData>").count())
}

#[test]
fn a_first_cycle_says_everything_in_the_protocols_order() {
    let (source, mirror) = (Source::new(), mirror());
    let report = source.run(&mirror.receiver, Options::default()).unwrap();
    let calls = mirror.receiver.take_calls();
    let said: Vec<String> = calls.iter().map(in_short).collect();
    let rows = format!("RowData contact 3@{}", source.version());
    assert_eq!(
        said,
        [
            "Authenticate",
            "TableSchema contact sale",
            "Wipe contact",
            "Wipe sale",
            &rows,
            "ReplicationCompleted contact"
        ]
    );
    assert_eq!(calls[5].texts("a:Inserts"), ["3"]);
    let contact = report.tables["contact"];
    assert_eq!((contact.inserts, contact.rows(), contact.wiped, contact.calls), (3, 3, true, 2));
    assert_eq!((report.calls, report.rows(), report.wiped()), (6, 3, 2));
    assert_eq!(report.bytes, calls.iter().map(|call| call.body.len() as u64).sum::<u64>());
}

/// It has no position then, and gets a Wipe every time: there are no rows to bring one.
#[test]
fn an_empty_table_gets_its_wipe_and_no_rows() {
    let (source, mirror) = (Source::new(), mirror());
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    assert_eq!(source.sent(&mirror, Options::default()), ["Wipe sale"]);
}

#[test]
fn a_later_cycle_sends_changes_alone_and_nothing_for_tables_without() {
    let (source, mirror) = (Source::new(), mirror());
    source.insert("sale", 1);
    source.run(&mirror.receiver, Options::default()).unwrap();
    mirror.receiver.take_calls();
    assert!(source.sent(&mirror, Options::default()).is_empty());
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
