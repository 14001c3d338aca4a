//! Change tracking, definitions, backup and restore, as claims.

mod backup;
mod definition;
mod property;
mod tracking;

use std::sync::Arc;

use tempfile::TempDir;

use super::*;
use crate::fixture::HandClock;

const DAY_SECONDS: i64 = 86_400;

struct Fixture {
    folder: TempDir,
    tenant: Tenant,
    clock: Arc<HandClock>,
}

/// A tenant with one empty table that is not tracked yet, at the end of 1970's first hundred days.
fn untracked() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(HandClock::at_seconds(100 * DAY_SECONDS));
    let tenant = Tenant::create(&folder.path().join("Cust1.db")).unwrap().with_clock(clock.clone());
    tenant.add_table(&contact()).unwrap();
    Fixture { folder, tenant, clock }
}

fn tracked() -> Fixture {
    let fixture = untracked();
    assert!(fixture.tenant.enable_tracking("contact").unwrap());
    fixture
}

fn contact() -> Table {
    Table::parse("contact", &["contact_id int", "name nvarchar(20)", "rank float null"]).unwrap()
}

fn insert(tenant: &Tenant, id: i32, name: &str) {
    tenant.insert("contact", &[("contact_id", id.into()), ("name", name.into())]).unwrap();
}

fn rename(tenant: &Tenant, id: i32, name: &str) {
    assert!(tenant.update("contact", &id.into(), &[("name", name.into())]).unwrap());
}

/// Changes since a version as `I1=name`; a deleted row has no name.
fn changes(tenant: &Tenant, since: i64) -> Vec<String> {
    let snapshot = tenant.snapshot().unwrap();
    let mut changes = Vec::new();
    snapshot
        .for_each_change(&snapshot.table("contact").unwrap(), since, |change, row| {
            let values = row.to_values()?;
            let letter = match change {
                Change::Insert => 'I',
                Change::Update => 'U',
                Change::Delete => 'D',
            };
            let (Value::Whole(key), name) = (&values[0], &values[1]) else {
                panic!("a key that is no number")
            };
            let name = if let Value::Text(name) = name { name } else { "-" };
            changes.push(format!("{letter}{key}={name}"));
            Ok::<_, TenantError>(())
        })
        .unwrap();
    changes
}

fn knows(tenant: &Tenant, lsn: i64) -> bool {
    tenant.snapshot().unwrap().knows_changes_since("contact", lsn).unwrap()
}
