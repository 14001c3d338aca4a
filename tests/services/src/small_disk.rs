//! A disk that fills up.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A file system of a few MiB in memory, which goes away with the value.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None` where nobody may mount one: that needs root.
    #[must_use]
    pub fn mount(mib: u32) -> Option<Self> {
        let disk = Self(TempDir::new().ok()?);
        disk.mounted(&format!("size={mib}m")).then_some(disk)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Gives it another size. Says whether that was possible.
    #[must_use]
    pub fn resize(&self, mib: u32) -> bool {
        self.mounted(&format!("remount,size={mib}m"))
    }

    fn mounted(&self, options: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "none"]).arg(self.path());
        mount.status().is_ok_and(|status| status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // One that stays mounted would be seen: its folder cannot be removed then. Where none was mounted there is none to
        // take away.
        let _ = Command::new("umount").arg("-l").arg(self.path()).output();
    }
}
