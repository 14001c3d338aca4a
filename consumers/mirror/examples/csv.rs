//! Mirrors into CSV files, `FOLDER/TENANT/current/TABLE.csv`, to show what the contract asks of a destination.
//!
//! A transaction writes the tenant's files into a new folder, positions among them, and turns `current` to it: that
//! moment is the commit. All rows are in memory, too. NULL is `\N`, and texts with a backslash in front get another.
//! Run it with `cargo run -p mirrorbus-mirror --example csv -- localhost:9092 http://localhost:8081 crm FOLDER`.

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use mirrorbus_mirror::{Applied, Batch, Column, Destination, DestinationError, Memory, Row, Settings, Stop};
use mirrorbus_schemas::topic::{Prefix, Table, Tenant};

type Fault = Box<dyn Error + Send + Sync>;
/// Rows by their keys, as they stand in the file.
type Rows = BTreeMap<Vec<String>, Vec<String>>;

/// A folder with one folder per tenant.
pub(crate) struct CsvFolder {
    pub(crate) folder: PathBuf,
    pub(crate) open: HashMap<Tenant, Mirrored>,
}

/// A tenant of which this process is the owner for as long as it has the lock: nobody else can load it.
pub(crate) struct Mirrored {
    _lock: File,
    place: PathBuf,
    memory: Memory,
    tables: BTreeMap<Table, Rows>,
}

impl Destination for CsvFolder {
    fn load(&mut self, tenant: &Tenant) -> Result<Memory, DestinationError> {
        // What was not committed is given up.
        self.open.remove(tenant);
        let mirrored = Mirrored::load(self.folder.join(tenant.as_str()))?;
        Ok(self.open.entry(tenant.clone()).or_insert(mirrored).memory.clone())
    }

    fn apply(&mut self, tenant: &Tenant, batch: &Batch<'_>) -> Result<Applied, DestinationError> {
        let mirrored = self.open.get_mut(tenant).ok_or_else(|| Fault::from("not loaded"))?;
        // Refuses a batch that does not begin where the last one ended.
        mirrored.memory.advance(batch)?;
        let mut applied = Applied::default();
        for change in &batch.tables {
            let rows = mirrored.tables.entry(change.table.clone()).or_default();
            let columns = change.after.as_deref().unwrap_or_default();
            match change.before.as_deref() {
                _ if !change.keeps_rows => rows.clear(),
                Some(before) => rows.values_mut().for_each(|row| *row = reshape(row, before, columns)),
                None => {}
            }
            change.rows.iter().for_each(|row| change_row(rows, columns, row, &mut applied));
        }
        // Until a batch ends the transaction nobody sees anything of it.
        if batch.ends {
            mirrored.publish()?;
        }
        Ok(applied)
    }
}

impl Mirrored {
    fn load(place: PathBuf) -> Result<Self, Fault> {
        fs::create_dir_all(&place)?;
        let lock = File::create(place.join("lock"))?;
        lock.try_lock()?;
        let state = place.join("current/state.json");
        let memory: Memory =
            if state.exists() { serde_json::from_slice(&fs::read(state)?)? } else { Memory::default() };
        let mut tables = BTreeMap::new();
        for (table, known) in &memory.tables {
            let Some(columns) = &known.columns else { continue };
            let rows: &mut Rows = tables.entry(table.clone()).or_default();
            for row in csv::Reader::from_path(place.join(format!("current/{table}.csv")))?.deserialize() {
                let row: Vec<String> = row?;
                rows.insert(key(columns, &row), row);
            }
        }
        Ok(Self { _lock: lock, place, memory, tables })
    }

    /// Writes the folder that is not `current`, and turns `current` to it.
    fn publish(&self) -> Result<(), Fault> {
        let (current, next) = (self.place.join("current"), self.place.join("next"));
        let name =
            if fs::read_link(&current).is_ok_and(|target| target == Path::new("a")) { "b" } else { "a" };
        let folder = self.place.join(name);
        // Left by one who died here.
        let _ = (fs::remove_dir_all(&folder), fs::remove_file(&next));
        fs::create_dir(&folder)?;
        for (table, known) in &self.memory.tables {
            let (Some(columns), Some(rows)) = (&known.columns, self.tables.get(table)) else { continue };
            let mut file = csv::Writer::from_path(folder.join(format!("{table}.csv")))?;
            file.write_record(columns.iter().map(|column| &column.name))?;
            rows.values().try_for_each(|row| file.write_record(row))?;
            file.into_inner()?.sync_all()?;
        }
        let file = File::create(folder.join("state.json"))?;
        serde_json::to_writer(&file, &self.memory)?;
        file.sync_all()?;
        File::open(&folder)?.sync_all()?;
        symlink(name, &next)?;
        fs::rename(&next, &current)?;
        Ok(File::open(&self.place)?.sync_all()?)
    }
}

fn change_row(rows: &mut Rows, columns: &[Column], row: &Row<'_>, applied: &mut Applied) {
    match row {
        Row::Upsert(values) => {
            let row: Vec<String> = columns.iter().zip(values).map(cell).collect();
            let was_there = rows.insert(key(columns, &row), row).is_some();
            *if was_there { &mut applied.updates } else { &mut applied.inserts } += 1;
        }
        Row::Delete(values) => {
            let key: Vec<String> =
                columns.iter().filter(|column| column.is_key).zip(values).map(cell).collect();
            applied.deletes += u64::from(rows.remove(&key).is_some());
        }
    }
}

fn key(columns: &[Column], row: &[String]) -> Vec<String> {
    columns.iter().zip(row).filter(|(column, _)| column.is_key).map(|(_, cell)| cell.clone()).collect()
}

/// A row that stays while the columns change.
fn reshape(row: &[String], before: &[Column], after: &[Column]) -> Vec<String> {
    let known: HashMap<_, _> = before.iter().map(|column| &column.name).zip(row).collect();
    let kept = |column: &Column| known.get(&column.name).map(|cell| cell.to_string());
    let missing = |column| cell((column, &column.missing()));
    after.iter().map(|column| kept(column).unwrap_or_else(|| missing(column))).collect()
}

fn cell((column, value): (&Column, &mirrorbus_mirror::Value<'_>)) -> String {
    let escape = |text: &str| if text.starts_with('\\') { format!("\\{text}") } else { text.to_owned() };
    value.text(column.kind).map_or("\\N".to_owned(), |text| escape(&text))
}

fn main() -> Result<(), Fault> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, kafka, registry, prefix, folder] = &arguments[..] else { return Err("see the source".into()) };
    let settings = Settings::new(kafka, registry, Prefix::new(prefix)?);
    let mut destination = CsvFolder { folder: folder.into(), open: HashMap::new() };
    Ok(mirrorbus_mirror::run(&settings, &mut destination, &Stop::new())?)
}
