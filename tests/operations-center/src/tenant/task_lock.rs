//! One task at a time.
//!
//! Tasks of a tenant run one after another, also when a schedule runs in one process and somebody runs a cycle in
//! another. The lock is a file of its own: to lock the database's would take away the locks that SQLite holds on it.

use std::fs::File;

use super::{Tenant, TenantError};

/// The right to run a task on the tenant, held until dropped. The kernel drops that of a process that dies.
#[derive(Debug)]
pub struct TaskLock {
    _file: File,
}

impl Tenant {
    /// Waits until no other task runs on the tenant, in this process or another.
    ///
    /// # Errors
    /// [`TenantError::TaskLock`] when the file beside the database cannot be locked.
    pub fn lock_for_task(&self) -> Result<TaskLock, TenantError> {
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        let path = self.path.with_file_name(format!(".{name}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let locked = file.and_then(|file| file.lock().map(|()| file));
        locked.map(|file| TaskLock { _file: file }).map_err(|source| TenantError::TaskLock { path, source })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_task_waits_for_the_one_before_it_and_other_tenants_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let create = |name: &str| Tenant::create(&folder.path().join(name)).unwrap();
        let (first, other) = (create("Cust1.db"), create("Cust2.db"));
        let held = first.lock_for_task().unwrap();
        other.lock_for_task().unwrap();
        let again = Tenant::open(first.path()).unwrap();
        let (sender, receiver) = channel();
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let _held = again.lock_for_task().unwrap();
                sender.send(()).unwrap();
            });
            // It has no way to say that it waits.
            let early = receiver.recv_timeout(Duration::from_millis(100));
            assert_eq!(early, Err(RecvTimeoutError::Timeout));
            drop(held);
            receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        });
    }
}
