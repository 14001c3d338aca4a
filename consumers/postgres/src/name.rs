//! The one place where names and texts enter SQL.
//!
//! PostgreSQL cuts names off after 63 bytes without an error, so that two long names could become one, and refuses
//! columns that are called like its own. Such a name is cut shorter and ends in eight digits of its SHA-256.

use sha2::{Digest, Sha256};

/// What PostgreSQL keeps of a name, in bytes.
const LONGEST: usize = 63;
/// `_` and eight digits.
const MARK: usize = 9;
/// Columns that every table has already.
const SYSTEM_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The name under which a table stands.
pub(crate) fn table(name: &str) -> String {
    fit(name, LONGEST)
}

/// The name under which a column stands.
pub(crate) fn column(name: &str) -> String {
    if SYSTEM_COLUMNS.contains(&name) { marked(name, LONGEST) } else { fit(name, LONGEST) }
}

/// The name of a table's primary key: one that no table has.
pub(crate) fn key(table: &str) -> String {
    format!("_pk_{}", fit(table, LONGEST - 4))
}

/// The name of a schema with something behind it that is never cut.
pub(crate) fn schema(name: &str, suffix: &str) -> String {
    format!("{}{suffix}", fit(name, LONGEST.saturating_sub(suffix.len())))
}

fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest { name.to_owned() } else { marked(name, longest) }
}

fn marked(name: &str, longest: usize) -> String {
    let digest: [u8; 32] = Sha256::digest(name).into();
    let mut kept = longest.saturating_sub(MARK).min(name.len());
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    let head = name.get(..kept).unwrap_or_default();
    let mark = digest.iter().take(4).map(|byte| format!("{byte:02x}"));
    format!("{head}_{}", mark.collect::<String>())
}

/// A name as it stands in SQL.
pub(crate) fn quote(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

/// A column's name as it stands in SQL.
pub(crate) fn quoted_column(name: &str) -> String {
    quote(&column(name))
}

/// A table with its schema, as it stands in SQL.
pub(crate) fn qualified(schema: &str, table: &str) -> String {
    format!("{}.{}", quote(schema), quote(&self::table(table)))
}

/// A text as it stands in SQL, whatever `standard_conforming_strings` says.
pub(crate) fn literal(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "");
    format!("E'{escaped}'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_postgresql_would_cut_stay_different() {
        let (long, longer) = ("a".repeat(64), "a".repeat(65));
        assert_eq!(table(&"a".repeat(63)), "a".repeat(63));
        assert_eq!(table(&long).len(), 63);
        assert_ne!(table(&long), table(&longer));
        assert_eq!(schema(&long, "_beside").len(), 63);
        assert!(schema(&long, "_beside").ends_with("_beside"));
        assert!(column(&"ä".repeat(40)).len() <= 63);
    }

    #[test]
    fn columns_called_like_postgresqls_own_get_another_name() {
        assert_ne!(column("ctid"), "ctid");
        assert_eq!(column("ctid2"), "ctid2");
        assert_eq!(table("ctid"), "ctid");
    }

    #[test]
    fn nothing_leaves_its_quotes() {
        assert_eq!(quote("a\"b\0"), "\"a\"\"b\"");
        assert_eq!(literal("it's \\ \0"), r"E'it''s \\ '");
    }
}
