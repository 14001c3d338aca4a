//! Transport: how a receiver is addressed, and in what form it answers.

use crate::conformance::line::{Checked, Line, Miss};
use crate::conformance::raw::Form;
use crate::conformance::stage::Stage;
use crate::conformance::subject::signed;
use crate::conformance::table::TestTable;
use crate::wire::Request;

const DOCUMENTED: &str = "transport, documented";

pub(super) fn lines() -> Vec<Line> {
    vec![
        Line::new(
            "http.answers",
            "transport, observed",
            "each operation is answered with status 200, text/xml in UTF-8 and its members in the contract's order",
            answers,
        ),
        Line::new("http.page", "transport, convention", "a browser sees a page at the Mirroring URL", page)
            .recommended(),
        Line::new("http.wsdl", "transport, convention", "?wsdl describes the service", |stage| {
            wsdl(stage, "wsdl")
        })
        .recommended(),
        Line::new(
            "http.single-wsdl",
            "transport, convention",
            "?singleWsdl describes it in one document",
            |stage| wsdl(stage, "singleWsdl"),
        )
        .recommended(),
        Line::new("http.unquoted-action", DOCUMENTED, "a SOAPAction without quotes is accepted", |stage| {
            addressed(stage, Form::UnquotedAction)
        })
        .recommended(),
        Line::new(
            "http.operation-address",
            DOCUMENTED,
            "a call to the operation's own address is accepted",
            |stage| addressed(stage, Form::OperationAddress),
        )
        .recommended(),
    ]
}

fn answers(stage: &Stage<'_>) -> Checked {
    let (subject, table) = (stage.subject(), TestTable::keyed("contact"));
    subject.open(&[&table])?;
    subject.wipe(&table)?;
    subject.send(&[table.inserts(5, &[(1, "Nord")])])?;
    subject.complete()?;
    Ok("all five are".to_owned())
}

fn page(stage: &Stage<'_>) -> Checked {
    let page = stage.get("").map_err(Miss::failed)?;
    if page.status == 200 && !page.body.is_empty() {
        return Ok(format!("status 200 with {}", page.content_type));
    }
    Err(Miss::failed(format!("status {} with {} bytes", page.status, page.body.len())))
}

fn wsdl(stage: &Stage<'_>, query: &str) -> Checked {
    let page = stage.get(query).map_err(Miss::failed)?;
    let text = String::from_utf8_lossy(&page.body);
    let is_wsdl = page.status == 200 && text.contains("http://schemas.xmlsoap.org/wsdl/");
    if is_wsdl && (text.contains("IMirroringClientService") || text.contains(":import")) {
        return Ok(format!("a WSDL of {} bytes", page.body.len()));
    }
    Err(Miss::failed(format!("status {} with {}, no WSDL of the service", page.status, page.content_type)))
}

fn addressed(stage: &Stage<'_>, form: Form) -> Checked {
    let subject = stage.subject();
    let token = signed(&subject.token())?;
    let response = stage.send_as(form, &Request::authenticate(), &token);
    response.success("Authenticate").map(|_| "Authenticate is answered with success".to_owned())
}
