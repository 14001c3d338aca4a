//! What the cluster says of topics: ids, partitions, first and end offsets. Asked for many topics at once.

use std::collections::HashMap;
use std::time::Duration;

pub use mirrorbus_librdkafka::{Isolation, Spec, TopicDescription};

use super::error::BusError;
use super::log::Questions;

/// Between two looks at a topic that contradicts its record: long enough for a leader that just started to catch up.
pub(super) const MOMENT: Duration = Duration::from_millis(250);

/// Two looks a moment apart disagree: nothing can be said of the topic now.
pub(super) fn undecided() -> BusError {
    BusError::kafka("compare topics with positions", "two looks a moment apart disagree")
}

/// First and end offset of each partition, by partition number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTopic {
    /// The topic's id.
    pub id: String,
    /// `(first, end)` per partition; `end` counts records of open and aborted transactions too.
    pub spans: Vec<(i64, i64)>,
}

/// Id and spans of every topic of `names` that exists: one DescribeTopics, two ListOffsets.
///
/// # Errors
/// [`BusError::Kafka`] as of [`Questions`].
pub fn find(questions: &dyn Questions, names: &[String]) -> Result<HashMap<String, FoundTopic>, BusError> {
    let described = questions.describe(names)?;
    let partitions: Vec<(String, i32)> = described
        .iter()
        .flat_map(|(name, topic)| partition_numbers(topic.partitions).map(|number| (name.clone(), number)))
        .collect();
    let first = questions.offsets(&partitions, Spec::Earliest, Isolation::ReadUncommitted)?;
    let end = questions.offsets(&partitions, Spec::Latest, Isolation::ReadUncommitted)?;
    described
        .into_iter()
        .map(|(name, topic)| {
            let spans = partition_numbers(topic.partitions)
                .map(|number| {
                    let partition = (name.clone(), number);
                    match (first.get(&partition), end.get(&partition)) {
                        (Some(first), Some(end)) => Ok((*first, *end)),
                        _ => Err(BusError::kafka("list offsets", "a partition is missing in the answer")),
                    }
                })
                .collect::<Result<_, _>>()?;
            Ok((name, FoundTopic { id: topic.id, spans }))
        })
        .collect()
}

fn partition_numbers(count: usize) -> std::ops::Range<i32> {
    0..i32::try_from(count).unwrap_or(i32::MAX)
}
