//! The rows, from a vendor's tenant through the bridge onto their topic: once a million of them, then updates again and
//! again.

use std::time::{Duration, Instant};

use mirrorbus_librdkafka::{Isolation, Spec, list_offsets};
use mirrorbus_schemas::checksum::TableChecksum;
use operations_center::application::Application;
use operations_center::caller::Caller;
use operations_center::client::Client;
use operations_center::clock::SystemClock;
use operations_center::cycle::Cycle;
use operations_center::sql::Value;
use operations_center::tenant::{Table, Tenant, TenantError};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer};

use super::Amount;
use crate::bridge::Bridge;
use crate::stage::{PREFIX, Stage};

/// The tenant, and the table.
pub(crate) const TENANT: &str = "CustMirror";
pub(crate) const TABLE: &str = "sale";
pub(crate) const KEY: &str = "sale_id";
/// Says when a row was last updated, which tells a round's rows from all others.
pub(crate) const UPDATED: &str = "updated";
/// Rows that the source changes at once; a cycle sends changes in the order of their transactions.
const TOGETHER: i64 = 1000;
/// 2020-01-01 in milliseconds since 1970: a round's updates have a day of their own from here on, and each of its
/// transactions a second.
const FIRST_ROUND_MS: i64 = 1_577_836_800_000;
const DAY_MS: i64 = 86_400_000;
/// 2010-01-01, and as many milliseconds as a sale's dates are spread over.
const FIRST_SALE_MS: i64 = 1_262_304_000_000;
const SALES_MS: i64 = 9 * 365 * DAY_MS;
/// Has no divisor in common with a number of rows that people choose, so that steps of it meet every row once.
const STEP: i64 = 611_953;
const TIMEOUT: Duration = Duration::from_secs(30);

/// A tenant whose rows are on their topic.
pub(crate) struct Source {
    application: Application,
    tenant: Tenant,
    client: Client,
    offsets: BaseProducer,
    amount: Amount,
    round: Option<usize>,
    _bridge: Bridge,
}

impl Source {
    /// Makes the tenant and sends its first load.
    pub(crate) fn load(stage: &Stage, amount: Amount) -> anyhow::Result<Self> {
        let file = stage.folder.join(format!("{TENANT}.db"));
        for ending in ["db", "db-wal", "db-shm"] {
            let left = file.with_extension(ending);
            if left.exists() {
                std::fs::remove_file(left)?;
            }
        }
        let tenant = Tenant::create(&file)?;
        tenant.add_table(&table()?)?;
        tenant.load(TABLE, (1..=amount.rows).map(values))?;
        let bridge = stage.bridge("mirror")?;
        let client = Client::new(&format!("http://{}/MirroringClientService.svc", bridge.address));
        let offsets = ClientConfig::new().set("bootstrap.servers", stage.kafka()).create()?;
        let application = stage.application.clone();
        let source = Self { application, tenant, client, offsets, amount, round: None, _bridge: bridge };
        source.send()?;
        Ok(source)
    }

    /// Changes rows all over the table, and sends them.
    pub(crate) fn update(&mut self, round: usize) -> anyhow::Result<()> {
        let first = round as i64 * self.amount.updates;
        for (transaction, begin) in (0..).zip((first..first + self.amount.updates).step_by(TOGETHER as usize))
        {
            let end = (begin + TOGETHER).min(first + self.amount.updates);
            self.tenant.transaction(|edit| {
                (begin..end).try_for_each(|number| {
                    let id = number.wrapping_mul(STEP).rem_euclid(self.amount.rows) + 1;
                    let amount = Value::Decimal(i128::from(number) * 1_000 + 37);
                    let updated = Value::Whole(day_ms(round) + transaction * 1000);
                    let cells = [("amount", amount), ("completed", 1.into()), (UPDATED, updated)];
                    edit.update(TABLE, &id.into(), &cells).map(drop)
                })?;
                Ok::<_, TenantError>(())
            })?;
        }
        self.round = Some(round);
        self.send()
    }

    /// One cycle with exactly the rows that are new.
    fn send(&self) -> anyhow::Result<()> {
        let began = Instant::now();
        let caller = Caller::new(&self.client, &self.application, &self.tenant, &SystemClock);
        let sent = Cycle::new(caller).run()?.rows();
        anyhow::ensure!(sent.cast_signed() == self.new_rows(), "{sent} rows were sent");
        eprintln!("bench: {sent} rows on their topic after {:.1} s", began.elapsed().as_secs_f64());
        Ok(())
    }

