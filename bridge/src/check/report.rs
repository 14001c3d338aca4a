//! What was found, one item a line, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

/// Whether an item is fit for calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Calls succeed, but somebody should look at it.
    Warning,
    /// Calls would fail, or a promise would not hold.
    Fault,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// What was looked at.
    pub item: String,
    /// Whether it is fit.
    pub status: Status,
    /// What was found; never a secret.
    pub found: String,
    /// What to do about it; empty where nothing is to be done.
    pub advice: String,
}

/// All items, in the order in which they were looked at.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The items.
    pub items: Vec<Item>,
}

impl Report {
    /// Whether calls would succeed.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        self.items.iter().all(|item| item.status != Status::Fault)
    }

    /// One line per item: status, item, found, and what to do after an arrow.
    #[must_use]
    pub fn table(&self) -> String {
        let width = self.items.iter().map(|item| item.item.chars().count()).max().unwrap_or_default();
        let mut table = String::new();
        for Item { item, status, found, advice } in &self.items {
            let arrow = if advice.is_empty() { "" } else { " -> " };
            // Writing to a string cannot fail.
            let _ =
                writeln!(table, "{:<7}  {item:<width$}  {}", status.word(), one_line(found, arrow, advice));
        }
        table
    }

    /// A list of objects with `item`, `status`, `found` and `advice`.
    #[must_use]
    pub fn json(&self) -> String {
        let list = serde_json::to_string_pretty(&self.items).unwrap_or_default();
        format!("{list}\n")
    }
}

/// Texts of other programs can hold line ends.
fn one_line(found: &str, arrow: &str, advice: &str) -> String {
    let line = format!("{found}{arrow}{advice}");
    line.split(['\r', '\n']).map(str::trim).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(status: Status, found: &str, advice: &str) -> Item {
        Item { item: "kafka".to_owned(), status, found: found.to_owned(), advice: advice.to_owned() }
    }

    #[test]
    fn an_item_is_one_line_with_what_to_do_after_an_arrow() {
        let items = vec![item(Status::Ok, "three\nbrokers", ""), item(Status::Fault, "none", "start one")];
        let report = Report { items };
        assert_eq!(report.table(), "ok       kafka  three; brokers\nfault    kafka  none -> start one\n");
        assert!(!report.is_fit());
    }

    #[test]
    fn a_warning_is_fit() {
        let report = Report { items: vec![item(Status::Warning, "old", "renew")] };
        assert!(report.is_fit());
        let json: serde_json::Value = serde_json::from_str(&report.json()).unwrap();
        let expected = serde_json::json!([
            {"item": "kafka", "status": "warning", "found": "old", "advice": "renew"},
        ]);
        assert_eq!(json, expected);
    }
}
