//! Which topics a mirror follows, and from where.
//!
//! A topic's id is stored with its positions. Another id under the same name, or a stored position outside of the
//! topic, means that the rows came from something that is no more: the table is emptied and read from the beginning.

use std::collections::BTreeMap;
use std::time::Instant;

use mirrorbus_schemas::topic::Tenant;

use crate::core::{Core, Seat, end};
use crate::destination::{Batch, Destination, Move, Position};
use crate::error::{Fault, MirrorError};
use crate::flush::remember;
use crate::reader::{Feed, Topic};
use crate::table::Changes;
use crate::tenant::Live;

impl<D: Destination> Core<'_, D> {
    /// Lists all topics with their ids and follows what was found.
    pub(crate) fn list(&mut self) -> Result<(), MirrorError> {
        let begun = Instant::now();
        match self.reader.list() {
            Ok(listed) => self.take_listing(listed)?,
            Err(reason) => tracing::warn!(reason, "topics could not be listed; trying on"),
        }
        self.list_at = Instant::now() + self.settings.refresh.max(begun.elapsed() * 9);
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
        let memory = self.destination.load(tenant)?;
        let tables = memory.tables.values().filter(|table| table.columns.is_some()).count();
        tracing::info!(%tenant, tables, partitions = memory.positions.len(), "mirroring");
        self.seats.insert(tenant.clone(), Seat::Live(Box::new(Live::new(memory))));
        Ok(())
    }

    /// Follows the topics as they were listed, and only those.
    fn adopt(&mut self, tenant: &Tenant, topics: &[Topic]) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        live.listed = topics.iter().map(|topic| topic.name.clone()).collect();
        if !live.pending.is_empty() {
            live.since.get_or_insert_with(Instant::now);
        }
        let is_same = |name: &str, live: &Live| {
            topics
                .iter()
                .any(|topic| topic.name == *name && live.topics.get(name).map(|l| &l.topic) == Some(topic))
        };
        let gone: Vec<String> = live.topics.keys().filter(|name| !is_same(name, live)).cloned().collect();
        for name in gone {
            end(&self.reader, &live.leave(&name));
        }
        let mut followed = Vec::new();
        for topic in topics {
            if self.is_to_follow(tenant, topic)? {
                followed.push(topic);
            }
        }
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        let starts: Vec<_> = followed.into_iter().flat_map(|topic| live.follow(topic)).collect();
        self.reader.start(&starts).map_err(|error| Fault::Kafka(error.to_string()))
    }

    /// Whether a topic is to be followed from its stored positions, which are put right first.
    fn is_to_follow(&mut self, tenant: &Tenant, topic: &Topic) -> Result<bool, Fault> {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(false) };
        if live.topics.contains_key(&topic.name) {
            return Ok(false);
        }
        let is_other = |(name, _): &(String, i32), position: &Position| {
            *name == topic.name && position.topic_id != topic.id
        };
        if live.memory.positions.iter().any(|(of, position)| is_other(of, position)) {
            self.start_over(tenant, topic, "the topic was deleted and made anew")?;
            self.suspects.remove(&topic.name);
        } else if let Some(is_second_look) = self.suspects.get(&topic.name).copied() {
            if !self.is_outside(tenant, topic)? {
                self.suspects.remove(&topic.name);
            } else if is_second_look {
                self.start_over(tenant, topic, "the stored position lies outside of the topic")?;
                self.suspects.remove(&topic.name);
            } else {
                self.suspects.insert(topic.name.clone(), true);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn is_outside(&self, tenant: &Tenant, topic: &Topic) -> Result<bool, Fault> {
        let Some(Seat::Live(live)) = self.seats.get(tenant) else { return Ok(false) };
        let spans = self.reader.spans(topic).map_err(Fault::Kafka)?;
        Ok((0..).zip(spans).any(|(partition, span)| {
            let stored = live.stored(topic, partition).map_or(0, |position| position.next_offset);
            stored > 0 && !(span.first..=span.end).contains(&stored)
        }))
    }

    /// Throws away the rows that came from a topic, to read it from its beginning.
    fn start_over(&mut self, tenant: &Tenant, topic: &Topic, reason: &str) -> Result<(), Fault> {
        let Some(Seat::Live(live)) = self.seats.get_mut(tenant) else { return Ok(()) };
        tracing::warn!(%tenant, topic = topic.name, reason, "its rows are thrown away and read from the beginning");
        let moves = live.memory.positions.iter().filter(|((name, _), _)| *name == topic.name);
        let moves = moves.map(|((name, partition), position)| Move {
            topic: name.clone(),
            partition: *partition,
            from: Some(position.clone()),
            to: Position { topic_id: topic.id.clone(), next_offset: 0 },
        });
        let mut batch = Batch { moves: moves.collect(), tables: Vec::new() };
        let mut memory = None;
        if let Feed::Rows(table) = &topic.feed
            && let Some(known) = live.memory.tables.get(table)
        {
            let mut changes = Changes::new(table.clone(), known.clone());
            changes.forget_rows();
            batch.tables.push(changes.finish(&topic.name)?);
            memory = Some(changes.memory());
        }
        self.destination.apply(tenant, &batch)?;
        remember(live, &batch.moves, memory);
        Ok(())
    }
}
