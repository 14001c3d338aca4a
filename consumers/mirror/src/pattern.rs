//! Which tenants and tables a mirror takes.

use wildmatch::WildMatch;

/// Names chosen by patterns, in which `*` stands for any characters and `?` for one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patterns {
    included: Vec<WildMatch>,
    excluded: Vec<WildMatch>,
}

impl Patterns {
    /// Names that match one of `included`, or any where there is none, and none of `excluded`. Case counts.
    #[must_use]
    pub fn new<S: AsRef<str>>(included: &[S], excluded: &[S]) -> Self {
        let compile =
            |patterns: &[S]| patterns.iter().map(|pattern| WildMatch::new(pattern.as_ref())).collect();
        Self { included: compile(included), excluded: compile(excluded) }
    }

    /// Whether a name is chosen.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let any = |patterns: &[WildMatch]| patterns.iter().any(|pattern| pattern.matches(name));
        (self.included.is_empty() || any(&self.included)) && !any(&self.excluded)
    }

    /// Regular expressions (POSIX, extended) that match what [`Patterns::matches`] looks at first, for names without
    /// dots.
    pub(crate) fn included(&self) -> Vec<String> {
        match self.included.as_slice() {
            [] => vec!["[^.]+".to_owned()],
            patterns => patterns.iter().map(expression).collect(),
        }
    }

    /// The same for what it excludes.
    pub(crate) fn excluded(&self) -> Vec<String> {
        self.excluded.iter().map(expression).collect()
    }
}

/// No name of a tenant or table has a character that is neither letter, digit nor `_`: such a pattern matches nothing,
/// and neither does what it becomes.
fn expression(pattern: &WildMatch) -> String {
    let piece = |letter: &char| match letter {
        '*' => "[^.]*".to_owned(),
        '?' => "[^.]".to_owned(),
        letter if letter.is_ascii_alphanumeric() || *letter == '_' => letter.to_string(),
        _ => "[.]".to_owned(),
    };
    pattern.pattern_chars().iter().map(piece).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_becomes_an_expression() {
        let some = Patterns::new(&["Cust*", "A?9"], &["x,$y"]);
        assert_eq!(some.included(), ["Cust[^.]*", "A[^.]9"]);
        assert_eq!(some.excluded(), ["x[.][.]y"]);
        assert_eq!(Patterns::default().included(), ["[^.]+"]);
    }

    #[test]
    fn names_are_included_first_and_excluded_then() {
        let all = Patterns::default();
        assert!(all.matches("contact"));
        let some = Patterns::new(&["c*", "person"], &["*_history"]);
        for (name, is_chosen) in [
            ("contact", true),
            ("person", true),
            ("persons", false),
            ("c_history", false),
            ("Contact", false),
        ] {
            assert_eq!(some.matches(name), is_chosen, "{name}");
        }
        assert!(!Patterns::new(&[], &["x?"]).matches("xy"));
    }
}
