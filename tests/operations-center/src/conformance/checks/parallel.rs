//! Several calls at once: different tenants, and different tables of one tenant.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::raw::{Form, Upload};
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::TestTable;
use crate::wire::{Operation, Request};

const PROMISE: &str = "who calls whom, documented";
/// How many tenants call at once.
const TENANTS: i64 = 8;

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "parallel.tenants",
            PROMISE,
            "a tenant is answered while another's call is still being uploaded",
            tenants,
        ),
        Line::new(
            "parallel.tables",
            PROMISE,
            "a table is answered while a call for another of its tenant is still being uploaded",
            tables,
        ),
        Line::new(
            "parallel.many",
            PROMISE,
            "eight tenants' cycles at once do not get into each other's way",
            many,
        ),
    ]
}

/// Some kilobytes, so that more than the token has come when half of it has.
fn rows(table: &TestTable, lsn: i64) -> Request {
    let names: Vec<String> = (0..100).map(|key| format!("row {key}")).collect();
    let rows: Vec<(i32, &str)> = (0..).zip(names.iter().map(String::as_str)).collect();
    Request::row_data(&[table.inserts(lsn, &rows)])
}

/// A call of which half is on its way.
struct Slow {
    upload: Upload,
    rest: Vec<u8>,
}

impl Slow {
    fn begin(subject: &Subject<'_>, request: &Request) -> Result<Self, Miss> {
        let mut body = subject.body(request)?;
        let rest = body.split_off(body.len() / 2);
        let length = body.len() + rest.len();
        let upload = subject.stage.upload(request.operation(), Form::Usual, length).and_then(|mut upload| {
            upload.send(&body)?;
            Ok(upload)
        });
        Ok(Self { upload: upload.map_err(|error| told(&error))?, rest })
    }

    fn finish(mut self, stage: &Stage<'_>) -> Checked {
        self.upload.send(&self.rest).map_err(|error| told(&error))?;
        let response = stage.read(Operation::RowData, self.upload.answer());
        response.success("the slow call").map(|_| "both were answered with success".to_owned())
    }
}

fn told(error: &std::io::Error) -> Miss {
    Miss::failed(format!("a call that comes slowly: {error}"))
}

/// A call of `quick` must be answered while one of `slow` is uploaded.
fn beside(
    slow: &Subject<'_>,
    slow_table: &TestTable,
    quick: &Subject<'_>,
    quick_table: &TestTable,
) -> Checked {
    let stage = slow.stage;
    let upload = Slow::begin(slow, &rows(slow_table, 15))?;
    let body = quick.body(&rows(quick_table, 25))?;
    let response = stage.send_within(stage.patience, Operation::RowData, &body);
    if !response.is_success() {
        let seconds = stage.patience.as_secs();
        let observed = response.observed();
        return Err(Miss::failed(format!("while another call is uploaded, within {seconds} s: {observed}")));
    }
    upload.finish(stage)
}

fn tenants(stage: &Stage<'_>) -> Checked {
    let (slow, quick, table) = (stage.subject(), stage.subject(), TestTable::keyed("contact"));
    slow.populate(&[(&table, table.inserts(5, &[(1, "Nord")]))])?;
    quick.populate(&[(&table, table.inserts(5, &[(1, "Nord")]))])?;
    slow.open(&[&table])?;
    quick.open(&[&table])?;
    beside(&slow, &table, &quick, &table)
}

fn tables(stage: &Stage<'_>) -> Checked {
    let (subject, contact, person) =
        (stage.subject(), TestTable::keyed("contact"), TestTable::keyed("person"));
    subject.populate(&[
        (&contact, contact.inserts(5, &[(1, "Nord")])),
        (&person, person.inserts(6, &[(1, "Ola")])),
    ])?;
    subject.open(&[&contact, &person])?;
    beside(&subject, &contact, &subject, &person)?;
    subject.complete()?;
    let both = [&contact, &person];
    subject.expect_position_among(&contact, &both, &[15], "for the slow call's table")?;
    subject.expect_position_among(&person, &both, &[25], "for the quick call's table")
}

fn many(stage: &Stage<'_>) -> Checked {
    let results: Vec<Checked> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (1..=TENANTS).map(|number| scope.spawn(move || one_of_many(stage, number))).collect();
        let failed = || Err(Miss::unobserved("a thread of the run failed"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| failed())).collect()
    });
    results.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(format!("{TENANTS} tenants each found their own LSN"))
}

/// A tenant whose position and proof are its own.
fn one_of_many(stage: &Stage<'_>, number: i64) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    let token = subject.token();
    let text = crate::conformance::subject::signed(&token)?;
    let answer = subject.call_with(&Request::authenticate(), &text).success("Authenticate")?;
    let proof = answer.signed_application_token.unwrap_or_default();
    if proof.split('.').next() != Some(token.nonce()) {
        return Err(Miss::failed("the proof has another call's nonce"));
    }
    subject.populate(&[(&table, table.inserts(100 + number, &[(1, "Nord")]))])?;
    subject.expect_position(&table, &[100 + number], "for one of many tenants")
}
