//! Foreign text made fit to be kept: one line, not long, and without what looks like a secret.
//!
//! A receiver's error message is the partner's own and says what only the partner can say, so it is kept. But nothing
//! keeps a receiver from repeating the token that it was sent.

/// Longer texts are cut.
const MAX_CHARS: usize = 500;
/// Nothing that people write has so many letters and digits in a row: it is a part of a token, or a key.
const LONGEST_WORD: usize = 64;

/// The text in one line, at most 500 characters long, without `secret`, without long runs of letters and digits, and
/// without the user and the query of a URL.
pub(super) fn line(text: &str, secret: &str) -> String {
    let text = match secret {
        "" => text.to_owned(),
        secret => text.replace(secret, "(secret)"),
    };
    let words: Vec<String> = text.split(|c: char| c.is_whitespace() || c.is_control()).map(word).collect();
    let line = words.iter().filter(|word| !word.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(MAX_CHARS) {
        Some((end, _)) => line.get(..end).unwrap_or_default().to_owned() + "...",
        None => line,
    }
}

fn word(word: &str) -> String {
    let mut out = String::new();
    let mut rest = without_url_secrets(word);
    while !rest.is_empty() {
        let end = rest.find(|c| !is_of_token(c)).unwrap_or(rest.len());
        let tail = rest.split_off(end);
        out += if end > LONGEST_WORD { "(long word)" } else { &rest };
        let next = tail.find(is_of_token).unwrap_or(tail.len());
        let (between, tail) = tail.split_at(next);
        out += between;
        rest = tail.to_owned();
    }
    out
}

/// What base64, its form for URLs, and hex are written with.
fn is_of_token(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_')
}

fn without_url_secrets(word: &str) -> String {
    let Some((scheme, rest)) = word.split_once("://") else { return word.to_owned() };
    let (address, query) = match rest.split_once('?') {
        Some((address, _)) => (address, "?(query)"),
        None => (rest, ""),
    };
    let authority = address.split('/').next().unwrap_or_default();
    let host = authority.rfind('@').map_or(address, |at| address.get(at + 1..).unwrap_or_default());
    format!("{scheme}://{host}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_kept_as_it_is() {
        for text in [
            "RowData of contact was refused by the receiver: disk full",
            "Authenticate got no answer from http://127.0.0.1:9/MirroringClientService.svc, check that it runs",
            "bridge-17: tenant Cust1, row 3, column x_1: not a date (ref 0b6f-11)",
            "grün, 雪 and 🦀",
        ] {
            assert_eq!(line(text, "0123456789abcdef0123456789abcdef"), text);
        }
    }

    #[test]
    fn tokens_keys_and_the_applications_secret_are_left_out() {
        let (part, secret) = ("x".repeat(70), "0123456789abcdef0123456789abcdef");
        let text = format!("bad token {part}.{part}.sig of {secret}\n-----BEGIN {part}\t{part}=");
        let kept = line(&text, secret);
        assert_eq!(
            kept,
            "bad token (long word).(long word).sig of (secret) -----BEGIN (long word) (long word)"
        );
    }

    #[test]
    fn user_and_query_of_a_url_are_left_out() {
        assert_eq!(
            line("no answer from https://me:pass@host:1/a@b/c?code=k3y, check it", ""),
            "no answer from https://host:1/a@b/c?(query) check it"
        );
        assert_eq!(line("http://host/path", ""), "http://host/path");
    }

    #[test]
    fn a_text_is_one_line_and_not_long() {
        let kept = line(&"é\r\n \u{7f}x ".repeat(400), "");
        assert_eq!((kept.chars().count(), kept.starts_with("é x é x")), (MAX_CHARS + 3, true));
        assert_eq!(line(" \n ", ""), "");
    }
}
