//! A tenant's tables as its users see them: which are worked on most, and which refer to which.

use std::collections::HashSet;

use super::worker::some_key;
use crate::crm::generator::Generator;
use crate::crm::reference;
use crate::sql::Value;
use crate::tenant::{Edit, Table, Tenant, TenantError};

/// Where a CRM's users work, by weight. Sessions and counters are blocked tables: the busiest that never leave.
const BUSY: &[(&str, u64)] = &[
    ("appointment", 30),
    ("document", 18),
    ("person", 8),
    ("contact", 6),
    ("sale", 6),
    ("email", 5),
    ("text", 4),
    ("usersession", 4),
    ("address", 3),
    ("counter", 3),
    ("phone", 3),
    ("salehist", 3),
    ("selectionmember", 3),
    ("contactinterest", 2),
    ("projectmember", 2),
    ("quoteline", 2),
    ("ticket", 2),
    ("project", 1),
    ("relation", 1),
];
/// Once in so many times it is any other table.
const OTHERS_ONE_IN: u32 = 8;

/// A table and where its columns point.
#[derive(Debug)]
pub(super) struct Linked {
    pub(super) table: Table,
    /// The table that each column refers to.
    pub(super) links: Vec<Option<String>>,
}

/// All tables of a tenant at one moment.
#[derive(Debug)]
pub(super) struct Tables {
    busy: Vec<(Linked, u64)>,
    others: Vec<Linked>,
    referred: HashSet<String>,
}

impl Tables {
    pub(super) fn of(tenant: &Tenant) -> Result<Self, TenantError> {
        let tables = tenant.tables()?;
        let names: HashSet<String> = tables.iter().map(|table| table.name.clone()).collect();
        let (mut busy, mut others) = (Vec::new(), Vec::new());
        for table in tables {
            let links = reference::links(&table, |name| names.contains(name));
            let weight = BUSY.iter().find(|(name, _)| *name == table.name).map(|(_, weight)| *weight);
            let linked = Linked { table, links };
            match weight {
                Some(weight) => busy.push((linked, weight)),
                None => others.push(linked),
            }
        }
        let referred = busy.iter().flat_map(|(linked, _)| linked.links.iter().flatten().cloned()).collect();
        Ok(Self { busy, others, referred })
    }

    /// Every table.
    pub(super) fn all(&self) -> impl Iterator<Item = &Linked> {
        self.busy.iter().map(|(linked, _)| linked).chain(&self.others)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Linked> {
        self.all().find(|linked| linked.table.name == name)
    }

    /// The key of some row of the table that is called so, if there are such.
    pub(super) fn some_key(
        &self,
        edit: &mut Edit<'_>,
        name: &str,
        generator: &mut Generator,
    ) -> Result<Option<Value>, TenantError> {
        match self.find(name) {
            Some(linked) => some_key(edit, &linked.table, generator),
            None => Ok(None),
        }
    }

    /// Whether one of the busy tables refers to rows of this one.
    pub(super) fn is_referred(&self, name: &str) -> bool {
        self.referred.contains(name)
    }

    /// Any table, each as likely as the others.
    pub(super) fn any(&self, generator: &mut Generator) -> Option<&Linked> {
        let place = generator.below(u64::try_from(self.busy.len() + self.others.len()).unwrap_or(0));
        self.all().nth(usize::try_from(place).unwrap_or(0))
    }

    /// A table that users work on, the busy ones most.
    pub(super) fn usual(&self, generator: &mut Generator) -> Option<&Linked> {
        if self.busy.is_empty() || (!self.others.is_empty() && generator.one_in(OTHERS_ONE_IN)) {
            let place = generator.below(u64::try_from(self.others.len()).unwrap_or(0));
            return self.others.get(usize::try_from(place).unwrap_or(0));
        }
        let mut place = generator.below(self.busy.iter().map(|(_, weight)| weight).sum());
        let chosen = self.busy.iter().find(|(_, weight)| {
            let is_here = place < *weight;
            place = place.saturating_sub(*weight);
            is_here
        });
        chosen.map(|(linked, _)| linked)
    }
}
