//! A typed reader over a parsed TOML file and the environment that goes on after a fault.
//!
//! `serde` stops at the first fault; an operator should see all of them. So every key is asked for by name here, what
//! does not fit is noted with its line and replaced by a default, and what nobody asked for is noted at the end. The
//! configuration is used only if nothing was noted.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::fault::Fault;

/// What every variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "MIRRORBUS_";

/// A configuration under reading: its text, the environment, and the faults found so far.
pub(super) struct Source<'a> {
    text: &'a str,
    variables: BTreeMap<String, String>,
    used: RefCell<BTreeSet<String>>,
    faults: RefCell<Vec<Fault>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, variables: BTreeMap<String, String>) -> Self {
        Self { text, variables, used: RefCell::default(), faults: RefCell::default() }
    }

    pub(super) fn fault(&self, key: &str, line: Option<usize>, rule: impl Into<String>) {
        self.faults.borrow_mut().push(Fault { key: key.to_owned(), line, rule: rule.into() });
    }

    pub(super) fn line(&self, span: Range<usize>) -> Option<usize> {
        let before = self.text.as_bytes().get(..span.start)?;
        Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    /// The value of the variable that stands for a key; keys in lists have none.
    fn variable(&self, path: &str) -> Option<(String, &str)> {
        if path.contains('[') {
            return None;
        }
        let name = format!("{VARIABLE_PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"));
        let value = self.variables.get(&name)?;
        self.used.borrow_mut().insert(name.clone());
        Some((name, value))
    }

    /// Notes the variables that stand for no key.
    pub(super) fn refuse_unknown_variables(&self) {
        let used = self.used.borrow();
        for name in self.variables.keys().filter(|name| !used.contains(*name)) {
            self.fault(name, None, "is no setting that a variable can carry");
        }
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults.into_inner()
    }
}

/// One table of the configuration, present or not.
pub(super) struct Section<'s> {
    source: &'s Source<'s>,
    path: String,
    table: Option<&'s DeTable<'s>>,
    line: Option<usize>,
    asked: RefCell<BTreeSet<&'static str>>,
}

/// A value before its type is known.
enum Found<'s> {
    Variable { name: String, text: &'s str },
    Value(&'s Spanned<DeValue<'s>>),
}

impl<'s> Section<'s> {
    pub(super) fn root(source: &'s Source<'s>, table: &'s DeTable<'s>) -> Self {
        Self { source, path: String::new(), table: Some(table), line: None, asked: RefCell::default() }
    }

