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

    #[test]
    fn the_single_document_imports_no_other() {
        let document = single("https://mirror.example/?a=1&b=2");
        assert!(document.contains("location=\"https://mirror.example/?a=1&amp;b=2\""));
        assert!(!document.contains("schemaLocation") && !document.contains("<wsdl:import"));
    }
}
