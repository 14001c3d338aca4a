//! Calls that fail: nothing of them counts, and the next cycle sends the same again.

use std::time::Duration;

use crate::answer::Answer;
use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::raw::Form;
use crate::conformance::response::Response;
use crate::conformance::stage::Stage;
use crate::conformance::subject::Subject;
use crate::conformance::table::TestTable;
use crate::sql::SqlType;
use crate::wire::{Batch, Operation, Request};

const SCENARIO: &str = "scenarios, documented";
const VALUES: &str = "column values, documented";
/// How long the end of a call is held back.
const HELD_BACK: Duration = Duration::from_secs(1);
/// Where both tables would stand after a call.
const NEXT_LSN: i64 = 16;
/// How long a receiver may take to notice that a call is cut off.
const NOTICED: Duration = Duration::from_secs(2);

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "failed.misfit",
            VALUES,
            "a value that does not fit its column's type fails the call, which moves no LSN",
            misfit,
        ),
        Line::new(
            "failed.missing-value",
            "RowData, documented",
            "a row with less values than columns fails the call",
            missing_value,
        ),
        Line::new("failed.message", VALUES, "the message names the table and the column", message)
            .recommended(),
        Line::new(
            "failed.again",
            SCENARIO,
            "after a call that failed, the next cycle brings the rows",
            again,
        ),
        Line::new(
            "failed.truncated",
            SCENARIO,
            "a call whose XML ends early fails, and moves no LSN",
            truncated,
        ),
        Line::new("failed.cut", SCENARIO, "a call that is cut off while it is uploaded moves no LSN", cut),
        Line::new(
            "ack.whole-call",
            "RowData, documented",
            "success is answered after the whole call has come, not before",
            whole_call,
        ),
    ]
}

/// Two populated tables at LSN 5 and 6, in a cycle that is open.
struct Opened<'s> {
    subject: Subject<'s>,
    contact: TestTable,
    person: TestTable,
}

impl<'s> Opened<'s> {
    fn new(stage: &'s Stage<'_>) -> Result<Self, Miss> {
        let opened = Self {
            subject: stage.subject(),
            contact: TestTable::new(
                "contact",
                &[
                    ("contact_id", SqlType::Int),
                    ("name", SqlType::NVarChar(Some(100))),
                    ("updated", SqlType::DateTime),
                ],
            ),
            person: TestTable::keyed("person"),
        };
        let populated = [
            (&opened.contact, opened.contacts(5, "[I:1]")),
            (&opened.person, opened.person.inserts(6, &[(1, "Ola")])),
        ];
        opened.subject.populate(&populated)?;
        opened.subject.open(&[&opened.contact, &opened.person])?;
        Ok(opened)
    }

    /// A batch with one row that is right and one with this key.
    fn contacts(&self, lsn: i64, key: &str) -> Batch {
        let right: [Option<&str>; 3] =
            [Some("[I:1]"), Some("Nord"), Some("[DT:05/18/2020 10:40:43.0000000]")];
        let other = [Some(key), Some("Vest"), None];
        self.contact.batch(lsn, &[("I", &right), ("I", &other)])
    }

    /// A call of two batches that would move both tables.
    fn call(&self, contacts: Batch) -> Request {
        Request::row_data(&[self.person.inserts(NEXT_LSN, &[(2, "Kari")]), contacts])
    }

    /// Demands that both tables stand where they stood.
    fn expect_unmoved(&self) -> Checked {
        let tables = [&self.contact, &self.person];
        self.subject.expect_position_among(&self.person, &tables, &[6], "for the call's first table")?;
        self.subject.expect_position_among(&self.contact, &tables, &[5], "for the call's second table")
    }

    fn refuses(&self, what: &str, contacts: Batch) -> Checked {
        let refusal = self.subject.call(&self.call(contacts))?.refusal(what)?;
        self.expect_unmoved()?;
        Ok(refusal)
    }
}

