//! Whole documents to calls.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use mirrorbus::batch::{Batch, TableColumns};
use mirrorbus::soap::{Call, Envelope, Limits, SoapError};

/// Low enough for a fuzzer to reach, high enough for the samples.
static TIGHT: LazyLock<Limits> = LazyLock::new(|| Limits {
    max_depth: 12,
    max_attributes: 8,
    max_attribute_bytes: 256,
    max_value_bytes: 512,
    max_token_bytes: 512,
    max_rows: 8,
    max_columns: 8,
    max_tables: 4,
});
static USUAL: LazyLock<Limits> = LazyLock::new(Limits::default);

/// A document is a call within the limits, or it is refused; what tight limits let pass reads the same under wide ones; and no
/// document that was cut short is a call.
pub fn envelope(data: &[u8]) {
    let none = BTreeSet::new();
    if let Ok(call) = read(data, &TIGHT, &none) {
        assert_within(&call, &TIGHT);
        let same = read(data, &USUAL, &none).map(|wide| format!("{wide:?}"));
        assert_eq!(same, Ok(format!("{call:?}")), "the limits changed what was read");
    }
    if read(data, &USUAL, &none).is_ok() {
        assert_cut_short_is_refused(data, &none);
    }
    // An ignored table's contents may be anything, so another path through the reader.
    let ignored = BTreeSet::from(["contact".to_owned()]);
    if let Ok(Call::RowData(batches)) = read(data, &USUAL, &ignored) {
        let kept = batches.iter().filter(|batch| batch.table.table == "contact");
        assert!(kept.clone().all(|batch| batch.operations.is_empty() && batch.values.is_empty()));
    }
}

fn read<'a>(
    document: &'a [u8],
    limits: &'a Limits,
    ignored: &BTreeSet<String>,
) -> Result<Call<'a>, SoapError> {
    let envelope = Envelope::open(document, limits)?;
    let too_long = envelope.token().is_some_and(|token| token.len() > limits.max_token_bytes);
    assert!(!too_long, "the token is longer than its limit");
    envelope.read_call(ignored)
}

fn assert_cut_short_is_refused(data: &[u8], ignored: &BTreeSet<String>) {
    // What may follow the root may be cut away, the root's own end may not; in a comment there may be others.
    if data.windows(4).any(|bytes| bytes == b"<!--") {
        return;
    }
    let Some(end) = data.windows(2).rposition(|pair| pair == b"</") else { return };
    for length in [end / 3, end / 2, end, end + 2] {
        let cut = data.get(..length).unwrap_or_default();
        assert!(read(cut, &USUAL, ignored).is_err(), "cut to {length} bytes it is still a call");
    }
}

fn assert_within(call: &Call<'_>, limits: &Limits) {
    match call {
        Call::Authenticate => {}
        Call::Wipe { table } => assert!(table.len() <= limits.max_value_bytes),
        Call::TableSchema(tables) => {
            assert!(tables.len() <= limits.max_tables);
            tables.iter().for_each(|table| assert_columns(table, limits));
        }
        Call::RowData(batches) => {
            assert!(batches.len() <= limits.max_tables);
            let rows: usize = batches.iter().map(|batch| batch.operations.len()).sum();
            assert!(rows <= limits.max_rows, "{rows} rows");
            batches.iter().for_each(|batch| assert_batch(batch, limits));
        }
        Call::ReplicationCompleted(counts) => assert!(counts.len() <= limits.max_tables),
    }
}

fn assert_columns(table: &TableColumns, limits: &Limits) {
    assert!((1..=limits.max_columns).contains(&table.columns.len()));
    let names: BTreeSet<_> = table.columns.iter().map(|column| column.name.to_ascii_lowercase()).collect();
    assert_eq!(names.len(), table.columns.len(), "two columns with one name");
}

fn assert_batch(batch: &Batch<'_>, limits: &Limits) {
    assert_columns(&batch.table, limits);
    assert_eq!(batch.values.len(), batch.operations.len() * batch.table.columns.len());
    assert!(batch.lsn.is_none_or(|lsn| lsn.get() > 0));
}
