//! What an exchange keeps of a tenant: a copy of the whole file under another name, `Cust1.old-20261127T120000.sqlite`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use mirrorbus_schemas::topic::Tenant;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::client::{file, open_to_read};
use crate::error::SqliteError;

const STAMP: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]T[hour][minute][second]");

/// Copies a tenant's live file, as it was last committed, and makes the copy durable.
pub(crate) fn keep(folder: &Path, tenant: &Tenant, live: &Path) -> Result<PathBuf, SqliteError> {
    let path = unused(folder, tenant)?;
    // Nobody takes it for a copy before it is whole.
    let unfinished = path.with_extension("unfinished");
    let kept = copy(live, &unfinished).and_then(|()| {
        fs::rename(&unfinished, &path).map_err(file("name", &path))?;
        sync(folder)
    });
    if kept.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    kept.map(|()| path)
}

fn copy(live: &Path, to: &Path) -> Result<(), SqliteError> {
    let failed = || SqliteError::sql(format!("copy {} to {}", live.display(), to.display()));
    // One that a killed process left there: SQLite writes to none that holds anything.
    remove(to)?;
    let name = to.to_str().ok_or_else(|| SqliteError::Path { path: to.to_owned() })?;
    open_to_read(live)?.execute("VACUUM INTO ?", [name]).map_err(failed())?;
    // SQLite leaves that to the system.
    sync(to)
}

fn sync(path: &Path) -> Result<(), SqliteError> {
    File::open(path).and_then(|opened| opened.sync_all()).map_err(file("sync", path))
}

/// A name by the present second, or by the next one that is free.
fn unused(folder: &Path, tenant: &Tenant) -> Result<PathBuf, SqliteError> {
    let mut at = OffsetDateTime::now_utc();
    loop {
        let stamp = at.format(STAMP).map_err(|source| SqliteError::Clock { source })?;
        let path = folder.join(format!("{tenant}.old-{stamp}.sqlite"));
        if !path.exists() {
            return Ok(path);
        }
        at += Duration::from_secs(1);
    }
}

/// When a file was kept, by its name; `None` for a file that is not kept of this tenant.
fn kept_at(name: &str, tenant: &Tenant) -> Option<OffsetDateTime> {
    let stamp = name.strip_prefix(tenant.as_str())?.strip_prefix(".old-")?.strip_suffix(".sqlite")?;
    PrimitiveDateTime::parse(stamp, STAMP).ok().map(PrimitiveDateTime::assume_utc)
}

/// Removes what was kept of a tenant longer ago than this. Names what went.
pub(crate) fn drop_older(folder: &Path, tenant: &Tenant, age: Duration) -> Result<Vec<String>, SqliteError> {
    let now = OffsetDateTime::now_utc();
    let mut gone = Vec::new();
    for entry in fs::read_dir(folder).map_err(file("read folder", folder))? {
        let entry = entry.map_err(file("read folder", folder))?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if kept_at(&name, tenant).is_some_and(|at| now - at >= age) {
            remove(&entry.path())?;
            gone.push(name);
        }
    }
    gone.sort();
    Ok(gone)
}

/// Removes a file, if it is there.
pub(crate) fn remove(path: &Path) -> Result<(), SqliteError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(file("remove", path)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_tenants_kept_files_are_its_kept_files() {
        let tenant = Tenant::new("Cust1").unwrap();
        assert!(kept_at("Cust1.old-20261127T120000.sqlite", &tenant).is_some());
        for name in [
            "Cust1.sqlite",
            "Cust1.beside",
            "Cust12.old-20261127T120000.sqlite",
            "Cust1.old-20261127T120000.sqlite-wal",
            "Cust1.old-20261327T120000.sqlite",
            "Cust1.old-.sqlite",
        ] {
            assert_eq!(kept_at(name, &tenant), None, "{name}");
        }
    }
}
