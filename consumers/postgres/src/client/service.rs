//! `pg_service.conf`, as libpq reads it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::error::PostgresError;

/// The settings of a service: from `PGSERVICEFILE`, else `~/.pg_service.conf`, else `pg_service.conf` in `PGSYSCONFDIR`
/// or where Debian keeps it.
pub(super) fn find(name: &str) -> Result<BTreeMap<String, String>, PostgresError> {
    let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let files = match variable("PGSERVICEFILE") {
        Some(file) => vec![file],
        None => [
            variable("HOME").map(|home| home.join(".pg_service.conf")),
            variable("PGSYSCONFDIR").map(|folder| folder.join("pg_service.conf")),
            Some(PathBuf::from("/etc/postgresql-common/pg_service.conf")),
        ]
        .into_iter()
        .flatten()
        .filter(|file| file.exists())
        .collect(),
    };
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|error| PostgresError::File {
            what: "service file",
            path: path.clone(),
            rule: error.to_string(),
        })?;
        if let Some(section) = section(&text, name) {
            return Ok(section);
        }
    }
    Err(PostgresError::address(format!("no service file has a section [{name}]")))
}

fn section(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let heading = format!("[{name}]");
    let mut of_ours = lines.skip_while(|line| *line != heading);
    of_ours.next()?;
    let settings = of_ours.take_while(|line| !line.starts_with('['));
    let pair = |line: &str| {
        line.split_once('=').map(|(key, value)| (key.trim().to_owned(), value.trim().to_owned()))
    };
    Some(settings.filter_map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text =
            "# comment\n[a]\nhost=1\n\n[b]\n host = db.example\nport=5433\n# x\ndbname=m\n[c]\nport=1\n";
        let found = section(text, "b").unwrap();
        let expected = [("dbname", "m"), ("host", "db.example"), ("port", "5433")];
        assert!(found.iter().map(|(key, value)| (key.as_str(), value.as_str())).eq(expected));
        assert_eq!(section(text, "d"), None);
    }
}
