//! Where the password comes from: a file of its own, the service, or a password file as libpq reads it.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::error::PostgresError;

/// The password, where a file holds one that is meant for this server.
pub(super) fn find(
    config: &Config,
    own_file: Option<&Path>,
    passfile: Option<&str>,
) -> Result<Option<String>, PostgresError> {
    if let Some(path) = own_file {
        let text = read(path)?;
        return Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()));
    }
    if config.get_password().is_some() {
        return Ok(None);
    }
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".pgpass"));
    let named = passfile.map(PathBuf::from).or_else(|| std::env::var_os("PGPASSFILE").map(PathBuf::from));
    let Some(path) = named.or_else(|| home().filter(|path| path.exists())) else { return Ok(None) };
    let text = read(&path)?;
    let metadata = std::fs::metadata(&path).map_err(|error| file(&path, error.to_string()))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        return Err(file(&path, "others can read it; chmod 600".to_owned()));
    }
    Ok(text.lines().find_map(|line| matching(line, &wanted(config))))
}

fn read(path: &Path) -> Result<String, PostgresError> {
    std::fs::read_to_string(path).map_err(|error| file(path, error.to_string()))
}

fn file(path: &Path, rule: String) -> PostgresError {
    PostgresError::File { what: "password file", path: path.to_owned(), rule }
}

/// Host, port, database and user, as a password file names them.
fn wanted(config: &Config) -> [String; 4] {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(_)) | None => "localhost".to_owned(),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432).to_string();
    let user = config.get_user().unwrap_or_default().to_owned();
    let database = config.get_dbname().map_or_else(|| user.clone(), str::to_owned);
    [host, port, database, user]
}

/// The password of a line whose first four fields are these, or `*`.
fn matching(line: &str, wanted: &[String; 4]) -> Option<String> {
    if line.starts_with('#') {
        return None;
    }
    let fields = fields(line);
    let (password, names) = fields.split_last()?;
    let fits = names.len() == wanted.len()
        && names.iter().zip(wanted).all(|(name, wanted)| name == "*" || name == wanted);
    fits.then(|| password.clone())
}

/// Fields between colons; a backslash takes the next character as it is.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let next = match character {
            ':' if fields.len() < 5 => {
                fields.push(String::new());
                continue;
            }
            '\\' => characters.next(),
            other => Some(other),
        };
        if let Some(field) = fields.last_mut() {
            field.extend(next);
        }
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_password_file_is_matched_by_four_fields() {
        let wanted = ["db".to_owned(), "5432".to_owned(), "mirror".to_owned(), "me".to_owned()];
        for (line, password) in [
            ("db:5432:mirror:me:secret", Some("secret")),
            ("*:*:*:*:a\\:b\\\\c", Some("a:b\\c")),
            ("*:*:*:me:a:b", Some("a:b")),
            ("db:5433:mirror:me:secret", None),
            ("#*:*:*:*:secret", None),
            ("secret", None),
            ("", None),
        ] {
            assert_eq!(matching(line, &wanted).as_deref(), password, "{line}");
        }
    }
}
