//! The checklist of the contract that partners go through, against the bridge, with the topics as its mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use apache_avro::Schema;
use apache_avro::types::Value as Avro;
use mirrorbus_schemas::checksum::Canonical;
use mirrorbus_schemas::property;
use operations_center::conformance::{Checklist, MirrorError, MirrorRow, MirrorView, Outcome, shown};
use operations_center::sql::{SqlType, Value};
use reader::canonical;

use crate::support::World;
use crate::support::topic::Cluster;
use crate::support::world::application;

/// The tables as whoever reads the topics has them.
struct Topics<'w>(&'w World);

impl MirrorView for Topics<'_> {
    fn rows(&self, tenant: &str, table: &str) -> Result<Vec<MirrorRow>, MirrorError> {
        let (cluster, topic) = (&self.0.cluster, format!("{}.{tenant}.{table}", self.0.prefix));
        if cluster.topic_id(&topic).is_none() {
            return Ok(Vec::new());
        }
        // A committed call's rows are shown a moment after the commit.
        cluster.settled_end(&topic);
        let rows = cluster.upsert(&topic);
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let kinds = kinds(cluster, &topic);
        let mut decoder = cluster.decoder();
        Ok(rows.values().map(|row| texts(&kinds, decoder.fields(row).unwrap())).collect())
    }
}

/// The columns of a table now, with the types that they have at the source.
fn kinds(cluster: &Cluster, topic: &str) -> BTreeMap<String, SqlType> {
    let Schema::Record(record) = Schema::parse_str(&cluster.newest_schema(topic)).unwrap() else {
        panic!("no record");
    };
    let kind = |name: &serde_json::Value| name.as_str().unwrap().parse().unwrap();
    let fields = record.fields.into_iter();
    fields.map(|field| (field.name, kind(&field.custom_attributes[property::SQL_TYPE]))).collect()
}

/// A row in the columns of now: what came later than the row is NULL, what went is left out.
fn texts(kinds: &BTreeMap<String, SqlType>, fields: Vec<(String, Avro)>) -> MirrorRow {
    let fields: BTreeMap<String, Avro> = fields.into_iter().collect();
    let text = |name: &String, kind: &SqlType| {
        let value = fields.get(name).map_or(Canonical::Null, |value| canonical(value).unwrap());
        shown(*kind, &value_of(*kind, value))
    };
    kinds.iter().map(|(name, kind)| (name.clone(), text(name, kind))).collect()
}

fn value_of(kind: SqlType, value: Canonical<'_>) -> Value {
    match value {
        Canonical::Null => Value::Null,
        Canonical::Whole(number) if matches!(kind, SqlType::Decimal { .. } | SqlType::Money) => {
            Value::Decimal(number)
        }
        Canonical::Whole(number) => Value::Whole(number.try_into().unwrap()),
        Canonical::Double(number) => Value::Double(number),
        Canonical::Text(text) => Value::Text(text.to_owned()),
        Canonical::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
    }
}

#[test]
fn the_bridge_passes_the_checklist_of_the_contract() {
    let world = World::new();
    let bridge = world.bridge();
    let topics = Topics(&world);
    let list = Checklist {
        mirror: Some(&topics),
        timeout: Duration::from_secs(90),
        patience: Duration::from_secs(30),
        ..Checklist::new(&bridge.url, application())
    };
    let report = list.run(|line| {
        println!("{:<12} {:>5.1} s {} {}", line.outcome.to_string(), line.seconds, line.id, line.observed);
    });
    let report = report.unwrap();
    assert!(report.failed().is_empty(), "{:#?}\n{}", report.failed(), bridge.log());
    let unseen = report.lines.iter().filter(|line| line.outcome == Outcome::NotObserved).map(|line| line.id);
    assert_eq!(unseen.collect::<BTreeSet<_>>(), BTreeSet::from(["auth.do-not-replicate"]));
}
