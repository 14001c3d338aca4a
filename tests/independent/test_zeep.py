"""A SOAP client that has nothing but the service's description can do all that the vendor does."""

import secrets
from dataclasses import dataclass, field
from datetime import date, datetime, time, timezone
from decimal import Decimal

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from zeep.exceptions import Fault

from values import encode
from vendor import Application, Vendor, load

FORMS = ("wsdl", "singleWsdl")
OPERATIONS = {"Authenticate", "TableSchema", "Wipe", "RowData", "ReplicationCompleted"}
ACTION = "http://www.superoffice.com/online/mirroring/0.1/IMirroringClientService/"
DATA = "http://schemas.datacontract.org/2004/07/SuperOffice.Online.Mirroring.Contract.V1"
DATA_TYPES = "ColumnInfo ReplicationSummary RowData RowDataBatch TableLSN TableSchemaInfo".split()


@dataclass
class Table:
    """A table at the source; its first column is the key."""

    name: str
    # SQL type of each column, and of those that are not nullable the default.
    columns: dict
    defaults: dict = field(default_factory=dict)
    rows: dict = field(default_factory=dict)

    def put(self, *values):
        row = dict(zip(self.columns, values, strict=True))
        self.rows[values[0]] = row
        return row

    def info(self):
        """As TableSchema and RowData announce it."""
        key = next(iter(self.columns))
        columns = [
            {
                "DefaultValue": self.defaults.get(name, ""),
                "IsNullable": name != key and name not in self.defaults,
                "Name": name,
                "Type": sql_type,
            }
            for name, sql_type in self.columns.items()
        ]
        return {"Columns": {"ColumnInfo": columns}, "TableName": self.name}

    def batch(self, lsn, *rows):
        """Rows as pairs of operation and row."""
        data = [
            {"ColumnValues": {"string": self.encoded(row)}, "Operation": operation} for operation, row in rows
        ]
        return {"Data": {"RowData": data}, "LSN": lsn, "TableInfo": self.info()}

    def encoded(self, row):
        return [encode(sql_type, row.get(name)) for name, sql_type in self.columns.items()]

    def deletion(self, key):
        """Removes a row. All that a receiver is told of it is its key."""
        del self.rows[key]
        return {next(iter(self.columns)): key}


def contact():
    columns = {"contact_id": "int", "name": "nvarchar(219)", "xstop": "smallint", "x_credit": "money"}
    table = Table("contact", columns, {"name": "default (N'')", "xstop": "default ((0))"})
    texts = ["", "[I:5]", "[DT:05/18/2020 10:40:43]", " blanks ", "a\r\nb\tc", "<&>\"']]>", "Ærø 🦀", "NULL"]
    for key, text in enumerate(texts, 1):
        table.put(key, text, -key, None if key % 2 else Decimal(key) / 8)
    return table


def all_types():
    columns = {
        "id": "int",
        "a": "bigint",
        "b": "bit",
        "c": "float",
        "d": "decimal(38,10)",
        "e": "money",
        "f": "datetime",
        "g": "datetime2",
        "h": "date",
        "i": "time",
        "j": "varbinary(max)",
        "k": "uniqueidentifier",
        "l": "ntext",
        "m": "smallint",
    }
    table = Table("y_all_types", columns)
    guid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    digits = "9" * 28 + "." + "9" * 10
    most, least, money = Decimal(digits), Decimal(f"-{digits}"), Decimal("922337203685477.5807")
    first, last = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
    no_date, old = datetime(1760, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 997_000)
    midnight, latest, everything = time(), time(23, 59, 59, 999_999), bytes(range(256))
    text = "x" * 99_999
    table.put(1, 2**63 - 1, True, 0.1, most, money, no_date, last, last.date(), latest, everything, guid, text, 1)
    table.put(2, -(2**63), False, 5e-324, least, -money, old, first, first.date(), midnight, b"", guid.upper(), "", -1)
    table.put(3, 0, True, -1.5e300, Decimal(0), Decimal("0.0001"), first.replace(1753), old, date(1969, 12, 31),
              time(14, 52), b"\0", guid, "[I:5]", 32_767)
    table.put(4, *[None] * 13)
    return table


def as_avro(value):
    """Avro's timestamps hold the source's clock as if it were UTC."""
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value


def source_rows(table):
    return sorted(({name: as_avro(value) for name, value in row.items()} for row in table.rows.values()), key=repr)


def topic_rows(table):
    return sorted(table.rows.values(), key=repr)


def assert_equal(topics, tenant, *tables):
    """The tenant's topics hold these tables, and nothing else."""
    found = topics.tables(tenant)
    assert set(found) == {table.name for table in tables}
    for table in tables:
        assert topic_rows(found[table.name]) == source_rows(table)


@pytest.fixture(params=FORMS)
def client(request, bridge):
    return load(f"{bridge.url}?{request.param}")


