//! No id of a list may be missing from the tests that are written for it.

/// The source of a test file, and its name.
pub type Source = (&'static str, &'static str);

/// Every id `<LETTERS>-01` to `<LETTERS>-<last>` stands in one of the `sources`, or in `elsewhere` beside the name of
/// a test that is there.
pub fn assert_complete(
    letters: &str,
    last: u32,
    sources: &[Source],
    elsewhere: &[(&str, &str)],
    others: &[Source],
) {
    for (id, test) in elsewhere {
        let is_there = others.iter().any(|(_, source)| source.contains(&format!("fn {test}(")));
        assert!(is_there, "{id} counts on {test}, which is nowhere");
    }
    for number in 1..=last {
        let id = format!("{letters}-{number:02}");
        let as_name = format!("fn {}_{number:02}_", letters.to_lowercase());
        let is_here = sources
            .iter()
            .any(|(_, source)| source.contains(&format!("\"{id}\"")) || source.contains(&as_name));
        let is_elsewhere = elsewhere.iter().any(|(listed, _)| *listed == id);
        assert!(is_here || is_elsewhere, "{id} has no test");
    }
}
