//! Answers and faults: whatever text goes in, the vendor's strict reader takes the document and finds the text.

use arbitrary::{Result, Unstructured};
use mirrorbus::soap::{Answer, FaultCode, Operation, Signed, TablePosition, fault};
use operations_center::answer::{AnswerError, parse};
use operations_center::wire;

/// Texts of all answers are arbitrary; what XML cannot hold must come back as U+FFFD, all else as it was.
pub fn answer(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let Ok(answer) = any_answer(&mut bytes) else { return };
    let Ok(text) = bytes.arbitrary::<String>() else { return };
    assert_read_back(&answer);
    let document = fault(FaultCode::Client, &text);
    assert_no_loose_return(&document);
    let read = parse(wire::Operation::Wipe, document.as_bytes());
    let expected = AnswerError::Fault { code: "s:Client".to_owned(), text: readable(&text) };
    assert_eq!(read, Err(expected));
}

fn assert_read_back(answer: &Answer) {
    let document = answer.to_xml();
    assert_no_loose_return(&document);
    let read = match parse(vendors(answer.operation()), document.as_bytes()) {
        Ok(read) => read,
        // The vendor would miss the signature as well, where there is none.
        Err(AnswerError::Missing(_)) if matches!(answer, Answer::Authenticated(s) if s.token.is_empty()) => {
            return;
        }
        Err(error) => panic!("{error} in {document}"),
    };
    assert_eq!(read.is_successful, !matches!(answer, Answer::Failed { .. }));
    match answer {
        Answer::Done(_) => {}
        Answer::Failed { message, .. } => assert_eq!(read.error_message, Some(readable(message))),
        Answer::Authenticated(signed) => {
            assert_eq!(read.asks_not_to_replicate(), signed.do_not_replicate);
            assert_eq!(read.signed_application_token, Some(readable(&signed.token)));
            assert_eq!(read.client_state, Some(readable(&signed.client_state)));
        }
        Answer::Positions(positions) => {
            let read = read.positions.expect("a successful TableSchema has positions");
            assert_eq!(read.len(), positions.len());
            for (read, written) in read.iter().zip(positions) {
                assert_eq!((&read.table, read.lsn), (&readable(&written.table), written.lsn));
            }
        }
    }
}

/// XML makes a line feed of a carriage return that is not a reference; the stand-in's reader does not.
fn assert_no_loose_return(document: &str) {
    assert!(!document.contains('\r'), "the vendor would read a line feed");
}

fn readable(text: &str) -> String {
    let is_illegal = |c: char| (c < ' ' && !"\t\n\r".contains(c)) || matches!(c, '\u{fffe}' | '\u{ffff}');
    text.replace(is_illegal, "\u{fffd}")
}

fn vendors(operation: Operation) -> wire::Operation {
    match operation {
        Operation::Authenticate => wire::Operation::Authenticate,
        Operation::TableSchema => wire::Operation::TableSchema,
        Operation::Wipe => wire::Operation::Wipe,
        Operation::RowData => wire::Operation::RowData,
        Operation::ReplicationCompleted => wire::Operation::ReplicationCompleted,
    }
}

fn any_answer(bytes: &mut Unstructured<'_>) -> Result<Answer> {
    let operation = *bytes.choose(&Operation::ALL)?;
    if bytes.arbitrary()? {
        return Ok(Answer::Failed { operation, message: bytes.arbitrary()? });
    }
    Ok(match operation {
        Operation::Authenticate => Answer::Authenticated(Signed {
            token: bytes.arbitrary()?,
            client_state: bytes.arbitrary()?,
            do_not_replicate: bytes.arbitrary()?,
        }),
        Operation::TableSchema => Answer::Positions(positions(bytes)?),
        other => Answer::Done(other),
    })
}

fn positions(bytes: &mut Unstructured<'_>) -> Result<Vec<TablePosition>> {
    let count = bytes.int_in_range(0..=4)?;
    let position = |_| Ok(TablePosition { table: bytes.arbitrary()?, lsn: bytes.arbitrary()? });
    (0..count).map(position).collect()
}
