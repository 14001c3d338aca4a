//! The service's description: its page, and its WSDL in two forms. The parts stand in `schemas/wsdl`, where they can
//! be read without Rust; only the address differs between receivers.

use super::name::MIRRORING;

const ARRAYS: &str = include_str!("../../../schemas/wsdl/arrays.xsd");
const DATA: &str = include_str!("../../../schemas/wsdl/data.xsd");
const OPERATIONS: &str = include_str!("../../../schemas/wsdl/mirroring.xsd");
const CONTRACT: &str = include_str!("../../../schemas/wsdl/contract.xml");
const BINDING: &str = include_str!("../../../schemas/wsdl/binding.xml");

/// Namespace of service and binding in the form with several documents.
const TEMPURI: &str = "http://tempuri.org/";
const DECLARATION: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n";

/// The service's page for people who open the address in a browser.
#[must_use]
pub fn service_page(address: &str) -> String {
    let address = escaped(address);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>MirroringClientService</title></head>\n\
         <body><h1>MirroringClientService</h1>\n\
         <p>This is a receiver of database mirroring: it takes signed calls of IMirroringClientService by POST.</p>\n\
         <ul><li><a href=\"{address}?wsdl\">{address}?wsdl</a></li>\n\
         <li><a href=\"{address}?singleWsdl\">{address}?singleWsdl</a>: the same in one file</li></ul>\n\
         </body></html>\n"
    )
}

/// One of the documents of the form with several: `query` is the address's query string. `None` for an unknown one.
#[must_use]
pub fn multi_part(address: &str, query: &str) -> Option<String> {
    let address = escaped(address);
    let document = match query.to_ascii_lowercase().as_str() {
        "wsdl" => definitions(
            TEMPURI,
            &format!(
                "  <wsdl:import namespace=\"{MIRRORING}\" location=\"{address}?wsdl=wsdl0\"/>\n{BINDING}"
            ),
        ),
        "wsdl=wsdl0" => definitions(MIRRORING, &format!("{}{CONTRACT}", imported_types(&address))),
        "xsd=xsd0" => format!("{DECLARATION}{}", located(OPERATIONS, &address)),
        "xsd=xsd1" => format!("{DECLARATION}{}", located(DATA, &address)),
        "xsd=xsd2" => format!("{DECLARATION}{ARRAYS}"),
        _ => return None,
    };
    Some(document.replace("@ADDRESS@", &address))
}

/// The whole description in one document, everything in the contract's namespace.
#[must_use]
pub fn single(address: &str) -> String {
    let types = format!("  <wsdl:types>\n{OPERATIONS}{DATA}{ARRAYS}  </wsdl:types>\n");
    definitions(MIRRORING, &format!("{types}{CONTRACT}{BINDING}")).replace("@ADDRESS@", &escaped(address))
}

fn definitions(namespace: &str, content: &str) -> String {
    format!(
        "{DECLARATION}<wsdl:definitions name=\"MirroringClientService\" targetNamespace=\"{namespace}\" \
         xmlns:tns=\"{namespace}\" xmlns:m=\"{MIRRORING}\" xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:wsaw=\"http://www.w3.org/2006/05/addressing/wsdl\">\n{content}</wsdl:definitions>\n"
    )
}

fn imported_types(address: &str) -> String {
    let imports: String = parts()
        .map(|(namespace, part)| {
            format!("      <xs:import namespace=\"{namespace}\" schemaLocation=\"{address}?xsd={part}\"/>\n")
        })
        .collect();
    format!(
        "  <wsdl:types>\n    <xs:schema targetNamespace=\"{MIRRORING}/Imports\">\n{imports}    </xs:schema>\n  </wsdl:types>\n"
    )
}

/// A schema whose imports say where the imported ones are.
fn located(schema: &str, address: &str) -> String {
    parts().fold(schema.to_owned(), |schema, (namespace, part)| {
        schema.replace(
            &format!("<xs:import namespace=\"{namespace}\"/>"),
            &format!("<xs:import namespace=\"{namespace}\" schemaLocation=\"{address}?xsd={part}\"/>"),
        )
    })
}

fn parts() -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        (MIRRORING, "xsd0"),
        (super::name::DATA, "xsd1"),
        ("http://schemas.microsoft.com/2003/10/Serialization/Arrays", "xsd2"),
    ]
    .into_iter()
}