fn misfit(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    opened.refuses("text where an int must stand", opened.contacts(NEXT_LSN, "seven"))?;
    opened.subject.open(&[&opened.contact, &opened.person])?;
    let day = "[DT:13/45/2020 00:00:00.0000000]";
    let bad = opened.contact.batch(NEXT_LSN, &[("I", &[Some("[I:2]"), Some("Vest"), Some(day)])]);
    opened.refuses("a date that does not exist", bad)
}

fn missing_value(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    let short = opened.contact.batch(NEXT_LSN, &[("I", &[Some("[I:2]"), Some("Vest")])]);
    opened.refuses("a row of two values for three columns", short)
}

fn message(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    let response = opened.subject.call(&opened.call(opened.contacts(NEXT_LSN, "seven")))?;
    let text = match &response {
        Response::Answer(Answer { is_successful: false, error_message, .. }) => {
            error_message.clone().unwrap_or_default()
        }
        Response::Fault { text, .. } => text.clone(),
        other => return Err(Miss::failed(other.observed())),
    };
    if text.contains("contact") && text.contains("contact_id") { Ok(text) } else { Err(Miss::failed(text)) }
}

fn again(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    opened
        .subject
        .call(&opened.call(opened.contacts(NEXT_LSN, "seven")))?
        .refusal("text where an int must stand")?;
    opened.subject.open(&[&opened.contact, &opened.person])?;
    opened.subject.succeed(&opened.call(opened.contacts(NEXT_LSN, "[I:2]")))?;
    opened.subject.complete()?;
    let tables = [&opened.contact, &opened.person];
    opened.subject.expect_position_among(
        &opened.person,
        &tables,
        &[NEXT_LSN],
        "for the call's first table",
    )?;
    opened.subject.expect_position_among(&opened.contact, &tables, &[NEXT_LSN], "for the call's second table")
}

fn truncated(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    let body = opened.subject.body(&opened.call(opened.contacts(NEXT_LSN, "[I:2]")))?;
    let part = body.get(..body.len() - body.len() / 8).unwrap_or_default();
    let response = opened.subject.send_body(Operation::RowData, part);
    if response.is_success() {
        return Err(Miss::failed("a call without its end was answered IsSuccessful=true"));
    }
    opened.expect_unmoved()?;
    Ok(response.observed())
}

fn cut(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    let body = opened.subject.body(&opened.call(opened.contacts(NEXT_LSN, "[I:2]")))?;
    let part = body.get(..body.len() - body.len() / 8).unwrap_or_default();
    let sent = stage.upload(Operation::RowData, Form::Usual, body.len()).and_then(|mut upload| {
        upload.send(part)?;
        upload.cut(NOTICED)
    });
    sent.map_err(|error| Miss::failed(format!("seven eighths of a call cannot be sent: {error}")))?;
    opened.expect_unmoved()
}

fn whole_call(stage: &Stage<'_>) -> Checked {
    let opened = Opened::new(stage)?;
    let body = opened.subject.body(&opened.call(opened.contacts(NEXT_LSN, "[I:2]")))?;
    let (part, rest) = body.split_at(body.len() - body.len() / 8);
    let told = |error: std::io::Error| Miss::failed(format!("a call that comes in two parts: {error}"));
    let mut upload = stage.upload(Operation::RowData, Form::Usual, body.len()).map_err(told)?;
    upload.send(part).map_err(told)?;
    if let Some(reply) = upload.early_answer(HELD_BACK).map_err(told)? {
        let response = Response::read(Operation::RowData, &reply);
        return Err(Miss::failed(format!("answered before the call's end: {}", response.observed())));
    }
    upload.send(rest).map_err(told)?;
    stage.read(Operation::RowData, upload.answer()).success("RowData")?;
    Ok(format!("nothing for {} s while the end was held back, then success", HELD_BACK.as_secs()))
}
