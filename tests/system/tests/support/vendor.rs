//! Single calls as the vendor makes them, with token times that a test chooses.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use operations_center::answer::Answer;
use operations_center::client::Client;
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

    pub fn send(&self, call: &Call) -> Answer {
        self.client.send(call.operation, &call.body).unwrap()
    }

    pub fn answer(&self, request: &Request) -> Answer {
        self.send(&self.call(request))
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

/// Rows of a table made by [`table`]: operation, id, name.
pub fn batch(table: &TableInfo, lsn: i64, rows: &[(&str, i32, &str)]) -> Batch {
    let rows = rows.iter().map(|(operation, id, name)| Row {
        values: vec![Some(format!("[I:{id}]")), (*operation != "D").then(|| (*name).to_owned())],
        operation: (*operation).to_owned(),
    });
    Batch { rows: rows.collect(), lsn, table: table.clone() }
}
