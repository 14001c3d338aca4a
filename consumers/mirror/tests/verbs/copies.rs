//! Copies of the destination in memory.

use std::time::Duration;

use mirrorbus_mirror::{
    Applied, Copies, Copy, Destination, DestinationError, Held, Memory, Row, Scope, Snapshot, Value,
};
use mirrorbus_schemas::topic::{Table, Tenant};

use super::memory::{Data, InMemory, apply_row, place};

struct Moment(Data);

impl Snapshot for Moment {
    fn memory(&self) -> &Memory {
        &self.0.memory
    }

    fn rows(
        &mut self,
        table: &Table,
        visit: &mut dyn FnMut(&[Option<Value<'_>>]),
    ) -> Result<(), DestinationError> {
        for row in self.0.rows.get(table).ok_or_else(|| absent("table"))?.values() {
            let cells: Vec<_> = row.iter().map(|cell| cell.value()).collect();
            visit(&cells);
        }
        Ok(())
    }
}

struct HeldInMemory {
    destination: InMemory,
    tenant: Tenant,
    data: Data,
    old: Option<(String, Data)>,
}

fn absent(what: &str) -> DestinationError {
    DestinationError::Fault(format!("no such {what}").into())
}

impl Held for HeldInMemory {
    fn memory(&self) -> &Memory {
        &self.data.memory
    }

    fn repair(&mut self, table: &Table, rows: &[Row<'_>]) -> Result<Applied, DestinationError> {
        let columns = self.data.memory.tables[table].columns.clone().unwrap();
        let mut applied = Applied::default();
        for row in rows {
            let was_there = apply_row(self.data.rows.get_mut(table).unwrap(), &columns, row);
            match row {
                Row::Delete(_) => applied.deletes += u64::from(was_there),
                Row::Upsert(_) if was_there => applied.updates += 1,
                Row::Upsert(_) => applied.inserts += 1,
            }
        }
        Ok(applied)
    }

    fn exchange(&mut self, scope: &Scope) -> Result<String, DestinationError> {
        let beside = self.destination.kept().copies.get(&place(&self.tenant, Copy::Beside)).cloned();
        let beside = beside.ok_or_else(|| absent("copy"))?;
        let name = format!("old-{}", self.destination.kept().old.len());
        self.old = Some((name.clone(), self.data.clone()));
        match scope {
            Scope::Tenant => self.data = beside,
            Scope::Table(table) => {
                let suffix = format!(".{table}");
                let is_of = |topic: &str| topic.ends_with(&suffix);
                self.data.memory.positions.retain(|(topic, _), _| !is_of(topic));
                let positions = beside.memory.positions.into_iter();
                self.data.memory.positions.extend(positions.filter(|((topic, _), _)| is_of(topic)));
                self.data.memory.tables.insert(table.clone(), beside.memory.tables[table].clone());
                self.data.rows.insert(table.clone(), beside.rows[table].clone());
            }
        }
        self.data.owner = None;
        Ok(name)
    }

    fn commit(mut self: Box<Self>) -> Result<(), DestinationError> {
        let data = std::mem::take(&mut self.data);
        let mut kept = self.destination.kept();
        kept.copies.insert(place(&self.tenant, Copy::Live), data);
        if let Some((name, old)) = self.old.take() {
            kept.copies.remove(&place(&self.tenant, Copy::Beside));
            kept.old.push((self.tenant.clone(), name, old));
        }
        drop(kept);
        Ok(())
    }
}

impl Drop for HeldInMemory {
    fn drop(&mut self) {
        self.destination.let_go();
    }
}

impl Copies for InMemory {
    fn tenants(&mut self) -> Result<Vec<Tenant>, DestinationError> {
        let kept = self.kept();
        Ok(kept.copies.keys().filter(|(_, is_live)| *is_live).map(|(tenant, _)| tenant.clone()).collect())
    }

    fn inspect(&mut self, tenant: &Tenant, copy: Copy) -> Result<Option<Memory>, DestinationError> {
        Ok(self.kept().copies.get(&place(tenant, copy)).map(|data| data.memory.clone()))
    }

    fn snapshot(&mut self, tenant: &Tenant, copy: Copy) -> Result<Box<dyn Snapshot + '_>, DestinationError> {
        let data = self.kept().copies.get(&place(tenant, copy)).cloned();
        Ok(Box::new(Moment(data.ok_or_else(|| absent("copy"))?)))
    }

    fn hold(&mut self, tenant: &Tenant) -> Result<Box<dyn Held + '_>, DestinationError> {
        if let Some(first) = self.before_hold.take() {
            first();
        }
        let data = self.hold_all().copies.get(&place(tenant, Copy::Live)).cloned();
        let held = HeldInMemory {
            destination: self.clone(),
            tenant: tenant.clone(),
            data: data.clone().unwrap_or_default(),
            old: None,
        };
        data.map(|_| Box::new(held) as Box<dyn Held>).ok_or_else(|| absent("copy"))
    }

    fn beside(&mut self, tenant: &Tenant) -> Result<Box<dyn Destination + Send>, DestinationError> {
        self.kept().copies.insert(place(tenant, Copy::Beside), Data::default());
        Ok(Box::new(self.of_beside()))
    }

    fn discard(&mut self, tenant: &Tenant) -> Result<(), DestinationError> {
        self.kept().copies.remove(&place(tenant, Copy::Beside));
        Ok(())
    }

    fn drop_kept(&mut self, tenant: &Tenant, older_than: Duration) -> Result<Vec<String>, DestinationError> {
        let mut kept = self.kept();
        let is_due = |(of, _, _): &(Tenant, String, Data)| of == tenant && older_than.is_zero();
        let due = kept.old.iter().filter(|old| is_due(old)).map(|(_, name, _)| name.clone()).collect();
        kept.old.retain(|old| !is_due(old));
        Ok(due)
    }
}
