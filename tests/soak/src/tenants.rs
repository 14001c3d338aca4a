//! The tenants: their files, and what is done to them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use operations_center::activity::{self, Alteration, Amount};
use operations_center::crm::{Plan, Schema, Size};
use operations_center::tenant::Tenant;

/// A tenant has so many contacts, and more, as its number says.
const FEWEST_CONTACTS: u64 = 4;
const CONTACTS: u64 = 12;
/// Tables that no other refers to. Tenant by tenant one more of them is missing, and then none again.
const LEAVES: [&str; 10] = [
    "selection",
    "projectmember",
    "project",
    "product",
    "contactinterest",
    "document",
    "email",
    "category",
    "business",
    "country",
];
/// What is done again and again after a hidden restore, until the old version is passed.
const SAVE: Amount = Amount { inserts: 1, updates: 2, deletes: 1 };

/// The name of tenant `number`.
pub(crate) fn name(number: u32) -> String {
    format!("Cust{}", 10_001 + number)
}

/// The file of the tenant of this name.
pub(crate) fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join("tenants").join(format!("{name}.db"))
}

/// Makes `count` tenants, several at once.
pub(crate) fn make(folder: &Path, count: u32, seed: u64) -> anyhow::Result<()> {
    let tenants = folder.join("tenants");
    fs::create_dir(&tenants).with_context(|| format!("cannot create {}", tenants.display()))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let numbers: Vec<u32> = (0..count).collect();
    let share = numbers.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let makers = numbers.chunks(share).map(|share| {
            scope.spawn(move || share.iter().try_for_each(|number| make_one(folder, *number, seed)))
        });
        let makers: Vec<_> = makers.collect();
        let join = |maker: std::thread::ScopedJoinHandle<'_, _>| {
            maker.join().map_err(|_| anyhow!("a thread that makes tenants panicked"))?
        };
        makers.into_iter().try_for_each(join)
    })
}

fn make_one(folder: &Path, number: u32, seed: u64) -> anyhow::Result<()> {
    let name = name(number);
    let contacts = FEWEST_CONTACTS + u64::from(number) % CONTACTS;
    let seed = seed.wrapping_add(u64::from(number));
    let plan = Plan { schema: Schema::Small, size: Size::Contacts(contacts), seed };
    let failed = || format!("cannot make the tenant {name}");
    let tenant = plan.create(&file(folder, &name), |_| ()).with_context(failed)?;
    let missing = usize::try_from(number)? % (LEAVES.len() + 1);
    LEAVES.iter().take(missing).try_for_each(|table| tenant.drop_table(table)).with_context(failed)
}

/// Changes the tenant's schema.
pub(crate) fn alter(tenant: &Tenant, seed: u64) -> anyhow::Result<()> {
    let alteration = Alteration::random(tenant, seed)?;
    alteration
        .apply(tenant, seed)
        .with_context(|| format!("tenant {}: cannot do {alteration:?}", tenant.name()))
}

fn backup_file(tenant: &Tenant) -> PathBuf {
    tenant.path().with_extension("backup")
}

/// Copies the tenant's database, in the place of an earlier copy.
pub(crate) fn back_up(tenant: &Tenant) -> anyhow::Result<()> {
    let backup = backup_file(tenant);
    if backup.exists() {
        fs::remove_file(&backup)?;
    }
    Ok(tenant.backup(&backup)?)
}

/// Takes the tenant back to its last copy.
pub(crate) fn restore(tenant: &Tenant) -> anyhow::Result<()> {
    Ok(tenant.restore(&backup_file(tenant))?)
}

/// The same, and then so much work that every position of a mirror is passed again.
pub(crate) fn restore_and_pass(tenant: &Tenant) -> anyhow::Result<()> {
    let before = tenant.version()?;
    restore(tenant)?;
    let mut seed = 0;
    tenant.overtake(before, |tenant| {
        seed += 1;
        activity::random(tenant, SAVE, seed).map(|_| ())
    })?;
    Ok(())
}
