//! What a browser sees: a page by GET, and the description for machines in one document.

const PARTS: [&str; 5] = [
    include_str!("../../../../schemas/wsdl/mirroring.xsd"),
    include_str!("../../../../schemas/wsdl/data.xsd"),
    include_str!("../../../../schemas/wsdl/arrays.xsd"),
    include_str!("../../../../schemas/wsdl/contract.xml"),
    include_str!("../../../../schemas/wsdl/binding.xml"),
];

/// The service's page for people.
pub(super) fn page() -> String {
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>MirroringClientService</title></head>\
     <body><h1>MirroringClientService</h1><p>A receiver of database mirroring: it takes signed calls of \
     IMirroringClientService by POST. <a href=\"?singleWsdl\">?singleWsdl</a> describes them.</p></body></html>\n"
        .to_owned()
}

/// The WSDL of a receiver at `address`.
pub(super) fn wsdl(address: &str) -> String {
    use crate::wire::MIRRORING;
    let [operations, data, arrays, contract, binding] = PARTS;
    let document = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <wsdl:definitions name=\"MirroringClientService\" targetNamespace=\"{MIRRORING}\" xmlns:tns=\"{MIRRORING}\" \
         xmlns:m=\"{MIRRORING}\" xmlns:wsdl=\"http://schemas.xmlsoap.org/wsdl/\" \
         xmlns:soap=\"http://schemas.xmlsoap.org/wsdl/soap/\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         xmlns:wsaw=\"http://www.w3.org/2006/05/addressing/wsdl\">\n\
         <wsdl:types>\n{operations}{data}{arrays}</wsdl:types>\n{contract}{binding}</wsdl:definitions>\n"
    );
    document.replace("@ADDRESS@", address)
}
