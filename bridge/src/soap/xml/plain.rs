//! A short cut for what most of a call is: leaves without attributes, whose text needs nothing done to it, written
//! in the one way in which every serialiser writes them. What looks any different is left to the reader of everything,
//! so the rules stand there alone.

use memchr::{memchr, memchr2, memmem};

use super::Xml;
use crate::soap::name::{Name, Namespace};

/// Bytes looked at without a branch, so that the compiler can take many at once.
const BLOCK: usize = 256;

/// Control characters that XML does not allow even as references.
pub(super) fn has_control_characters(document: &[u8]) -> bool {
    let is_control = |byte: u8| byte < 0x20 && byte != b'\t' && byte != b'\n' && byte != b'\r';
    document.chunks(BLOCK).any(|block| block.iter().fold(false, |found, byte| found | is_control(*byte)))
}

/// Whether no text can need its line ends normalised, or hold a `]]>` that it must not hold.
pub(super) fn has_plain_texts(document: &[u8]) -> bool {
    memchr(b'\r', document).is_none() && memmem::find(document, b"]]>").is_none()
}

/// How a leaf's tags are written where they are written plainly.
pub(in crate::soap) struct PlainLeaf {
    prefix: String,
    start: String,
    end: String,
}

impl PlainLeaf {
    fn new(prefix: &str, name: Name) -> Self {
        let colon = if prefix.is_empty() { "" } else { ":" };
        let qualified = format!("{prefix}{colon}{}", name.text());
        Self { prefix: prefix.to_owned(), start: format!("<{qualified}>"), end: format!("</{qualified}>") }
    }
}

impl Xml<'_> {
    /// Sees to it that `leaf` has the plain tags of `name` under a prefix that stands for `namespace` here, if any
    /// does. From row to row it is the same one.
    pub(in crate::soap) fn find_plain_leaf(
        &self,
        leaf: &mut Option<PlainLeaf>,
        namespace: Namespace,
        name: Name,
    ) {
        let means = |prefix: &str| self.resolve(prefix).is_ok_and(|found| found == namespace);
        if leaf.as_ref().is_some_and(|leaf| means(&leaf.prefix)) {
            return;
        }
        let binding = self.bindings.iter().rev().find(|binding| binding.namespace == namespace);
        // Another declaration of the prefix may stand nearer.
        let binding = binding.filter(|binding| means(&binding.prefix));
        *leaf = binding.map(|binding| PlainLeaf::new(&binding.prefix, name));
    }
}

impl<'a> Xml<'a> {
    /// The text of the leaf that stands next, if it is written plainly. Otherwise nothing is read.
    pub(in crate::soap) fn plain_text(&mut self, leaf: &PlainLeaf) -> Option<&'a str> {
        if self.is_empty_element || !self.has_plain_texts || self.depth >= self.limits.max_depth {
            return None;
        }
        let rest = *self.reader.get_ref();
        let text = rest.strip_prefix(leaf.start.as_bytes())?;
        let length = memchr2(b'<', b'&', text)?;
        let after = text.get(length..)?.strip_prefix(leaf.end.as_bytes())?;
        if length > self.limits.max_value_bytes {
            return None;
        }
        let begin = self.document.len() - text.len();
        let text = self.document.get(begin..begin + length)?;
        // The reader stands behind a tag now as before: nothing in it remembers what was passed over.
        *self.reader.get_mut() = after;
        Some(text)
    }

    /// Everything up to the end of what was read last.
    pub(super) fn read_so_far(&self) -> &[u8] {
        let length = self.document.len() - self.reader.get_ref().len();
        self.document.as_bytes().get(..length).unwrap_or_default()
    }
}
