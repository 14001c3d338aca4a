//! Which topics a mirror follows, and from where.
//!
//! A topic's id is stored with its positions. Another id under the same name, or a stored position outside of the
//! topic, means that the rows came from something that is no more: the table is read anew from the beginning.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use mirrorbus_schemas::topic::Tenant;

use crate::destination::Destination;
use crate::error::{Fault, MirrorError};
use crate::live::caught_up::now_ms;
use crate::live::core::{Core, Seat, end};
use crate::live::tenant::Live;
use crate::source::reader::{Feed, Topic};

impl<D: Destination> Core<'_, D> {
    /// Lists all topics with their ids and follows what was found.
    pub(crate) fn list(&mut self) -> Result<(), MirrorError> {
        let begun = Instant::now();
        let listed = self.reader.list();
        // One that failed took the time that a question waits, and is no measure.
        let spent = listed.as_ref().map_or(Duration::ZERO, |_| begun.elapsed());
        match listed {
            Ok(listed) => self.take_listing(self.ours(listed))?,
            Err(reason) => tracing::warn!(reason, "topics could not be listed; trying on"),
        }
        self.list_at = Instant::now() + self.settings.refresh.max(spent * 9);
        Ok(())
    }

    fn take_listing(&mut self, listed: Vec<(Tenant, Topic)>) -> Result<(), MirrorError> {
        self.listings += 1;
        let mut tenants: BTreeMap<Tenant, Vec<Topic>> =
            self.seats.keys().map(|tenant| (tenant.clone(), Vec::new())).collect();
        for (tenant, topic) in listed {
            self.owners.insert(topic.name.clone(), tenant.clone());
            tenants.entry(tenant).or_default().push(topic);
        }
        for (tenant, topics) in tenants {
            let adopted = self.seat(&tenant).and_then(|()| self.adopt(&tenant, &topics));
            self.settle(&tenant, adopted)?;
        }
        Ok(())
    }

    /// Reads what is stored of a tenant that was not there, or was set aside for long enough.
    fn seat(&mut self, tenant: &Tenant) -> Result<(), Fault> {
        match self.seats.get(tenant) {
            Some(Seat::Live(_)) => return Ok(()),
            Some(Seat::Aside { until }) if *until > Instant::now() => return Ok(()),
            _ => {}
        }
        let memory = self.destination.lock().load(tenant)?;
        let tables = memory.tables.values().filter(|table| table.columns.is_some()).count();
        tracing::info!(%tenant, tables, partitions = memory.positions.len(), "mirroring");
        let live = Live::new(&self.settings, tenant, memory, now_ms());
        self.seats.insert(tenant.clone(), Seat::Live(Box::new(live)));
        Ok(())
    }

    /// Follows the topics as they were listed, and only those.
    fn adopt(&mut self, tenant: &Tenant, topics: &[Topic]) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        live.listed = topics.iter().map(|topic| topic.name.clone()).collect();
        live.warn_of_no_cycles();
        if live.waits() {
            live.stir();
        }
        let is_same = |name: &str, live: &Live| {
            topics
                .iter()
                .any(|topic| topic.name == *name && live.topics.get(name).map(|l| &l.topic) == Some(topic))
        };
        let gone: Vec<String> = live.topics.keys().filter(|name| !is_same(name, live)).cloned().collect();
        for name in gone {
            end(&self.reader, &live.lose(&name));
        }
        if live.is_spoilt {
            return Err(Fault::Spoilt);
        }
        let is_new = |topic: &&Topic| topic.feed != Feed::Cycles && !live.topics.contains_key(&topic.name);
        let rows: Vec<&str> = topics.iter().filter(is_new).map(|topic| topic.name.as_str()).collect();
        self.retentions.learn(&self.reader.admin, &rows).map_err(Fault::Kafka)?;
        let mut followed = Vec::new();
        for topic in topics {
            if self.is_to_follow(tenant, topic)? {
                followed.push(topic);
            }
        }
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let starts: Vec<_> = followed.into_iter().flat_map(|topic| live.follow(topic, now_ms())).collect();
        self.reader.start(&starts).map_err(|error| Fault::Kafka(error.to_string()))
    }

    /// Whether a topic is to be followed from its stored positions. One that cannot be is read anew, and followed
    /// already.
    fn is_to_follow(&mut self, tenant: &Tenant, topic: &Topic) -> Result<bool, Fault> {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(false) };
        if live.topics.contains_key(&topic.name) {
            return Ok(false);
        }
        if let Some(reason) = live.contradiction(topic) {
            self.suspects.remove(&topic.name);
            self.start_over(tenant, topic, &reason.into())?;
            return Ok(false);
        }
        let Some(is_second_look) = self.suspects.get(&topic.name).copied() else { return Ok(true) };
        if !self.is_outside(tenant, topic)? {
            self.suspects.remove(&topic.name);
            return Ok(true);
        }
        if is_second_look {
            self.start_over(tenant, topic, &"the stored position lies outside of the topic".into())?;
            self.suspects.remove(&topic.name);
        } else {
            self.suspects.insert(topic.name.clone(), true);
        }
        Ok(false)
    }

    fn is_outside(&self, tenant: &Tenant, topic: &Topic) -> Result<bool, Fault> {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(false) };
        let spans = self.reader.spans(topic).map_err(Fault::Kafka)?;
        Ok((0..).zip(spans).any(|(partition, span)| {
            let stored = live.stored(topic, partition).map_or(0, |position| position.next_offset);
            stored > 0 && !(span.first..=span.end).contains(&stored)
        }))
    }
}

impl Live {
    /// Why the rows of a topic are not those of its stored positions.
    fn contradiction(&self, topic: &Topic) -> Option<&'static str> {
        let positions = self.memory.positions.iter().filter(|((name, _), _)| *name == topic.name);
        let mut other = positions.map(|(_, position)| &position.topic_id).filter(|id| **id != topic.id);
        if let Some(id) = other.next() {
            return Some(match id.as_str() {
                "" => "the topic was not read for some time",
                _ => "the topic was deleted and made anew",
            });
        }
        let is_damaged = matches!(&topic.feed, Feed::Rows(table) if self.memory.damaged.contains(table));
        is_damaged.then_some("the destination holds another number of rows than were written to it")
    }

    /// Whether something waits that the next listing may settle.
    fn waits(&self) -> bool {
        self.is_held
            || self.stamps.is_under_way()
            || !self.events.pending.is_empty()
            || !self.events.completed.is_empty()
    }
}
