//! What the lines stand on: the receiver under test, who calls it, and the mirror if it can be seen.

use std::sync::OnceLock;
use std::time::Duration;

use super::guarded::Guarded;
use super::line::Miss;
use super::mirror::{MirrorRow, MirrorView, shows};
use super::raw::{Form, Target, Upload};
use super::response::Response;
use super::subject::{Remembered, Subject};
use super::table::TestTable;
use crate::application::Application;
use crate::client::{CallError, Client, Reply};
use crate::clock::{Clock, SystemClock};
use crate::sql::Value;
use crate::wire::{Operation, Request};

/// A run's stage.
pub(super) struct Stage<'s> {
    pub(super) application: &'s Application,
    pub(super) client: Client,
    pub(super) target: Target,
    pub(super) mirror: Option<&'s dyn MirrorView>,
    pub(super) tenant_prefix: String,
    /// How long any call may take.
    pub(super) timeout: Duration,
    /// How long a call may take while another is being uploaded.
    pub(super) patience: Duration,
    /// The tenant that bad tokens are tried on, once a line needs it.
    pub(super) guarded: OnceLock<Remembered>,
}

impl<'s> Stage<'s> {
    /// A tenant that no receiver has ever seen.
    pub(super) fn subject(&self) -> Subject<'_> {
        Subject::new(self, format!("{}{:08x}", self.tenant_prefix, rand::random::<u32>()))
    }

    /// The tenant that bad tokens are tried on.
    pub(super) fn guarded(&self) -> Result<Guarded<'_>, Miss> {
        if let Some(remembered) = self.guarded.get() {
            return Ok(Guarded::again(Subject::again(self, remembered)));
        }
        let guarded = Guarded::new(self)?;
        self.guarded.get_or_init(|| guarded.subject.remember());
        Ok(guarded)
    }

    /// What a browser gets at the Mirroring URL with this query.
    pub(super) fn get(&self, query: &str) -> Result<Reply, String> {
        let url = match query {
            "" => self.client.url().to_owned(),
            query => format!("{}?{query}", self.client.url()),
        };
        let config =
            ureq::Agent::config_builder().timeout_global(Some(self.timeout)).http_status_as_error(false);
        let agent: ureq::Agent = config.proxy(None).build().into();
        let response = agent.get(url).call().map_err(|error| format!("no answer: {error}"))?;
        let content_type = response.headers().get("Content-Type").and_then(|value| value.to_str().ok());
        let (status, content_type) =
            (response.status().as_u16(), content_type.unwrap_or_default().to_owned());
        let body = response.into_body().read_to_vec().map_err(|error| format!("no whole answer: {error}"))?;
        Ok(Reply { status, content_type, body })
    }

    /// The real time, in seconds since 1970.
    pub(super) fn now(&self) -> i64 {
        SystemClock.now_seconds()
    }

    /// Sends a whole body.
    pub(super) fn send(&self, operation: Operation, body: &[u8]) -> Response {
        self.judged(operation, self.client.exchange(operation, body))
    }

    /// The same with an own deadline.
    pub(super) fn send_within(&self, deadline: Duration, operation: Operation, body: &[u8]) -> Response {
        let client = Client::with_timeout(self.client.url(), deadline);
        self.judged(operation, client.exchange(operation, body))
    }

    /// Sends a whole body by hand. What is answered before it was sent whole is an answer too.
    pub(super) fn send_as(&self, form: Form, request: &Request, token: &str) -> Response {
        let (operation, body) = (request.operation(), request.envelope(token));
        let answer = self.upload(operation, form, body.len()).and_then(|mut upload| {
            let sent = upload.send(&body);
            upload.answer().or_else(|error| sent.and(Err(error)))
        });
        self.read(operation, answer)
    }

    /// Begins a call whose body comes in pieces.
    pub(super) fn upload(&self, operation: Operation, form: Form, length: usize) -> std::io::Result<Upload> {
        Upload::begin(&self.target, self.timeout, operation, form, length)
    }

    /// What an uploaded call brought.
    pub(super) fn read(&self, operation: Operation, reply: std::io::Result<Reply>) -> Response {
        match reply {
            Ok(reply) => Response::read(operation, &reply),
            Err(error) => Response::Nothing(format!("no answer: {error}")),
        }
    }

    fn judged(&self, operation: Operation, reply: Result<Reply, CallError>) -> Response {
        match reply {
            Ok(reply) => Response::read(operation, &reply),
            Err(CallError::Transport { source, .. }) => Response::Nothing(format!("no answer: {source}")),
            Err(error) => Response::Nothing(error.to_string()),
        }
    }

    /// The mirror's rows of a tenant's table.
    pub(super) fn rows(&self, tenant: &str, table: &str) -> Result<Vec<MirrorRow>, Miss> {
        let mirror = self.mirror.ok_or_else(|| Miss::unobserved("no view of the mirror was given"))?;
        mirror.rows(tenant, table).map_err(|error| Miss::failed(error.to_string()))
    }

    /// Demands that the mirror has exactly these rows of a table, in any order.
    pub(super) fn expect_rows(
        &self,
        tenant: &str,
        table: &TestTable,
        expected: &[Vec<Value>],
    ) -> Result<String, Miss> {
        let rows = self.rows(tenant, table.name())?;
        if rows.len() != expected.len() {
            let (found, due) = (rows.len(), expected.len());
            return Err(Miss::failed(format!(
                "the mirror has {found} rows of {}, {due} are right",
                table.name()
            )));
        }
        for values in expected {
            let key = rows.iter().find(|row| cell_differs(table, row, 0, values).is_none());
            let row =
                key.ok_or_else(|| Miss::failed(format!("a row of {} is not in the mirror", table.name())))?;
            if let Some(difference) =
                (1..values.len()).find_map(|place| cell_differs(table, row, place, values))
            {
                return Err(Miss::failed(difference));
            }
        }
        Ok(format!("the mirror has the {} rows that are right", rows.len()))
    }
}

fn cell_differs(table: &TestTable, row: &MirrorRow, place: usize, values: &[Value]) -> Option<String> {
    let (name, kind) = table.column(place)?;
    let value = values.get(place)?;
    let Some(shown) = row.get(name) else { return Some(format!("the mirror's rows have no column {name}")) };
    let told = |text: &Option<String>| text.as_ref().map_or("NULL".to_owned(), |text| format!("{text:?}"));
    (!shows(kind, value, shown.as_deref())).then(|| {
        let due = super::mirror::shown(kind, value);
        format!("column {name} ({kind}) has {} in the mirror, {} is right", told(shown), told(&due))
    })
}
