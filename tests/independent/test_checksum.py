"""The definition's own example, and the values that are easily got wrong."""

from datetime import date, datetime, time, timezone
from decimal import Decimal

import pytest

import checksum

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}
MICROS = {"type": "long", "logicalType": "timestamp-micros"}


def moment(*parts):
    return datetime(*parts, tzinfo=timezone.utc)


def test_the_documented_example_holds():
    # printf 'id\x1f=1\x1ename\x1f=a\x1e' | sha256sum | cut -c1-32
    types = {"id": "int", "name": "string"}
    assert checksum.of_table([{"name": "a", "id": 1}], types) == "e85ac1768be4a73f1144fab3d87597fd"
    assert checksum.of_table([], types) == "0" * 32


@pytest.mark.parametrize(
    ("value", "avro_type", "text"),
    [
        (None, "string", b"-"),
        ("", "string", b"="),
        ("-", "string", b"=-"),
        (True, "boolean", b"=1"),
        (-(2**63), "long", b"=-9223372036854775808"),
        (-0.0, "double", b"=8000000000000000"),
        (1.0, "double", b"=3ff0000000000000"),
        (b"\x00\xff", "bytes", b"=00ff"),
        (Decimal("-0.0001"), {"scale": 4}, b"=-1"),
        (Decimal("9" * 28 + "." + "9" * 10), {"scale": 10}, b"=" + b"9" * 38),
        (date(1969, 12, 31), {}, b"=-1"),
        (date(1, 1, 1), {}, b"=-719162"),
        (time(23, 59, 59, 999_999), {}, b"=86399999999"),
        (moment(1969, 12, 31, 23, 59, 59, 999_000), MILLIS, b"=-1"),
        (moment(1760, 1, 1), MILLIS, b"=-6626966400000"),
        (moment(1969, 12, 31, 23, 59, 59, 999_999), MICROS, b"=-1"),
        (moment(1, 1, 1), MICROS, b"=-62135596800000000"),
        (moment(9999, 12, 31, 23, 59, 59, 999_999), MICROS, b"=253402300799999999"),
    ],
)
def test_values_have_one_form(value, avro_type, text):
    assert checksum.canonical(value, avro_type) == text
