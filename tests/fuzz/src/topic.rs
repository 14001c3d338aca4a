//! Names of topics: whatever prefix, tenant and table are let pass, their topic is Kafka's to take, leads back to
//! them and to nothing else.

use std::collections::BTreeMap;

use mirrorbus_schemas::topic::{MAX_TOPIC_BYTES, Prefix, Table, Tenant};

/// Lines of `prefix tenant table`: no two of them share a topic of any kind.
pub fn topic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut owners = BTreeMap::new();
    let lines: Vec<&str> = text.split('\n').collect();
    for line in &lines {
        let mut names = line.splitn(3, ' ');
        let mut next = || names.next().unwrap_or_default();
        let (prefix, tenant, table) = (Prefix::new(next()), Tenant::new(next()), Table::new(next()));
        let Ok(prefix) = prefix else { continue };
        lines.iter().for_each(|topic| assert_read_back(&prefix, topic));
        let Ok(tenant) = tenant else { continue };
        let shared = format!("{prefix} {tenant}");
        take(&mut owners, prefix.positions(&tenant), &shared);
        take(&mut owners, prefix.cycles(&tenant), &shared);
        assert_eq!(prefix.parse_cycles(&prefix.cycles(&tenant)).as_ref(), Some(&tenant));
        if let Ok(table) = table {
            let topic = prefix.rows(&tenant, &table).expect("names at their longest fit a topic's name");
            assert_eq!(prefix.parse_rows(&topic), Some((tenant.clone(), table.clone())));
            assert_eq!(prefix.parse_cycles(&topic), None);
            take(&mut owners, topic, &format!("{shared} {table}"));
        }
    }
}

fn take(owners: &mut BTreeMap<String, String>, topic: String, owner: &str) {
    let is_legal = topic.len() <= MAX_TOPIC_BYTES
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        && !matches!(topic.as_str(), "." | "..");
    assert!(is_legal, "Kafka does not take {topic:?}");
    let before = owners.insert(topic, owner.to_owned());
    assert!(before.as_deref().is_none_or(|before| before == owner), "{owner:?} and {before:?} share a topic");
}

/// A topic that somebody else named is ours only if we would have named it so.
fn assert_read_back(prefix: &Prefix, topic: &str) {
    if let Some((tenant, table)) = prefix.parse_rows(topic) {
        assert_eq!(prefix.rows(&tenant, &table).as_deref(), Ok(topic));
    }
    if let Some(tenant) = prefix.parse_cycles(topic) {
        assert_eq!(prefix.cycles(&tenant), topic);
    }
}