@pytest.fixture
def vendor(client, center, tenant):
    return Vendor(client, Application(center), tenant)


def inserts(table, keys):
    return [("I", table.rows[key]) for key in keys]


def summary(table, inserts=0, updates=0, deletes=0):
    return {"Deletes": deletes, "Inserts": inserts, "TableName": table.name, "Updates": updates}


def test_a_whole_tenant_is_sent_by_the_description_alone(vendor, topics, tenant):
    contacts, types, empty = contact(), all_types(), Table("y_empty", {"id": "int", "name": "nvarchar(9)"})
    announced = [table.info() for table in (contacts, types, empty)]

    answer = vendor.authenticate()
    assert answer.SupportedInterfaces and answer.SuperOfficeMirroringBuild
    assert vendor.table_schema(announced) == {"contact": -1, "y_all_types": -1, "y_empty": -1}
    for table in (contacts, types, empty):
        vendor.wipe(table.name)
    # The vendor's older rows have no position; only a table's last batch has one.
    vendor.row_data(contacts.batch(0, *inserts(contacts, [1, 2, 3])))
    vendor.row_data(contacts.batch(0, *inserts(contacts, [4, 5, 6])), contacts.batch(17, *inserts(contacts, [7, 8])))
    vendor.row_data(types.batch(18, *inserts(types, types.rows)))
    vendor.completed([summary(contacts, inserts=8), summary(types, inserts=4)])
    assert_equal(topics, tenant, contacts, types)

    vendor.authenticate()
    assert vendor.table_schema(announced) == {"contact": 17, "y_all_types": 18, "y_empty": -1}
    vendor.wipe(empty.name)
    updated = contacts.put(3, "changed", 0, Decimal("-0.0001"))
    inserted = contacts.put(9, "new", 1, None)
    changes = [("U", updated), ("I", inserted), ("D", contacts.deletion(1)), ("d", contacts.deletion(8))]
    vendor.row_data(contacts.batch(21, *changes), types.batch(21, ("D", types.deletion(2))))
    vendor.completed([summary(contacts, 1, 1, 2), summary(types, deletes=1)])
    assert_equal(topics, tenant, contacts, types)

    vendor.authenticate()
    assert vendor.table_schema(announced) == {"contact": 21, "y_all_types": 21, "y_empty": -1}
    vendor.completed([])


def test_a_difference_from_the_source_is_noticed(vendor, topics, tenant):
    contacts = contact()
    vendor.authenticate()
    vendor.table_schema([contacts.info()])
    vendor.wipe(contacts.name)
    vendor.row_data(contacts.batch(17, *inserts(contacts, contacts.rows)))
    vendor.completed([summary(contacts, inserts=8)])
    assert_equal(topics, tenant, contacts)
    contacts.rows[2]["name"] = "other"
    with pytest.raises(AssertionError):
        assert_equal(topics, tenant, contacts)


def test_a_call_that_another_key_signed_is_refused(vendor, topics, tenant):
    stranger = rsa.generate_private_key(65_537, 2048)
    answer = vendor.send("Authenticate", secrets.token_hex(16), key=stranger)
    assert answer.IsSuccessful is False and answer.ErrorMessage and not answer.SignedApplicationToken
    vendor.authenticate()


def test_an_unknown_header_that_must_be_understood_is_refused(bridge, center, tenant):
    client = load(f"{bridge.url}?wsdl", "{http://www.w3.org/2005/08/addressing}Action")
    with pytest.raises(Fault) as refused:
        Vendor(client, Application(center), tenant).authenticate()
    assert refused.value.code.endswith(":MustUnderstand")


def named(client, signature):
    """zeep numbers namespaces as it meets them: a signature with their names instead."""
    for prefix, namespace in client.wsdl.types.prefix_map.items():
        signature = signature.replace(f"{prefix}:", f"{{{namespace}}}")
    return signature


def operations(client):
    """What each operation takes and gives, as zeep understood the description."""
    [port] = client.wsdl.services["MirroringClientService"].ports.values()
    return {
        name: {
            "action": operation.soapaction,
            "takes": named(client, operation.input.signature()),
            "gives": named(client, operation.output.signature(as_output=True)),
        }
        for name, operation in port.binding.all().items()
    }


def data_types(client):
    types = {name: client.get_type(f"{{{DATA}}}{name}") for name in DATA_TYPES}
    return {name: named(client, kind.signature(client.wsdl.types)) for name, kind in types.items()}


def test_both_forms_of_the_description_say_the_same(bridge):
    several, single = (load(f"{bridge.url}?{form}") for form in FORMS)
    assert set(operations(several)) == OPERATIONS
    for name, operation in operations(several).items():
        assert operation["action"] == ACTION + name
        assert "_soapheaders={SignedToken: {http://www.w3.org/2001/XMLSchema}string}" in operation["takes"]
    assert operations(several) == operations(single)
    assert data_types(several) == data_types(single)
