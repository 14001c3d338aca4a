//! The little of a Dockerfile that can be compared with the checkout.

use std::path::Path;

use super::file::{read, top};

pub(crate) struct Dockerfile {
    /// Each instruction in one line, as its words.
    instructions: Vec<Vec<String>>,
}

impl Dockerfile {
    pub(crate) fn read(path: &Path) -> Dockerfile {
        let text = read(path).replace("\\\n", " ");
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
        Dockerfile { instructions: lines.map(words).collect() }
    }

    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &[String]> {
        self.instructions.iter().filter(move |words| words[0] == name).map(|words| &words[1..])
    }

    /// What is copied out of the checkout.
    pub(crate) fn sources(&self) -> impl Iterator<Item = &String> {
        let from_checkout = self.all("COPY").filter(|words| !words[0].starts_with("--from"));
        from_checkout.flat_map(|words| &words[..words.len() - 1])
    }

    /// What is copied out of an earlier stage: the stage and the path there.
    pub(crate) fn copied_from_stages(&self) -> impl Iterator<Item = (&str, &str)> {
        self.all("COPY").filter_map(|words| Some((words[0].strip_prefix("--from=")?, words[1].as_str())))
    }

    /// The word after this one in any instruction.
    pub(crate) fn word_after(&self, word: &str) -> &str {
        let mut pairs = self.instructions.iter().flat_map(|words| words.windows(2));
        &pairs.find(|pair| pair[0] == word).unwrap_or_else(|| panic!("no {word}"))[1]
    }
}

/// Whether .dockerignore, which excludes everything at first, lets this through.
pub(crate) fn reaches_the_builder(source: &str) -> bool {
    let ignored = read(&top().join(".dockerignore"));
    ignored.lines().any(|line| line == "*") && ignored.lines().any(|line| line == format!("!{source}"))
}