    /// How many rows the last call put on the topic.
    pub(crate) fn new_rows(&self) -> i64 {
        self.round.map_or(self.amount.rows, |_| self.amount.updates)
    }

    /// The least time of update that the newest updates have, as both databases read it; `None` after the first load.
    pub(crate) fn changed_since(&self) -> Option<String> {
        // The days of a month are enough for all rounds, and SQLite's texts sort as dates do.
        self.round.map(|round| format!("2020-01-{:02} 00:00:00", round + 1))
    }

    /// The rows' topic.
    pub(crate) fn topic(&self) -> String {
        format!("{PREFIX}.{TENANT}.{TABLE}")
    }

    /// The offset after the last row; the end of its transaction takes one more.
    pub(crate) fn end(&self) -> anyhow::Result<i64> {
        let wanted = [(self.topic(), 0)];
        let client = self.offsets.client();
        let ends = list_offsets(client, &wanted, Spec::Latest, Isolation::ReadUncommitted, TIMEOUT)?;
        let end = ends.get(&wanted[0]).copied().ok_or_else(|| anyhow::anyhow!("the topic has no end"))?;
        Ok(end - 1)
    }

    /// Rows and checksum of the tenant's own table.
    pub(crate) fn checksum(&self) -> anyhow::Result<TableChecksum> {
        Ok(self.tenant.checksum(TABLE)?)
    }
}

fn day_ms(round: usize) -> i64 {
    FIRST_ROUND_MS + round as i64 * DAY_MS
}

/// A sale, in the vendor's types.
fn table() -> anyhow::Result<Table> {
    let key = format!("{KEY} int");
    let updated = format!("{UPDATED} datetime null");
    let columns = [
        &*key,
        "contact_id int",
        "associate_id int",
        "probability smallint",
        "heading nvarchar(220)",
        "number1 nvarchar(50)",
        "description nvarchar(254) null",
        "amount decimal(19,4)",
        "earning_percent float",
        "completed bit",
        "sale_date datetime",
        "registered datetime",
        &*updated,
        "reason nvarchar(100) null",
    ];
    Ok(Table::parse(TABLE, &columns)?)
}

fn values(id: i64) -> Vec<Value> {
    let mixed = id.wrapping_mul(0x1E37_79B9_7F4A_7C15) >> 16 & i64::from(u32::MAX);
    let heading = match mixed % 10 {
        0 => format!("Fornyelse, Søylen & Sønner AS {mixed}"),
        _ => format!("Renewal of the yearly contract {mixed}"),
    };
    let description = match mixed % 3 {
        0 => Value::Null,
        _ => format!("Asked for {} more seats at the fair, and for a meeting in autumn", mixed % 90)
            .as_str()
            .into(),
    };
    let reason = match mixed % 5 {
        0 => "price".into(),
        _ => Value::Null,
    };
    let moment = |shift: i64| Value::Whole((FIRST_SALE_MS + (mixed << shift) % SALES_MS) / 1000 * 1000);
    vec![
        id.into(),
        (mixed % 250_000).into(),
        (mixed % 300).into(),
        (mixed % 101).into(),
        heading.as_str().into(),
        format!("S-{mixed:010}").as_str().into(),
        description,
        Value::Decimal(i128::from(mixed) * 12_500),
        Value::Double((mixed % 1000) as f64 / 10.0),
        (mixed % 2).into(),
        moment(3),
        moment(7),
        Value::Null,
        reason,
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_row_has_a_value_for_every_column_and_fits() {
        let table = table().unwrap();
        assert_eq!(table.columns.len(), 14);
        let folder = std::env::temp_dir().join(format!("bench-source-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let tenant = Tenant::create(&folder.join("Cust1.db")).unwrap();
        tenant.add_table(&table).unwrap();
        assert_eq!(tenant.load(TABLE, (1..=1000).map(values)).unwrap(), 1000);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn updates_of_a_round_meet_different_rows() {
        for (rows, updates) in [(1_000_000, 300_000), (20_000, 6_000), (1000, 300)] {
            let ids: BTreeSet<i64> =
                (0..updates).map(|n: i64| n.wrapping_mul(STEP).rem_euclid(rows)).collect();
            assert_eq!(ids.len() as i64, updates);
        }
    }
}
