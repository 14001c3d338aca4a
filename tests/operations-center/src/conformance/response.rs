//! What came back for a call, and whether the vendor would take it.

use crate::answer::{self, Answer, AnswerError};
use crate::client::{Reply, is_soap};
use crate::wire::Operation;

use super::line::Miss;

/// Bytes of a strange body that a report shows.
const EXCERPT_CHARS: usize = 120;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// An answer in the contract's form, success or not.
    Answer(Answer),
    /// A SOAP fault.
    Fault { code: String, text: String },
    /// Something that the vendor's client cannot read; the words say what.
    Other(String),
    /// Nothing; the words say why.
    Nothing(String),
}

impl Response {
    /// Reads a reply as strictly as the vendor's client: answers come with status 200, faults with 500, both as XML in
    /// UTF-8.
    pub(super) fn read(operation: Operation, reply: &Reply) -> Self {
        let what = format!("HTTP status {} with {}", reply.status, media_type(&reply.content_type));
        if !matches!(reply.status, 200 | 500) || !is_soap(&reply.content_type) {
            return Self::Other(format!("{what}: {}", excerpt(&reply.body)));
        }
        match answer::parse(operation, &reply.body) {
            Err(AnswerError::Fault { code, text }) => Self::Fault { code, text },
            Ok(answer) if reply.status == 200 => Self::Answer(answer),
            Ok(_) => Self::Other(format!("{what}: an answer with the status of a fault")),
            Err(error) => Self::Other(format!("{what}: {error}: {}", excerpt(&reply.body))),
        }
    }

    /// In words.
    pub(super) fn observed(&self) -> String {
        match self {
            Self::Answer(answer) if answer.is_successful => "IsSuccessful=true".to_owned(),
            Self::Answer(answer) => format!("IsSuccessful=false: {}", answer.message()),
            Self::Fault { code, text } => format!("SOAP fault {code}: {text}"),
            Self::Other(what) | Self::Nothing(what) => what.clone(),
        }
    }

    /// The answer, where it says success.
    pub(super) fn success(self, of: &str) -> Result<Answer, Miss> {
        match self {
            Self::Answer(answer) if answer.is_successful => Ok(answer),
            other => Err(Miss::failed(format!("{of}: {}", other.observed()))),
        }
    }

    /// The refusal in words: `IsSuccessful=false` or a fault. Whoever is refused must not be given a signature.
    pub(super) fn refusal(self, of: &str) -> Result<String, Miss> {
        match self {
            Self::Answer(Answer { signed_application_token: Some(proof), .. }) if !proof.is_empty() => {
                Err(Miss::failed(format!("{of}: a signed application token is given all the same")))
            }
            Self::Answer(Answer { is_successful: false, .. }) | Self::Fault { .. } => Ok(self.observed()),
            other => Err(Miss::failed(format!("{of}: {}", other.observed()))),
        }
    }

    /// Whether it says success.
    pub(super) fn is_success(&self) -> bool {
        matches!(self, Self::Answer(answer) if answer.is_successful)
    }
}

fn media_type(content_type: &str) -> &str {
    if content_type.is_empty() { "no Content-Type" } else { content_type }
}

/// The beginning of a body, in one line.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}...", &line[..end]),
        None if line.is_empty() => "no body".to_owned(),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::envelope;

    fn read(status: u16, content_type: &str, body: &str) -> Response {
        let reply = Reply { status, content_type: content_type.to_owned(), body: body.as_bytes().to_vec() };
        Response::read(Operation::Wipe, &reply)
    }

    #[test]
    fn only_what_the_vendors_client_reads_is_an_answer() {
        let done = envelope(Operation::Wipe, "<IsSuccessful>true</IsSuccessful><ErrorMessage/>");
        assert!(read(200, "text/xml; charset=\"UTF-8\"", &done).is_success());
        for (status, content_type) in [
            (500, "text/xml; charset=utf-8"),
            (401, "text/xml; charset=utf-8"),
            (200, "application/soap+xml; charset=utf-8"),
            (200, "text/xml; charset=utf-16"),
            (200, ""),
        ] {
            assert!(
                matches!(read(status, content_type, &done), Response::Other(_)),
                "{status} {content_type}"
            );
        }
    }

    #[test]
    fn a_refusal_that_signs_all_the_same_is_none() {
        let read = |members: &str| {
            let body = envelope(Operation::Authenticate, members);
            let reply = Reply { status: 200, content_type: "text/xml".to_owned(), body: body.into_bytes() };
            Response::read(Operation::Authenticate, &reply).refusal("Authenticate")
        };
        let refused = "<IsSuccessful>false</IsSuccessful><ErrorMessage>no</ErrorMessage>";
        assert_eq!(read(refused), Ok("IsSuccessful=false: no".to_owned()));
        let signed = format!("{refused}<SignedApplicationToken>a.b.c</SignedApplicationToken>");
        assert!(read(&signed).is_err());
        assert!(read(&format!("{refused}<SignedApplicationToken/>")).is_ok());
    }

    #[test]
    fn a_page_for_people_is_shown_shortened_and_is_no_refusal() {
        let page = format!("<html>\n  <body>{}</body></html>", "x".repeat(500));
        let response = read(500, "text/html", &page);
        let observed = response.observed();
        assert!(observed.starts_with("HTTP status 500 with text/html: <html> <body>xxx"), "{observed}");
        assert!(observed.len() < 200 && response.refusal("Wipe").is_err());
    }
}
