//! As whom PostgreSQL runs: as this process's user, but never as root, which it refuses.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::error::ServicesError;

/// Who may go through a folder, in its mode: its owner; everybody.
const OWNER_THROUGH: u32 = 0o100;
const ALL_THROUGH: u32 = 0o001;

/// Whom root becomes, the first that the machine has.
const SERVANTS: [&str; 2] = ["postgres", "nobody"];

/// The user of the server's processes and files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The one that this process has.
    Own,
    /// Another one, because this process is root's.
    Other { name: String, uid: u32, gid: u32 },
}

impl User {
    /// The one that PostgreSQL accepts.
    pub(crate) fn fit() -> Result<User, ServicesError> {
        if !rustix::process::geteuid().is_root() {
            return Ok(User::Own);
        }
        let path = Path::new("/etc/passwd");
        let users = fs::read_to_string(path).map_err(ServicesError::file("read", path))?;
        SERVANTS.iter().find_map(|name| named(&users, name)).ok_or(ServicesError::OnlyRoot)
    }

    /// Makes it the user of a command to come.
    pub(crate) fn becomes(&self, command: &mut Command) {
        if let User::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// Makes a folder that is this user's.
    pub(crate) fn create_folder(&self, folder: &Path) -> Result<(), ServicesError> {
        fs::create_dir_all(folder).map_err(ServicesError::file("create", folder))?;
        match self {
            User::Own => Ok(()),
            User::Other { uid, gid, .. } => chown(folder, Some(*uid), Some(*gid))
                .map_err(ServicesError::file("change the owner of", folder)),
        }
    }

    /// Opens the folder for another user to pass through, not to list, and checks that the ones above it are open: those
    /// are not ours to change.
    pub(crate) fn let_through(&self, folder: &Path) -> Result<(), ServicesError> {
        let User::Other { name, uid, .. } = self else { return Ok(()) };
        let mode = fs::metadata(folder).map_err(ServicesError::file("look at", folder))?.mode();
        fs::set_permissions(folder, Permissions::from_mode(mode | ALL_THROUGH))
            .map_err(ServicesError::file("change the mode of", folder))?;
        let closed = folder.ancestors().find(|above| !lets_through(above, *uid));
        closed.map_or(Ok(()), |closed| {
            Err(ServicesError::Closed { user: name.clone(), folder: closed.to_owned() })
        })
    }
}

fn lets_through(folder: &Path, uid: u32) -> bool {
    fs::metadata(folder).is_ok_and(|facts| {
        let needed = if facts.uid() == uid { OWNER_THROUGH } else { ALL_THROUGH };
        facts.mode() & needed != 0
    })
}

/// The user with this name in a text such as `/etc/passwd`.
fn named(users: &str, name: &str) -> Option<User> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let of = fields.next().filter(|of| *of == name)?;
        let (uid, gid) = (fields.nth(1)?.parse().ok()?, fields.next()?.parse().ok()?);
        Some(User::Other { name: of.to_owned(), uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let users =
            "root:x:0:0:root:/root:/bin/sh\npostgresql:x:7:8::/:/bin/sh\npostgres:x:101:104:PostgreSQL:/:\n";
        let expected = User::Other { name: "postgres".to_owned(), uid: 101, gid: 104 };
        assert_eq!(named(users, "postgres"), Some(expected));
        assert_eq!(named(users, "nobody"), None);
        assert_eq!(named("postgres:x:\n", "postgres"), None);
    }

    #[test]
    fn our_folder_is_opened_and_a_closed_one_above_it_is_named() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("ours");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(above.path(), Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
        let user = User::Other { name: "somebody".to_owned(), uid: u32::MAX, gid: u32::MAX };
        let error = user.let_through(&folder).unwrap_err();
        assert!(matches!(&error, ServicesError::Closed { folder, .. } if folder == above.path()), "{error}");
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o701);
        fs::set_permissions(above.path(), Permissions::from_mode(0o711)).unwrap();
        user.let_through(&folder).unwrap();
    }
}
