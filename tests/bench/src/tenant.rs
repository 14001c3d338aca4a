//! A tenant as the vendor calls it: cycles, and RowData calls that were signed before they are sent.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use operations_center::application::Application;
use operations_center::tenant::Table;
use operations_center::token::Token;
use operations_center::wire::{Request, Summary, TableInfo};

use crate::bridge::Bridge;
use crate::load::{Body, Call, Client};
use crate::stage::Stage;

/// Tokens are made so much older than the clock says, because those of calls to come are signed before.
const AGE_SECONDS: i64 = 60;

/// One tenant.
pub(crate) struct Tenant<'s> {
    application: &'s Application,
    name: String,
    client: Client,
    token_time: i64,
}

impl<'s> Tenant<'s> {
    pub(crate) fn new(stage: &'s Stage, bridge: &Bridge, name: &str) -> anyhow::Result<Self> {
        let (client, token_time) = (Client::new(bridge.address), now()? - AGE_SECONDS);
        Ok(Self { application: &stage.application, name: name.to_owned(), client, token_time })
    }

    /// Authenticate and TableSchema; says how long TableSchema took.
    pub(crate) fn open(&mut self, tables: &[Table]) -> anyhow::Result<Duration> {
        self.token_time = (self.token_time + 1).max(now()? - AGE_SECONDS);
        self.call(&Request::authenticate())?;
        let tables: Vec<TableInfo> = tables.iter().map(TableInfo::from).collect();
        self.call(&Request::table_schema(&tables))
    }

    pub(crate) fn complete(&mut self) -> anyhow::Result<()> {
        self.call(&Request::completed(&[] as &[Summary])).map(drop)
    }

    pub(crate) fn call(&mut self, request: &Request) -> anyhow::Result<Duration> {
        let call = self.signed(&Body::new(request)?)?;
        self.send(&call)
    }

    pub(crate) fn send(&mut self, call: &Call) -> anyhow::Result<Duration> {
        self.client.send(call)
    }

    /// The last answer.
    pub(crate) fn answer(&self) -> String {
        self.client.answer()
    }

    /// `count` calls that bring `bodies` in turn. Every `per_second` of them share a second, as they would if they were
    /// signed when they are sent at that rate.
    pub(crate) fn prepare(
        &mut self,
        bodies: &[Body],
        count: usize,
        per_second: usize,
    ) -> anyhow::Result<Vec<Call>> {
        self.token_time = (self.token_time + 1).max(now()? - AGE_SECONDS);
        let calls = bodies.iter().cycle().take(count).enumerate().map(|(number, body)| {
            if number > 0 && number % per_second == 0 {
                self.token_time += 1;
            }
            self.signed(body)
        });
        calls.collect()
    }

    fn signed(&self, body: &Body) -> anyhow::Result<Call> {
        Ok(body.signed(&Token::new(self.application, &self.name, self.token_time).sign()?))
    }
}

fn now() -> anyhow::Result<i64> {
    Ok(i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?)
}
