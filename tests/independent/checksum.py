"""The table checksum, written anew from its definition in `schemas/src/checksum.rs`, over values as an Avro reader
gives them: numbers, text, bytes, `Decimal`, `datetime`, `date` and `time`."""

import hashlib
import struct
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
UNITS = {"timestamp-millis": timedelta(milliseconds=1), "timestamp-micros": timedelta(microseconds=1)}


def of_table(rows, columns):
    """Of all rows, each a dict; `columns` has the Avro type of each column."""
    return f"{sum(of_row(row, columns) for row in rows) % 2**128:032x}"


def of_row(row, columns):
    content = b"".join(
        name.encode() + b"\x1f" + canonical(row[name], columns[name]) + b"\x1e"
        for name in sorted(row, key=str.encode)
    )
    return int.from_bytes(hashlib.sha256(content).digest()[:16], "big")


def canonical(value, avro_type):
    return b"-" if value is None else b"=" + text(value, avro_type).encode()


def text(value, avro_type):
    match value:
        # Before int and date, whose subclasses they are.
        case bool():
            return str(int(value))
        case datetime():
            return str(units(value - EPOCH, UNITS[avro_type["logicalType"]]))
        case int():
            return str(value)
        case float():
            return struct.pack(">d", value).hex()
        case Decimal():
            return str(unscaled(value, avro_type["scale"]))
        case date():
            return str(value.toordinal() - EPOCH.toordinal())
        case time():
            since_midnight = datetime.combine(EPOCH, value, timezone.utc) - EPOCH
            return str(units(since_midnight, timedelta(microseconds=1)))
        case bytes():
            return value.hex()
        case str():
            return value
    raise TypeError(f"no checksum is defined for a {type(value).__name__}")


def units(distance, unit):
    """Exact whole numbers: nothing of it is a float."""
    count, rest = divmod(distance, unit)
    assert not rest, "a time is finer than its column's unit"
    return count


def unscaled(value, scale):
    """From the digits: arithmetic would round to the context's precision, 28 digits."""
    sign, digits, exponent = value.as_tuple()
    assert exponent == -scale, "a decimal has another scale than its column"
    number = int("".join(map(str, digits)))
    return -number if sign else number
