"""Rows of Parquet files in one form, whoever read them, and when two values are equal.

    expected   canonical JSON: null, true, "i:7", "f:0.5", "d:1.50", "s:text", "x:00ff", "D:days",
               "T:ns", "TS:ns", "iv:months,days,us", "u:uuid", [], {}, {"$map": [[k, v] …]};
               VARIANT is "s:" and JSON text
    got        the same out of Arrow arrays, which pyarrow and DuckDB both give, or from
               canonical_rows, which is our own reader

A reader may show a value as a plainer type than it has; same() knows which, and nothing else:

    INTERVAL, UUID, ENUM   as their bytes (pyarrow, and UUID as text)
    JSON                   as text: the same JSON value
    VARIANT                as {"metadata", "value"}, or "v:metadata:value" (canonical_rows): its
                           bytes are decoded here
"""
import decimal
import json
import math
import struct
import uuid

import pyarrow

UNIT_NS = {"s": 10 ** 9, "ms": 10 ** 6, "us": 1000, "ns": 1}
decimal.getcontext().prec = 100  # so that nothing is rounded


def expected_rows(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


# ---- Arrow to canonical ----

def float_text(v):
    if math.isnan(v):
        return "f:nan"
    return f"f:{v!r}"


def scalars(array):
    """Canonical values of an array without children, nulls as None."""
    t, kind = array.type, pyarrow.types
    if kind.is_boolean(t) or kind.is_null(t):
        return array.to_pylist()
    if kind.is_integer(t):
        return [v if v is None else f"i:{v}" for v in array.to_pylist()]
    if kind.is_floating(t):
        return [v if v is None else float_text(float(v)) for v in array.to_pylist()]
    if kind.is_decimal(t):
        return [v if v is None else f"d:{v}" for v in array.to_pylist()]
    if kind.is_string(t) or kind.is_large_string(t) or kind.is_string_view(t):
        return [v if v is None else f"s:{v}" for v in array.to_pylist()]
    if kind.is_binary(t) or kind.is_large_binary(t) or kind.is_fixed_size_binary(t) \
            or kind.is_binary_view(t):
        return [v if v is None else f"x:{v.hex()}" for v in array.to_pylist()]
    if kind.is_date(t):
        days = array.cast(pyarrow.date32()).cast(pyarrow.int32())
        return [v if v is None else f"D:{v}" for v in days.to_pylist()]
    if kind.is_time32(t) or kind.is_time64(t):
        ints = array.cast(pyarrow.int32() if kind.is_time32(t) else pyarrow.int64())
        return [v if v is None else f"T:{v * UNIT_NS[t.unit]}" for v in ints.to_pylist()]
    if kind.is_timestamp(t):
        ints = array.cast(pyarrow.int64())
        return [v if v is None else f"TS:{v * UNIT_NS[t.unit]}" for v in ints.to_pylist()]
    if kind.is_interval(t):
        return [v if v is None else f"iv:{v[0]},{v[1]},{v[2] // 1000}" for v in array.to_pylist()]
    if kind.is_dictionary(t):
        return canonical(array.dictionary_decode())
    raise TypeError(f"no canonical form of {t}")


def lists(array, values):
    offsets, valid = array.offsets.to_pylist(), array.is_valid().to_pylist()
    return [values[a:b] if ok else None for a, b, ok in zip(offsets, offsets[1:], valid)]


def canonical(array):
    """Canonical values of an Arrow array, as a list."""
    if isinstance(array, pyarrow.ChunkedArray):
        return [v for chunk in array.chunks for v in canonical(chunk)]
    if isinstance(array, pyarrow.ExtensionArray):
        name = array.type.extension_name
        values = canonical(array.storage)
        if "uuid" in name:
            return [v if v is None else f"u:{uuid.UUID(hex=v[2:])}" for v in values]
        return values
    t, kind = array.type, pyarrow.types
    if kind.is_struct(t):
        names = [t.field(i).name for i in range(t.num_fields)]
        children = [canonical(c) for c in array.flatten()]
        return [dict(zip(names, row)) if ok else None
                for row, ok in zip(zip(*children), array.is_valid().to_pylist())]
    if kind.is_map(t):
        pairs = [[k, v] for k, v in zip(canonical(array.keys), canonical(array.items))]
        return [v if v is None else {"$map": v} for v in lists(array, pairs)]
    if kind.is_list(t) or kind.is_large_list(t):
        return lists(array, canonical(array.values))
    return scalars(array)


def rows_of(table):
    """A table as rows: {name: canonical value}."""
    columns = [canonical(c) for c in table.columns]
    return [dict(zip(table.column_names, row)) for row in zip(*columns)]


# ---- Variant bytes (parquet-format: VariantEncoding.md): what JSON can say ----

def little(data, at, size):
    return int.from_bytes(data[at:at + size], "little")


def offsets_at(data, at, size, count):
    """`count` + 1 offsets, and where the bytes that they point into begin."""
    return [little(data, at + i * size, size) for i in range(count + 1)], at + (count + 1) * size


def variant_names(meta):
    size = (meta[0] >> 6) + 1
    offsets, start = offsets_at(meta, 1 + size, size, little(meta, 1, size))
    return [meta[start + a:start + b].decode() for a, b in zip(offsets, offsets[1:])]


def variant_primitive(kind, data):
    if kind in (3, 4, 5, 6):
        return int.from_bytes(data[1:1 + (1 << kind - 3)], "little", signed=True)
    if kind in (8, 9, 10):
        digits = int.from_bytes(data[2:2 + (4 << kind - 8)], "little", signed=True)
        return decimal.Decimal(digits).scaleb(-data[1])
    if kind == 7:
        return struct.unpack_from("<d", data, 1)[0]
    if kind == 16:
        return data[5:5 + little(data, 1, 4)].decode()
    return {0: None, 1: True, 2: False}[kind]


def variant(names, data):
    """The JSON value of Variant bytes."""
    basic, head = data[0] & 3, data[0] >> 2
    if basic == 0:
        return variant_primitive(head, data)
    if basic == 1:
        return data[1:1 + head].decode()
    size, is_large = (head & 3) + 1, head >> (4 if basic == 2 else 2) & 1
    count = little(data, 1, 4 if is_large else 1)
    at = 5 if is_large else 2
    if basic == 3:
        offsets, start = offsets_at(data, at, size, count)
        return [variant(names, data[start + o:]) for o in offsets[:count]]
    id_size = (head >> 2 & 3) + 1
    ids = [little(data, at + i * id_size, id_size) for i in range(count)]
    offsets, start = offsets_at(data, at + count * id_size, size, count)
    return {names[i]: variant(names, data[start + o:]) for i, o in zip(ids, offsets)}


def variant_of(got):
    """A reader's form of a VARIANT as a JSON value; ValueError if it is none."""
    if isinstance(got, dict) and sorted(got) == ["metadata", "value"]:
        parts = [got[k].partition(":")[2] for k in ("metadata", "value")]
    elif isinstance(got, str) and got.startswith("v:"):
        parts = got.split(":")[1:]
    else:
        raise ValueError("no VARIANT")
    meta, value = (bytes.fromhex(p) for p in parts)
    return variant(variant_names(meta), value)


# ---- equality ----

def same_float(a, b):
    x, y = float(a), float(b)
    return math.isnan(x) and math.isnan(y) or struct.pack("<d", x) == struct.pack("<d", y)


def same_json_value(a, b):
    """Numbers by value: 1.5 is 1.50, and as near as a double can be."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    numbers = (int, float, decimal.Decimal)
    if isinstance(a, numbers) and isinstance(b, numbers):
        return a == b or float(a) == float(b) and isinstance(b, float)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same_json_value, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return sorted(a) == sorted(b) and all(same_json_value(a[k], b[k]) for k in a)
    return a == b


def same_json(a, b):
    try:
        return same_json_value(json.loads(a, parse_float=decimal.Decimal), b)
    except ValueError:
        return False


def bytes_of(kind, text):
    """What a reader without the type shows: its bytes."""
    if kind == "iv":
        months, days, us = (int(part) for part in text.split(","))
        return struct.pack("<III", months, days, us // 1000)
    if kind == "u":
        return uuid.UUID(text).bytes
    return text.encode()


def same_scalar(want, got, lax):
    kind, _, text = want.partition(":")
    got_kind, _, got_text = got.partition(":")
    if kind == got_kind:
        if kind == "f":
            return same_float(text, got_text)
        if kind == "d":
            return decimal.Decimal(text) == decimal.Decimal(got_text)
        if kind in ("T", "TS") and "ns" in lax:
            return int(text) // 1000 == int(got_text) // 1000
        return text == got_text
    if got_kind == "x" and kind in ("iv", "u", "s"):
        return bytes_of(kind, text).hex() == got_text
    return kind == "u" and got_kind == "s" and text == got_text


def same(want, got, lax=()):
    """Does a reader's value say what the writer meant? `lax`: what the reader is known to lose:
    "ns": nanoseconds below a microsecond; "variant null": a VARIANT null is a missing value."""
    if isinstance(want, str) and (isinstance(got, dict) or str(got).startswith("v:")):
        return want.startswith("s:") and same_json(want[2:], variant_of(got))
    if isinstance(want, str) and isinstance(got, str):
        return same_scalar(want, got, lax)
    if isinstance(want, list) and isinstance(got, list):
        return len(want) == len(got) and all(same(a, b, lax) for a, b in zip(want, got))
    if isinstance(want, dict) and isinstance(got, dict):
        return list(want) == list(got) and all(same(want[k], got[k], lax) for k in want)
    if want == "s:null" and got is None:
        return "variant null" in lax
    return want is got


def place(want, got, lax=(), at=""):
    """Where two values differ first, and how."""
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        for i, (a, b) in enumerate(zip(want, got)):
            if not same(a, b, lax):
                return place(a, b, lax, f"{at}[{i}]")
    if isinstance(want, dict) and isinstance(got, dict) and list(want) == list(got):
        for k in want:
            if not same(want[k], got[k], lax):
                return place(want[k], got[k], lax, f"{at}.{k}")
    return f"{at}: expected {str(want)[:200]}, got {str(got)[:200]}"


def difference(want, got, lax=()):
    """The first place where two lists of rows differ, as text; None: they do not."""
    for i, (a, b) in enumerate(zip(want, got)):
        if not same(a, b, lax):
            return f"row {i}{place(a, b, lax)}"
    return None if len(want) == len(got) else f"{len(want)} rows expected, got {len(got)}"


# ---- Thrift's compact protocol ----

def thrift(data, at, kind):
    """One value: (value, where the next begins). Structs are {id: value}."""
    def varint(at):
        v = shift = 0
        while True:
            v |= (data[at] & 127) << shift
            shift, at = shift + 7, at + 1
            if data[at - 1] < 128:
                return v, at

    if kind in (1, 2):
        return kind == 1, at
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        v, at = varint(at)
        return v >> 1 ^ -(v & 1), at
    if kind == 7:
        return data[at:at + 8], at + 8
    if kind == 8:
        n, at = varint(at)
        return data[at:at + n], at + n
    if kind == 9:
        count, item = data[at] >> 4, data[at] & 15
        at += 1
        if count == 15:
            count, at = varint(at)
        out = []
        for _ in range(count):
            v, at = (data[at] == 1, at + 1) if item in (1, 2) else thrift(data, at, item)
            out.append(v)
        return out, at
    out, last = {}, 0
    while data[at] != 0:
        field, item = data[at] >> 4, data[at] & 15
        at += 1
        if field == 0:
            v, at = varint(at)
            last = v >> 1 ^ -(v & 1)
        else:
            last += field
        out[last], at = thrift(data, at, item)
    return out, at + 1


def footer_of(data):
    """FileMetaData of a whole file."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return thrift(data, start, 12)[0]