    /// A table in this one.
    pub(super) fn section(&self, key: &'static str) -> Section<'s> {
        let value = self.value(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let Some(value) = value.filter(|_| table.is_none()) {
            self.source.fault(&self.path_of(key), self.source.line(value.span()), "must be a table");
        }
        Section { source: self.source, path: self.path_of(key), table, line: None, asked: RefCell::default() }
    }

    /// A list of tables: `[[key]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'s>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let tables: Option<Vec<_>> = value.get_ref().as_array().and_then(|list| {
            list.iter().map(|entry| Some((entry.get_ref().as_table()?, entry.span()))).collect()
        });
        if tables.is_none() {
            self.fault(key, format!("must be a list of tables: [[{key}]]"));
        }
        let section = |(number, (table, span)): (usize, (&'s DeTable<'s>, Range<usize>))| Section {
            source: self.source,
            path: format!("{}[{number}]", self.path_of(key)),
            table: Some(table),
            line: self.source.line(span),
            asked: RefCell::default(),
        };
        tables.unwrap_or_default().into_iter().enumerate().map(section).collect()
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &'static str) -> Option<String> {
        let text = match self.find(key)? {
            Found::Variable { text, .. } => Some(text),
            Found::Value(value) => value.get_ref().as_str(),
        };
        let text = text.filter(|text| !text.trim().is_empty());
        if text.is_none() {
            self.fault(key, "must be a text that is not empty");
        }
        text.map(str::to_owned)
    }

    /// A text, if it is one; nothing is noted.
    pub(super) fn text_if_any(&self, key: &'static str) -> Option<&'s str> {
        self.value(key)?.get_ref().as_str()
    }

    /// A text that must be there.
    pub(super) fn required_text(&self, key: &'static str) -> Option<String> {
        self.require(key);
        self.text(key)
    }

    /// An integer within `range`, or the default.
    pub(super) fn number<T: TryFrom<i64> + Copy>(
        &self,
        key: &'static str,
        range: RangeInclusive<i64>,
        default: T,
    ) -> T {
        let number = match self.find(key) {
            None => return default,
            Some(Found::Variable { text, .. }) => text.trim().parse().ok(),
            Some(Found::Value(value)) => {
                let digits = value.get_ref().as_integer();
                digits.and_then(|digits| i64::from_str_radix(digits.as_str(), digits.radix()).ok())
            }
        };
        let fitting =
            number.filter(|number| range.contains(number)).and_then(|number| T::try_from(number).ok());
        if fitting.is_none() {
            self.fault(key, format!("must be a whole number from {} to {}", range.start(), range.end()));
        }
        fitting.unwrap_or(default)
    }

    /// A truth value, false where it is missing.
    pub(super) fn truth(&self, key: &'static str) -> bool {
        let truth = match self.find(key) {
            None => return false,
            Some(Found::Variable { text, .. }) => text.trim().parse().ok(),
            Some(Found::Value(value)) => value.get_ref().as_bool(),
        };
        if truth.is_none() {
            self.fault(key, "must be true or false");
        }
        truth.unwrap_or_default()
    }

    /// A list of texts.
    pub(super) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let texts = self.value(key)?.get_ref().as_array().and_then(texts);
        if texts.is_none() {
            self.fault(key, "must be a list of texts");
        }
        texts
    }

    /// All entries of a table whose keys are the operator's own. Dots in a key make a table of tables of it in TOML;
    /// here they are what they look like.
    pub(super) fn entries(&self, key: &'static str) -> Vec<Entry<'s>> {
        let section = self.section(key);
        let mut entries = Vec::new();
        let mut tables: Vec<_> = section.table.map(|table| (String::new(), table)).into_iter().collect();
        while let Some((before, table)) = tables.pop() {
            for (name, value) in table {
                let full = format!("{before}{}", name.get_ref());
                match value.get_ref().as_table() {
                    Some(inner) => tables.push((format!("{full}."), inner)),
                    None => entries.push(Entry {
                        source: self.source,
                        path: format!("{}.{full}", section.path),
                        name: full,
                        line: self.source.line(name.span()),
                        value: value.get_ref(),
                    }),
                }
            }
        }
        entries
    }

    /// Notes a key's fault.
    pub(super) fn fault(&self, key: &'static str, rule: impl Into<String>) {
        let (path, line) = match self.find(key) {
            Some(Found::Variable { name, .. }) => (name, None),
            Some(Found::Value(value)) => (self.path_of(key), self.source.line(value.span())),
            None => (self.path_of(key), self.line),
        };
        self.source.fault(&path, line, rule);
    }

    /// Notes that a key is missing, if it is.
    pub(super) fn require(&self, key: &'static str) {
        if self.find(key).is_none() {
            self.fault(key, "is missing");
        }
    }

    /// Notes the keys that nobody asked for, with those that somebody did.
    pub(super) fn refuse_unknown_keys(&self) {
        let asked = self.asked.borrow();
        let known: Vec<_> = asked.iter().copied().collect();
        for key in self.table.into_iter().flat_map(|table| table.keys()) {
            if !asked.contains(key.get_ref().as_ref()) {
                let line = self.source.line(key.span());
                let rule = format!("is no known key here; known are {}", known.join(", "));
                self.source.fault(&self.path_of(key.get_ref()), line, rule);
            }
        }
    }

    fn find(&self, key: &'static str) -> Option<Found<'s>> {
        let value = self.value(key);
        match self.source.variable(&self.path_of(key)) {
            Some((name, text)) => Some(Found::Variable { name, text }),
            None => value.map(Found::Value),
        }
    }

    fn value(&self, key: &'static str) -> Option<&'s Spanned<DeValue<'s>>> {
        self.asked.borrow_mut().insert(key);
        self.table?.get(key)
    }

    /// The full name of a key.
    pub(super) fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// An entry of a table whose keys are the operator's own.
pub(super) struct Entry<'s> {
    source: &'s Source<'s>,
    path: String,
    /// The key.
    pub(super) name: String,
    line: Option<usize>,
    value: &'s DeValue<'s>,
}

impl Entry<'_> {
    /// Text, number or truth value, as text.
    pub(super) fn scalar(&self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(digits) if digits.radix() == 10 => Some(digits.as_str().to_owned()),
            DeValue::Float(digits) => Some(digits.as_str().to_owned()),
            DeValue::Boolean(truth) => Some(truth.to_string()),
            _ => {
                self.fault("must be a text, a number or a truth value");
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        let texts = self.value.as_array().and_then(texts);
        if texts.is_none() {
            self.fault("must be a list of texts");
        }
        texts
    }

    /// Notes the entry's fault.
    pub(super) fn fault(&self, rule: impl Into<String>) {
        self.source.fault(&self.path, self.line, rule);
    }
}

fn texts(list: &DeArray<'_>) -> Option<Vec<String>> {
    list.iter().map(|entry| entry.get_ref().as_str().map(str::to_owned)).collect()
}
