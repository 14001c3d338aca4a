//! A tenant of the vendor's shape: some thirty tables, random work, the vendor's own cycle.

use std::path::Path;

use operations_center::activity::{self, Amount};
use operations_center::application::Application;
use operations_center::caller::Caller;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::crm;
use operations_center::cycle::{Cycle, CycleError, Options};
use operations_center::sql::Value;
use operations_center::tenant::Tenant;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::ledger::{self, Failed};

/// Contacts; all in all some 25 times as many rows.
const SIZE: u64 = 8;
const WORK: Amount = Amount { inserts: 30, updates: 50, deletes: 25 };
/// Many calls to a table, several tables to a call.
const OPTIONS: Options = Options { batch_bytes: Some(10_000), combine: true, pretty: false };

/// A tenant and its way to the bridges.
pub(crate) struct Crm {
    pub(crate) tenant: Tenant,
    client: Client,
    application: Application,
    random: StdRng,
    columns: u32,
}

impl Crm {
    /// In a new file `folder/name.db`.
    pub(crate) fn new(
        folder: &Path,
        name: &str,
        url: &str,
        application: &Application,
        seed: u64,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            tenant: crm::create(&folder.join(format!("{name}.db")), SIZE, seed)?,
            client: Client::with_timeout(url, crate::CALL_TIMEOUT),
            application: application.clone(),
            random: StdRng::seed_from_u64(seed),
            columns: 0,
        })
    }

    /// What users do between two cycles; now and then a column comes, or change tracking expires and everything is sent
    /// anew.
    pub(crate) fn work(&mut self) -> anyhow::Result<()> {
        activity::random(&self.tenant, WORK, self.random.r#gen())?;
        if self.random.gen_bool(0.1) {
            self.tenant.expire_tracking()?;
        }
        if self.random.gen_bool(0.1) {
            self.columns += 1;
            let column = format!("x_bounce{} int null", self.columns).parse()?;
            self.tenant.add_column("contact", column, &Value::Null)?;
        }
        Ok(())
    }

    /// One cycle; rows sent, or why it ended early.
    ///
    /// # Errors
    /// What no fault excuses.
    pub(crate) fn cycle(&self) -> anyhow::Result<Result<u64, Failed>> {
        let caller = Caller::new(&self.client, &self.application, &self.tenant, &SystemClock);
        match Cycle::with_options(caller, OPTIONS).run() {
            Ok(report) if report.skipped => Ok(Err(Failed("doNotReplicate".to_owned()))),
            Ok(report) => Ok(Ok(report.rows())),
            Err(CycleError::Refused { message, .. }) => Ok(Err(Failed(ledger::code(&message)))),
            Err(CycleError::Call(error) | CycleError::TableCall { source: error, .. }) => {
                Ok(Err(Failed(ledger::call_code(&error))))
            }
            Err(error) => Err(error.into()),
        }
    }
}
