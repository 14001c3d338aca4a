"""Column values in the wire's text form, `[marker:value]`, as the vendor documents it."""

import base64

from zeep.xsd import Nil


def encode(sql_type, value):
    """A Python value as a column of an SQL Server type is sent."""
    if value is None:
        return Nil
    match sql_type.split("(")[0]:
        case "int" | "bigint":
            return f"[I:{value}]"
        case "smallint":
            return f"[S:{value}]"
        case "float":
            return f"[F:{value!r}]"
        case "decimal":
            return f"[F:{value:f}]"
        case "money":
            return f"[M:{value:f}]"
        case "datetime" | "datetime2":
            return f"[DT:{value.month:02}/{value.day:02}/{value.year:04} {clock(value)}0]"
        case "date":
            return f"[D:{value.day:02}.{value.month:02}.{value.year:04}]"
        case "time":
            return f"[T:{clock(value)}]"
        case "varbinary":
            return f"[B:{base64.b64encode(value).decode()}]"
        case "bit" | "uniqueidentifier" | "nvarchar" | "ntext":
            return str(value)
    raise ValueError(f"no form for {sql_type}")


def clock(moment):
    return f"{moment.hour:02}:{moment.minute:02}:{moment.second:02}.{moment.microsecond:06}"
