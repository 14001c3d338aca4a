"""The topics as any subscriber sees them: confluent-kafka, its Avro support, and the README's upsert rule."""

import json
import re
import secrets
import time
from dataclasses import dataclass, field

from confluent_kafka import Consumer, IsolationLevel, KafkaError, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka.schema_registry import SchemaRegistryClient, topic_subject_name_strategy
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

SECONDS = 60


@dataclass
class Record:
    """A record, decoded; `value` is None where it is a delete."""

    topic: str
    partition: int
    offset: int
    key_bytes: bytes | None
    key: dict | None
    value: dict | None
    headers: dict


@dataclass
class Table:
    """A table rebuilt from its topic: the newest value per key, keys whose value is null dropped."""

    # Avro types of the value schema's fields, the null of unions left out, and the fields' own attributes.
    types: dict
    fields: dict
    rows: dict = field(default_factory=dict)
    records: list = field(default_factory=list)

    @property
    def deletes(self):
        return [record for record in self.records if record.value is None]


class Topics:
    """All topics of one prefix."""

    def __init__(self, kafka, registry, prefix):
        self.kafka = kafka
        self.prefix = prefix
        self.registry = SchemaRegistryClient({"url": registry, "timeout": SECONDS})
        self.admin = AdminClient({"bootstrap.servers": kafka})
        # The client's default asks the registry for each topic's associations first, which only Confluent's knows.
        self.decode = AvroDeserializer(
            self.registry, conf={"subject.name.strategy": topic_subject_name_strategy}
        )

    def topic(self, tenant, table):
        return f"{self.prefix}.{tenant}.{table}"

    def tables(self, tenant):
        """Every table of a tenant that has a topic, by name."""
        root = self.topic(tenant, "")
        tables = {topic.removeprefix(root): self.empty_table(topic) for topic in self.names(root)}
        by_bytes = {}
        for record in self.read(root):
            table = tables[record.topic.removeprefix(root)]
            table.records.append(record)
            apply(table.rows, row_key(record.key), record.value)
            apply(by_bytes, (record.topic, record.key_bytes), record.value)
        assert len(by_bytes) == sum(len(table.rows) for table in tables.values()), "keys differ as bytes and decoded"
        return tables

    def events(self, tenant):
        """What happened to a tenant's mirroring, oldest first."""
        return [record.value for record in self.read(f"{self.prefix}-sys.{tenant}.cycles")]

    def empty_table(self, topic):
        schema = json.loads(self.registry.get_latest_version(f"{topic}-value").schema.schema_str)
        types = {}
        for column in schema["fields"]:
            union = column["type"] if isinstance(column["type"], list) else [column["type"]]
            [types[column["name"]]] = [kind for kind in union if kind != "null"]
        return Table(types, {column["name"]: column for column in schema["fields"]})

    def names(self, root):
        """Topics whose names begin with `root`."""
        return {topic for topic in self.admin.list_topics(timeout=SECONDS).topics if topic.startswith(root)}

    def delete(self, topic):
        """Deletes a topic and waits until the cluster no longer knows it."""
        for deleted in self.admin.delete_topics([topic]).values():
            deleted.result(SECONDS)
        deadline = time.monotonic() + SECONDS
        while topic in self.names(topic):
            assert time.monotonic() < deadline, f"{topic} is still there"

    def ends(self, root):
        """One past the last record of every partition, whether committed or not."""
        topics = self.admin.list_topics(timeout=SECONDS).topics
        partitions = [
            TopicPartition(name, partition)
            for name in self.names(root)
            for partition in topics[name].partitions
        ]
        asked = {partition: OffsetSpec.latest() for partition in partitions}
        listed = self.admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED) if asked else {}
        return {(place.topic, place.partition): found.result(SECONDS).offset for place, found in listed.items()}

    def read(self, root):
        """All committed records of the topics whose names begin with `root`, from the beginning to the ends as they
        are now."""
        missing = self.ends(root)
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka,
                "group.id": f"independent-{secrets.token_hex(8)}",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
            }
        )
        records, deadline = [], time.monotonic() + SECONDS
        try:
            consumer.subscribe([f"^{re.escape(root)}.*"])
            while missing:
                assert time.monotonic() < deadline, f"no end of {sorted(missing)}"
                message = consumer.poll(1)
                if message is None:
                    continue
                place = (message.topic(), message.partition())
                if message.error() is None:
                    records.append(self.record(message))
                elif message.error().code() != KafkaError._PARTITION_EOF:
                    raise AssertionError(f"{place}: {message.error()}")
                elif message.offset() >= missing.get(place, message.offset() + 1):
                    del missing[place]
        finally:
            consumer.close()
        return records

    def record(self, message):
        def decoded(content, part):
            return self.decode(content, SerializationContext(message.topic(), part))

        return Record(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            key_bytes=message.key(),
            key=decoded(message.key(), MessageField.KEY),
            value=decoded(message.value(), MessageField.VALUE),
            headers={name: value.decode() for name, value in message.headers() or []},
        )


def row_key(key):
    """A decoded key as one that a dict takes."""
    return tuple(sorted(key.items()))


def apply(rows, key, value):
    """The upsert rule."""
    if value is None:
        rows.pop(key, None)
    else:
        rows[key] = value
