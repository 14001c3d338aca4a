"""A subscriber that knows nothing of the bridge has every table of the source, whatever happened in between."""

import copy
import random
import time

import pytest

import checksum
from source import Source
from topics import row_key

NOTHING = ("0" * 32, 0)
SWEPT_WITHIN_SECONDS = 60
ALL_TYPES = (
    "bigint bit date datetime datetime2 decimal float int money ntext nvarchar smallint time uniqueidentifier varbinary"
).split()


@pytest.fixture
def chance():
    """Random, and the same again with the seed that a failed test shows."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture
def source(tenant, center, bridge, chance):
    return Source.new(tenant, center, bridge.url, size=20, seed=chance.randrange(10**6))


def rebuilt(table):
    """Checksum and row count of a table as a subscriber has it."""
    return checksum.of_table(table.rows.values(), table.types), len(table.rows)


def assert_equal(tables, source):
    """Every table of the source, and no other, is rebuilt; one without a topic is empty."""
    expected = source.checksums()
    assert found_of(tables, expected) == expected


def found_of(tables, expected):
    """Checksum and row count of every table, also of those that only the source has."""
    found = {name: rebuilt(table) for name, table in tables.items()}
    return {name: found.get(name, NOTHING) for name in expected | found}


def tables_once_swept(topics, source):
    """Old rows may be swept for a while after their cycle."""
    expected, deadline = source.checksums(), time.monotonic() + SWEPT_WITHIN_SECONDS
    while True:
        tables = topics.tables(source.name)
        if found_of(tables, expected) == expected or time.monotonic() > deadline:
            return tables


def some(chance):
    """An amount of changes and the seed that makes them."""
    return {
        "inserts": chance.randrange(20, 80),
        "updates": chance.randrange(50, 150),
        "deletes": chance.randrange(20, 80),
        "seed": chance.randrange(10**6),
    }


def test_every_table_is_equal_to_its_source_after_every_cycle(source, topics, chance):
    expected = source.checksums()
    assert len(expected) >= 25
    source.cycle("--batch-bytes", 20_000)
    tables = topics.tables(source.name)
    assert_equal(tables, source)
    assert set(tables) == {table for table, (_, rows) in expected.items() if rows}, "a topic per table with rows"
    assert set(tables) < set(expected), "some tables are empty"
    sql_types = {column["sqlType"].split("(")[0] for table in tables.values() for column in table.fields.values()}
    assert sorted(sql_types) == ALL_TYPES

    for options in [(), ("--separate",), ("--batch-bytes", 2_000), ("--pretty",)]:
        for _ in range(chance.randrange(1, 4)):
            source.change(**some(chance))
        before, expected = expected, source.checksums()
        assert before != expected
        source.cycle(*options)
        tables = topics.tables(source.name)
        assert_equal(tables, source)
    records = sum(len(table.records) for table in tables.values())
    rows = sum(len(table.rows) for table in tables.values())
    deletes = sum(len(table.deletes) for table in tables.values())
    assert deletes > 0 and records > rows + deletes, "rows were deleted, and updated"


def test_a_topic_thrown_away_is_filled_again(source, topics, chance):
    source.cycle()
    for table in ["person", "y_extremes"]:
        topics.delete(topics.topic(source.name, table))
    source.change(**some(chance))
    printed = source.cycle()
    begun_anew = {line.split()[0] for line in printed.splitlines() if line.endswith("begun anew")}
    assert {"person", "y_extremes"} <= begun_anew and "contact" not in begun_anew
    assert_equal(topics.tables(source.name), source)


def test_a_source_that_begins_anew_leaves_no_rows_of_the_old(source, topics, chance):
    source.change(**some(chance))
    source.cycle()
    before = topics.tables(source.name)
    wait_for_the_next_second()
    # A database that was set up anew, with half of the rows, is behind every position: all tables are wiped.
    source.drop()
    other = Source.new(source.name, source.center, source.url, size=10, seed=7)
    other.cycle()
    after = tables_once_swept(topics, other)
    assert_equal(after, other)
    gone = set(before["person"].rows) - set(after["person"].rows)
    swept = [row_key(record.key) for record in after["person"].deletes if record.headers["op"] == "S"]
    assert gone and sorted(swept) == sorted(gone), "the keys that did not come again, and only those, were swept"


def test_a_receipt_names_ends_that_hold_the_whole_cycle(source, topics, chance):
    source.cycle()
    source.change(**some(chance))
    source.cycle()
    tables, events = topics.tables(source.name), topics.events(source.name)
    assert [event["kind"] for event in events].count("cycle_completed") == 2
    assert events[-1]["kind"] == "cycle_completed"
    receipts = {receipt["table"]: receipt for receipt in events[-1]["tables"]}
    assert receipts
    for name, receipt in receipts.items():
        claimed = receipt["claimed_inserts"] + receipt["claimed_updates"], receipt["claimed_deletes"]
        assert claimed == (receipt["committed_upserts"], receipt["committed_deletes"])
        ends = {end["partition"]: end["offset"] for end in receipt["ends"]}
        assert all(record.offset < ends[record.partition] for record in tables[name].records)


def test_one_changed_cell_gives_another_checksum(source, topics):
    source.cycle()
    tables = topics.tables(source.name)
    assert_equal(tables, source)
    names = {column for column in tables["y_extremes"].fields if column != "id"}
    assert len(names) == 16
    for name in names:
        changed = copy.deepcopy(tables)
        rows = changed["y_extremes"].rows.values()
        row = next(row for row in rows if row[name] is not None)
        row[name] = next(row[name] for row in rows if row[name] is None)
        assert rebuilt(changed["y_extremes"])[0] != rebuilt(tables["y_extremes"])[0], name
        with pytest.raises(AssertionError):
            assert_equal(changed, source)


def test_a_row_or_a_table_too_few_or_too_many_is_noticed(source, topics):
    source.cycle()
    tables = topics.tables(source.name)
    short, long = copy.deepcopy(tables), copy.deepcopy(tables)
    short["contact"].rows.popitem()
    long["contact"].rows["again"] = next(iter(long["contact"].rows.values()))
    without = {name: table for name, table in tables.items() if name != "contact"}
    for wrong in [short, long, without, tables | {"contact2": tables["contact"]}]:
        with pytest.raises(AssertionError):
            assert_equal(wrong, source)


def wait_for_the_next_second():
    """Tokens tell cycles apart by whole seconds; only the database of the last cycle remembers which it used."""
    time.sleep(1 - time.time() % 1 + 0.001)
