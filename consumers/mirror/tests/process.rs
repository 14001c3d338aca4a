//! Members of a group as processes of their own, one of which is stopped in the middle of a batch for longer than the
//! group waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use mirrorbus_mirror::{
    Applied, Batch, Column, Destination, DestinationError, Marks, Memory, Position, Settings, TableMemory,
    spawn,
};
use mirrorbus_schemas::topic::{Prefix, Table, Tenant};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::destination::{Kept, Rows};
use super::shared::Tenants;
use super::source::until;

/// As short as Kafka allows by default.
const SESSION: (&str, &str) = ("session.timeout.ms", "6000");

/// A folder with a file per tenant, written under a lock: the same destination as the one in memory, for processes.
struct Files {
    folder: PathBuf,
    name: String,
    owned: BTreeMap<Tenant, u64>,
}

/// A tenant's file.
#[derive(Default, Serialize, Deserialize)]
struct Written {
    owner: u64,
    positions: Vec<(String, i32, String, i64)>,
    tables: Vec<(Table, Option<Vec<Column>>, Marks)>,
    rows: BTreeMap<String, Rows>,
    writers: Vec<String>,
}

impl From<Written> for Kept {
    fn from(written: Written) -> Self {
        let positions = written.positions.into_iter().map(|(topic, partition, topic_id, next_offset)| {
            ((topic, partition), Position { topic_id, next_offset })
        });
        let tables = written.tables.into_iter();
        let tables = tables.map(|(table, columns, marks)| (table, TableMemory { columns, marks }));
        Kept {
            owner: Some(written.owner),
            owners: written.owner,
            memory: Memory { positions: positions.collect(), tables: tables.collect(), ..Memory::default() },
            rows: written.rows,
            writers: written.writers,
        }
    }
}

impl From<Kept> for Written {
    fn from(kept: Kept) -> Self {
        let positions = kept.memory.positions.into_iter().map(|((topic, partition), position)| {
            (topic, partition, position.topic_id, position.next_offset)
        });
        let tables = kept.memory.tables.into_iter();
        Written {
            owner: kept.owners,
            positions: positions.collect(),
            tables: tables.map(|(table, known)| (table, known.columns, known.marks)).collect(),
            rows: kept.rows,
            writers: kept.writers,
        }
    }
}

fn read(folder: &Path, tenant: &str) -> Kept {
    let text = fs::read(folder.join(tenant)).unwrap_or_default();
    serde_json::from_slice::<Written>(&text).unwrap_or_default().into()
}

/// Changes a tenant's file; nobody else does meanwhile, and nobody sees half of it.
fn change<T>(folder: &Path, tenant: &Tenant, change: impl FnOnce(&mut Kept) -> T) -> T {
    let lock = File::create(folder.join(format!("{tenant}.lock"))).unwrap();
    lock.lock().unwrap();
    let mut kept = read(folder, tenant.as_str());
    let changed = change(&mut kept);
    let half = folder.join(format!("{tenant}.half"));
    fs::write(&half, serde_json::to_vec(&Written::from(kept)).unwrap()).unwrap();
    fs::rename(half, folder.join(tenant.as_str())).unwrap();
    changed
}

impl Destination for Files {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        let (owner, memory) = change(&self.folder, tenant, |kept| (kept.take_over(), kept.memory.clone()));
        self.owned.insert(tenant.clone(), owner);
        Ok(memory)
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        // Told to, it waits in the middle of a batch.
        let hold = self.folder.join(format!("{}.hold", self.name));
        if hold.exists() {
            fs::write(self.folder.join(format!("{}.holds", self.name)), "").unwrap();
            until("it may go on", || !hold.exists());
        }
        let owner = self.owned.get(tenant).copied().unwrap_or_default();
        let applied = change(&self.folder, tenant, |kept| kept.apply(owner, &self.name, batch));
        if let Err(DestinationError::Fenced { .. }) = &applied {
            let path = self.folder.join(format!("{}.refused", self.name));
            let mut refused = OpenOptions::new().create(true).append(true).open(path).unwrap();
            writeln!(refused, "{tenant}").unwrap();
        }
        applied.map(|()| Applied::default())
    }
}

fn signal(name: &str, process: u32) {
    let told = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(told.unwrap().success());
}

/// A mirror in a process of its own, which is this test program once more.
struct Member {
    name: &'static str,
    child: Child,
}

