//! Single calls as the vendor makes them, with token times that a test chooses.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use operations_center::answer::Answer;
use operations_center::client::{CallError, Client, Reply};
use operations_center::token::Token;
use operations_center::wire::{Batch, ColumnInfo, Operation, Request, Row, Summary, TableInfo};

use super::bridge::Bridge;
use super::world::application;

/// Calls one bridge for one tenant. All calls between two [`Vendor::later`] carry the same token time.
pub struct Vendor {
    client: Client,
    tenant: String,
    token_time: Cell<i64>,
    log: PathBuf,
}

/// A whole call that can be sent again, the very same bytes.
#[derive(Clone)]
pub struct Call {
    pub operation: Operation,
    pub body: Vec<u8>,
}

impl Call {
    /// The request under any token.
    pub fn with_token(request: &Request, token: &str) -> Self {
        Self { operation: request.operation(), body: request.envelope(token) }
    }

    /// The call with one piece of its text put in another's place.
    pub fn replaced(&self, piece: &str, by: &str) -> Self {
        let text = std::str::from_utf8(&self.body).unwrap();
        assert_eq!(text.matches(piece).count(), 1, "{piece} in {text}");
        Self { operation: self.operation, body: text.replace(piece, by).into_bytes() }
    }
}

impl Vendor {
    pub fn new(tenant: &str, bridge: &Bridge) -> Self {
        // Within the tokens' six minutes whatever time a test lets pass.
        let token_time = Cell::new(now() - 120);
        let client = Client::with_timeout(&bridge.url, Duration::from_secs(90));
        Self { client, tenant: tenant.to_owned(), token_time, log: bridge.log.clone() }
    }

    /// The same tenant and time at another bridge.
    pub fn at(&self, bridge: &Bridge) -> Self {
        let client = Client::with_timeout(&bridge.url, Duration::from_secs(90));
        Self {
            client,
            tenant: self.tenant.clone(),
            token_time: self.token_time.clone(),
            log: bridge.log.clone(),
        }
    }

    /// What the bridge said so far.
    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Lets a second pass for the tokens to come.
    pub fn later(&self) -> &Self {
        self.token_time.set(self.token_time.get() + 1);
        self
    }

    /// Sets the token time to come to `seconds` after the clock's present.
    pub fn set_now(&self, seconds: i64) {
        self.token_time.set(now() + seconds);
    }

    pub fn token(&self) -> Token {
        Token::new(application(), &self.tenant, self.token_time.get())
    }

    /// The call as it would be sent now.
    pub fn call(&self, request: &Request) -> Call {
        Call { operation: request.operation(), body: request.envelope(&self.token().sign().unwrap()) }
    }

    /// Sends and takes whatever comes back.
    pub fn exchange(&self, call: &Call) -> Reply {
        self.client.exchange(call.operation, &call.body).unwrap()
    }

    pub fn send(&self, call: &Call) -> Answer {
        self.try_send(call).unwrap()
    }

    /// For a bridge that may die meanwhile.
    pub fn try_send(&self, call: &Call) -> Result<Answer, CallError> {
        self.client.send(call.operation, &call.body)
    }

    /// Takes over the token time of calls made elsewhere.
    pub fn catch_up(&self, other: &Self) {
        self.token_time.set(other.token_time.get());
    }

    pub fn answer(&self, request: &Request) -> Answer {
        self.send(&self.call(request))
    }

    /// Sends a call and lets `happen` once the bridge has got to `point` in it; then the bridge goes on.
    pub fn answer_with(
        &self,
        bridge: &Bridge,
        request: &Request,
        point: &str,
        happen: impl FnOnce(),
    ) -> Answer {
        let call = self.call(request);
        let sender = self.at(bridge);
        bridge.failpoints.arm(point);
        let answer = std::thread::spawn(move || sender.send(&call));
        bridge.failpoints.wait_for(point);
        happen();
        bridge.failpoints.release(point);
        answer.join().unwrap()
    }

    /// Sends and demands success.
    pub fn succeed(&self, request: &Request) -> Answer {
        let answer = self.answer(request);
        assert!(answer.is_successful, "{}: {}\n{}", request.operation(), answer.message(), self.log());
        answer
    }

    /// Sends and demands refusal; gives the message.
    pub fn fail(&self, request: &Request) -> String {
        let answer = self.answer(request);
        assert!(!answer.is_successful, "{} succeeded", request.operation());
        answer.message().to_owned()
    }

    /// Opens a cycle a second later than everything before: Authenticate and TableSchema. Gives the LSNs answered.
    pub fn open(&self, tables: &[TableInfo]) -> BTreeMap<String, i64> {
        self.later();
        let answer = self.succeed(&Request::authenticate());
        assert!(!answer.asks_not_to_replicate());
        self.schema(tables)
    }

    pub fn schema(&self, tables: &[TableInfo]) -> BTreeMap<String, i64> {
        let answer = self.succeed(&Request::table_schema(tables));
        answer.positions.unwrap().into_iter().map(|position| (position.table, position.lsn)).collect()
    }

    pub fn rows(&self, batches: &[Batch]) -> Answer {
        self.succeed(&Request::row_data(batches))
    }

    pub fn wipe(&self, table: &str) -> Answer {
        self.succeed(&Request::wipe(table))
    }

    pub fn complete(&self) -> Answer {
        self.succeed(&Request::completed(&[] as &[Summary]))
    }

    /// A whole cycle that brings one batch of `contact` when asked to send everything or anything.
    pub fn cycle(&self, batches: &[Batch]) -> BTreeMap<String, i64> {
        let tables: Vec<TableInfo> = batches.iter().map(|batch| batch.table.clone()).collect();
        let lsns = self.open(&tables);
        for batch in batches {
            if lsns[&batch.table.table] == -1 {
                self.wipe(&batch.table.table);
            }
            self.rows(std::slice::from_ref(batch));
        }
        self.complete();
        lsns
    }
}

fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap()
}

/// A table of an int key `id` and a text `name`.
pub fn table(name: &str) -> TableInfo {
    TableInfo {
        table: name.to_owned(),
        columns: vec![column("id", "int", false), column("name", "nvarchar(100)", true)],
    }
}

pub fn column(name: &str, sql_type: &str, is_nullable: bool) -> ColumnInfo {
    ColumnInfo {
        default_value: String::new(),
        is_nullable,
        name: name.to_owned(),
        sql_type: sql_type.to_owned(),
    }
}

pub fn contact() -> TableInfo {
    table("contact")
}

/// A table of any columns, all but the first nullable: name and type.
pub fn typed(name: &str, columns: &[(&str, &str)]) -> TableInfo {
    let columns = columns.iter().enumerate();
    let columns = columns.map(|(place, (name, sql_type))| column(name, sql_type, place > 0)).collect();
    TableInfo { table: name.to_owned(), columns }
}

/// A row of any values.
pub fn row(operation: &str, values: &[Option<&str>]) -> Row {
    let values = values.iter().map(|value| value.map(str::to_owned)).collect();
    Row { values, operation: operation.to_owned() }
}

/// Rows of a table made by [`table`]: operation, id, name.
pub fn batch(table: &TableInfo, lsn: i64, rows: &[(&str, i32, &str)]) -> Batch {
    let rows = rows.iter().map(|(operation, id, name)| Row {
        values: vec![Some(format!("[I:{id}]")), (*operation != "D").then(|| (*name).to_owned())],
        operation: (*operation).to_owned(),
    });
    Batch { rows: rows.collect(), lsn, table: table.clone() }
}