fn escaped(address: &str) -> String {
    super::answer::escape(address).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::name::{ACTION_PREFIX, Operation};
    use super::*;

    const ADDRESS: &str = "https://mirror.example/MirroringClientService.svc";

    #[test]
    fn every_document_that_is_named_exists_and_is_well_formed() {
        for query in ["wsdl", "wsdl=wsdl0", "xsd=xsd0", "xsd=xsd1", "xsd=xsd2", "WSDL"] {
            let document = multi_part(ADDRESS, query).unwrap();
            assert!(!document.contains("@ADDRESS@"), "{query}");
            let mut reader = quick_xml::Reader::from_str(&document);
            while reader.read_event().unwrap() != quick_xml::events::Event::Eof {}
            for (_, rest) in document.match_indices(ADDRESS).map(|(at, _)| document.split_at(at)) {
                let query = rest[ADDRESS.len()..].split('"').next().unwrap().strip_prefix('?');
                assert!(query.is_none_or(|query| multi_part(ADDRESS, query).is_some()), "{query:?}");
            }
        }
        assert_eq!(multi_part(ADDRESS, "xsd=xsd9"), None);
    }

    /// The elements that stand in each named element or type of a schema, and whether each is nillable.
    fn members(schema: &str) -> Vec<(String, Vec<(String, bool)>)> {
        let attribute = |line: &str, name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=\""))?;
            rest.split('"').next().map(str::to_owned)
        };
        let mut all: Vec<(String, Vec<_>)> = Vec::new();
        for line in schema.lines() {
            let outer = line.starts_with("  <xs:element") || line.starts_with("  <xs:complexType");
            match (attribute(line, "name"), outer) {
                (Some(name), true) => all.push((name, Vec::new())),
                (Some(name), false) => {
                    assert!(line.contains("minOccurs=\"0\""), "{line}");
                    let is_nillable = line.contains("nillable=\"true\"");
                    let is_value = ["xs:boolean", "xs:int", "xs:long"].iter().any(|kind| line.contains(kind));
                    assert_eq!(is_nillable, !is_value, "{line}");
                    all.last_mut().unwrap().1.push((name, is_nillable));
                }
                (None, _) => {}
            }
        }
        all
    }

    fn names(members: &[(String, bool)]) -> Vec<&str> {
        members.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn members_of_data_contracts_stand_in_alphabetical_order() {
        let types = members(DATA);
        assert_eq!(types.len(), 12, "six contracts and their lists");
        for (name, members) in types.iter().chain(&members(ARRAYS)) {
            assert!(names(members).is_sorted(), "{name}");
            if let Some(item) = name.strip_prefix("ArrayOf").filter(|_| !members.is_empty()) {
                assert_eq!(names(members), [item]);
            }
        }
    }

    #[test]
    fn requests_and_answers_have_the_contracts_members_in_its_order() {
        let done = ["IsSuccessful", "ErrorMessage"];
        let signed = [
            "IsSuccessful",
            "ErrorMessage",
            "SignedApplicationToken",
            "SupportedInterfaces",
            "SuperOfficeMirroringBuild",
            "ClientState",
            "AdditionalInformationJson",
        ];
        let expected: [(&str, &[&str]); 11] = [
            ("SignedToken", &[]),
            ("AuthenticateRequest", &["ClientState"]),
            ("AuthenticateResponse", &signed),
            ("TableSchemaRequest", &["ClientState", "Tables"]),
            ("TableSchemaResponse", &["IsSuccessful", "ErrorMessage", "MirrorLSN"]),
            ("WipeRequest", &["ClientState", "TableName"]),
            ("WipeResponse", &done),
            ("RowDataRequest", &["ClientState", "DataBatches"]),
            ("RowDataResponse", &done),
            ("ReplicationCompletedRequest", &["ClientState", "ChangedTables"]),
            ("ReplicationCompletedResponse", &done),
        ];
        let members = members(OPERATIONS);
        assert_eq!(
            members.iter().map(|(name, list)| (name.as_str(), names(list))).collect::<Vec<_>>(),
            expected.map(|(name, list)| (name, list.to_vec()))
        );
        assert!(
            OPERATIONS.contains("<xs:element name=\"SignedToken\" type=\"xs:string\" nillable=\"true\"/>")
        );
    }

    #[test]
    fn both_forms_name_every_operation_its_action_and_its_header() {
        let parts = multi_part(ADDRESS, "wsdl").unwrap() + &multi_part(ADDRESS, "wsdl=wsdl0").unwrap();
        for document in [parts, single(ADDRESS)] {
            for operation in Operation::ALL {
                let action = format!("{ACTION_PREFIX}{operation}");
                for part in [
                    format!("<soap:operation soapAction=\"{action}\" style=\"document\"/>"),
                    format!(
                        "<soap:header message=\"m:{operation}Request_Headers\" part=\"SignedToken\" use=\"literal\"/>"
                    ),
                    format!("<wsdl:part name=\"parameters\" element=\"m:{operation}Request\"/>"),
                    format!("<wsdl:part name=\"parameters\" element=\"m:{operation}Response\"/>"),
                    format!(
                        "wsaw:Action=\"{action}\" name=\"{operation}Request\" message=\"m:{operation}Request\""
                    ),
                    format!("wsaw:Action=\"{action}Response\" name=\"{operation}Response\""),
                ] {
                    assert_eq!(document.matches(&part).count(), 1, "{part}");
                }
            }
            assert_eq!(
                document.matches("<wsdl:part name=\"SignedToken\" element=\"m:SignedToken\"/>").count(),
                5
            );
            assert_eq!(document.matches(&format!("<soap:address location=\"{ADDRESS}\"/>")).count(), 1);
        }
        assert!(multi_part(ADDRESS, "wsdl").unwrap().contains("targetNamespace=\"http://tempuri.org/\""));
        assert!(single(ADDRESS).contains(&format!(
            "<wsdl:definitions name=\"MirroringClientService\" targetNamespace=\"{MIRRORING}\""
        )));
    }

    #[test]
    fn the_single_document_imports_no_other() {
        let document = single("https://mirror.example/?a=1&b=2");
        assert!(document.contains("location=\"https://mirror.example/?a=1&amp;b=2\""));
        assert!(!document.contains("schemaLocation") && !document.contains("<wsdl:import"));
    }
}
