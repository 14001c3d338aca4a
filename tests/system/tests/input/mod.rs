//! Bad input: every row of the list of bad input for HTTP, XML and SOAP (BI-01 to BI-60), sent over raw sockets to a
//! real bridge, with the answer that it must get.
//!
//! After each one the ends of the tenant's positions, events and rows are where they were; or, where the input must be
//! accepted, the row is there as it was meant.

mod case;
mod connection;
mod flood;
mod http;
mod limits;
mod soap;
mod xml;

use std::collections::BTreeSet;

#[test]
fn every_row_of_the_list_is_a_case() {
    let cases = [http::cases(), xml::cases(), soap::cases()].into_iter().flatten();
    let ids: Vec<String> = cases.map(|case| case.id).collect();
    let unique: BTreeSet<&String> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len(), "an id stands twice");
    for number in 1..=60 {
        let row = format!("BI-{number:02}");
        assert!(ids.iter().any(|id| id.starts_with(&row)), "{row} is missing");
    }
}
