//! Membership in a group of processes that share an application's tenants.
//!
//! What the group deals out are the tenants' cycles topics, which have one partition each: who is dealt that one has
//! the tenant with all its topics, and reads them by hand. Of this consumer no record ever comes. So a table that
//! appears, or a topic made anew, is no rebalance; only a tenant is one, and tenants that stay where they are go on
//! meanwhile, for the assignment is cooperative.
//!
//! Kafka calls a member dead that can still write. It is the destination that keeps two owners apart, not the group.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mirrorbus_librdkafka as librdkafka;
use mirrorbus_schemas::topic::{Prefix, Tenant};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::settings::Settings;

/// What the group decided about tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dealt {
    /// They are this process's from now on; none, when there are more processes than tenants.
    Given(Vec<Tenant>),
    /// They are somebody else's.
    Taken(Vec<Tenant>),
    /// This process may not be a member.
    Barred(RDKafkaErrorCode),
}

/// What somebody has to allow before it gets better. The client goes on trying.
const BARRED: [RDKafkaErrorCode; 2] =
    [RDKafkaErrorCode::GroupAuthorizationFailed, RDKafkaErrorCode::GroupMaxSizeReached];

pub(crate) struct Member {
    consumer: BaseConsumer<Context>,
}

struct Context {
    prefix: Prefix,
    dealt: Mutex<Vec<Dealt>>,
}

impl Member {
    /// Joins in the background.
    pub(crate) fn join(settings: &Settings, group: &str) -> Result<Self, KafkaError> {
        let context = Context { prefix: settings.prefix.clone(), dealt: Mutex::default() };
        let topics = |tenants: Vec<String>| -> Vec<String> {
            tenants.iter().map(|tenant| settings.prefix.cycles_of(tenant)).collect()
        };
        let (included, excluded) = (topics(settings.tenants.included()), topics(settings.tenants.excluded()));
        let mut config = settings.member(group);
        if !excluded.is_empty() {
            config.set("topic.blacklist", excluded.join(","));
        }
        let consumer: BaseConsumer<Context> = config.create_with_context(context)?;
        consumer.subscribe(&included.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(Self { consumer })
    }

    /// What was decided since the last question. A process that does not ask for `max.poll.interval.ms` loses all.
    ///
    /// # Errors
    /// When the membership cannot be mended.
    pub(crate) fn poll(&self) -> Result<Vec<Dealt>, KafkaError> {
        match self.consumer.poll(Duration::ZERO) {
            Some(Err(error @ KafkaError::MessageConsumptionFatal(_))) => return Err(error),
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::PollExceeded))) => {
                tracing::warn!(
                    "a batch took longer than max.poll.interval.ms: the group has dealt our tenants to others"
                );
            }
            Some(Err(KafkaError::MessageConsumption(code))) if BARRED.contains(&code) => {
                return Ok(vec![Dealt::Barred(code)]);
            }
            Some(Err(error)) => tracing::warn!(%error, "the group; trying on"),
            Some(Ok(_)) | None => {}
        }
        let mut dealt = self.consumer.context().dealt.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(std::mem::take(&mut dealt))
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        librdkafka::log(level as i32, facility, text);
    }
}

impl ConsumerContext for Context {
    /// Runs within [`Member::poll`], between two batches. Its caller lets go of what was taken before it applies
    /// anything else, so it is no matter that others are told first.
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        let elements = partitions.elements();
        let tenants =
            elements.iter().filter_map(|element| self.prefix.parse_cycles(element.topic())).collect();
        let (dealt, done) = match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                (Dealt::Given(tenants), keep(consumer, partitions))
            }
            _ => (Dealt::Taken(tenants), consumer.incremental_unassign(partitions)),
        };
        self.dealt.lock().unwrap_or_else(PoisonError::into_inner).push(dealt);
        if let Err(error) = done {
            tracing::warn!(%error, "the group's decision could not be confirmed");
        }
    }
}

/// Confirms partitions and fetches nothing of them. With an offset at hand nobody is asked for one.
fn keep(consumer: &BaseConsumer<Context>, partitions: &mut TopicPartitionList) -> Result<(), KafkaError> {
    partitions.set_all_offsets(Offset::Offset(0))?;
    consumer.incremental_assign(partitions)?;
    consumer.pause(partitions)
}