impl Member {
    fn start(tenants: &Tenants, folder: &TempDir, name: &'static str) -> Self {
        let settings = tenants.settings();
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "process::as_a_member", "--ignored", "--nocapture"])
            .env("MEMBER_NAME", name)
            .env("MEMBER_FOLDER", folder.path())
            .env("MEMBER_PREFIX", settings.prefix.as_str())
            .env("MEMBER_GROUP", settings.group.unwrap())
            .env("MEMBER_KAFKA", settings.kafka)
            .env("MEMBER_REGISTRY", settings.registry)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Self { name, child }
    }

    /// Ends it in order.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "{}", self.name);
    }

    fn is_stopped(&self) -> bool {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    }
}

/// A test that fails leaves no process behind, stopped or not.
impl Drop for Member {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[ignore = "started by the tests of this file as a process of its own"]
fn as_a_member() {
    let Ok(name) = std::env::var("MEMBER_NAME") else { return };
    let variable = |name: &str| std::env::var(name).unwrap();
    let folder = PathBuf::from(variable("MEMBER_FOLDER"));
    let prefix = Prefix::new(variable("MEMBER_PREFIX")).unwrap();
    let mut settings = Settings::new(variable("MEMBER_KAFKA"), variable("MEMBER_REGISTRY"), prefix);
    settings.group = Some(variable("MEMBER_GROUP"));
    settings.kafka_settings.push((SESSION.0.to_owned(), SESSION.1.to_owned()));
    let running = spawn(settings, Files { folder, name, owned: BTreeMap::new() }).unwrap();
    // Until the parent closes it, or is no more.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    running.stop().unwrap();
}

/// Who wrote each tenant's newest batch, once all have one.
fn last_writers(tenants: &Tenants, folder: &TempDir) -> Option<BTreeMap<String, String>> {
    let last = |tenant: &str| Some((tenant.to_owned(), read(folder.path(), tenant).writers.pop()?));
    tenants.names().map(last).collect()
}

/// Commits until the newest batches come from exactly these.
fn until_shared_by(tenants: &mut Tenants, folder: &TempDir, wanted: &[&str]) -> BTreeMap<String, String> {
    let mut last = BTreeMap::new();
    until(&format!("{wanted:?} share the tenants"), || {
        tenants.commit();
        last = last_writers(tenants, folder).unwrap_or_default();
        let writers: BTreeSet<&str> = last.values().map(String::as_str).collect();
        writers == wanted.iter().copied().collect()
    });
    last
}

#[test]
fn a_process_that_was_stopped_in_a_batch_applies_nothing_of_what_is_others_and_comes_back() {
    let mut tenants = Tenants::new("stopped", 12);
    let folder = TempDir::new().unwrap();
    let mut members: Vec<Member> =
        ["one", "two", "three"].into_iter().map(|name| Member::start(&tenants, &folder, name)).collect();
    until_shared_by(&mut tenants, &folder, &["one", "two", "three"]);

    let hold = folder.path().join("one.hold");
    fs::write(&hold, "").unwrap();
    until("it is in a batch", || {
        tenants.commit();
        folder.path().join("one.holds").exists()
    });
    signal("STOP", members[0].child.id());
    until("it has stopped", || members[0].is_stopped());
    let written =
        |tenant: &str| read(folder.path(), tenant).writers.iter().filter(|writer| *writer == "one").count();
    let before: BTreeMap<String, usize> =
        tenants.names().map(|tenant| (tenant.to_owned(), written(tenant))).collect();
    let stopped = Instant::now();
    let taken = until_shared_by(&mut tenants, &folder, &["two", "three"]);
    eprintln!("the others had its tenants after {:?}", stopped.elapsed());
    let owners: BTreeMap<String, u64> =
        taken.keys().map(|tenant| (tenant.clone(), read(folder.path(), tenant).owners)).collect();

    fs::remove_file(hold).unwrap();
    signal("CONT", members[0].child.id());
    let refused = folder.path().join("one.refused");
    until("its batch is refused", || {
        tenants.commit();
        refused.exists()
    });
    until_shared_by(&mut tenants, &folder, &["one", "two", "three"]);
    for tenant in tenants.names() {
        let kept = read(folder.path(), tenant);
        let own = kept.writers.iter().filter(|writer| *writer == "one").count();
        assert!(
            own == before[tenant] || kept.owners > owners[tenant],
            "{tenant}: only after it took it again"
        );
    }
    let refused = fs::read_to_string(refused).unwrap();
    let distinct: BTreeSet<&str> = refused.lines().collect();
    assert_eq!(refused.lines().count(), distinct.len(), "each tenant's batch once: {refused}");

    members.pop().unwrap().stop();
    until_shared_by(&mut tenants, &folder, &["one", "two"]);
    let rows = tenants.committed();
    until("every row is there once", || {
        tenants.names().all(|tenant| {
            read(folder.path(), tenant).rows.get("contact").is_some_and(|contact| contact.len() == rows)
        })
    });
    members.into_iter().for_each(Member::stop);
}
