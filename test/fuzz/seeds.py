#!/usr/bin/env python3
"""Write the first inputs of the fuzz targets of Parquet's encodings and files:

    python3 test/fuzz/seeds.py test/fuzz/corpus

Pages are encoded here, in a second implementation that shares nothing with ours. Whole files are
written by pyarrow and DuckDB: small, without CRCs and mostly uncompressed, so that a changed byte
reaches the decoders. RANDOM_WRITER (test/interop/random_writer.c) adds files of ours.
"""
import datetime
import decimal
import io
import json
import os
import random
import struct
import subprocess
import sys
import tempfile

import duckdb
import pyarrow
import pyarrow.parquet

sys.dont_write_bytecode = True  # nothing beside the sources
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
import canonical  # noqa: E402

BOOL, INT32, INT64, INT96, FLOAT, DOUBLE, BYTES, FIXED = range(8)
SIZES = {INT32: 4, INT64: 8, INT96: 12, FLOAT: 4, DOUBLE: 8}


def save(target, name, data):
    folder = os.path.join(sys.argv[1], target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


# ---- encodings (parquet-format: Encodings.md) ----

def varint(v):
    out = b""
    while v > 127:
        out += bytes([v & 127 | 128])
        v >>= 7
    return out + bytes([v])


def zigzag(v):
    return varint(v << 1 if v >= 0 else (-v << 1) - 1)


def packed(values, width):
    bits = sum(v << i * width for i, v in enumerate(values))
    return bits.to_bytes((len(values) * width + 7) // 8, "little")


def run(value, count, width):
    return varint(count << 1) + value.to_bytes((width + 7) // 8, "little")


def groups(values, width):
    values = values + [0] * (-len(values) % 8)
    return varint(len(values) // 8 << 1 | 1) + packed(values, width)


def delta(values, block=128, minis=4, bits=64):
    out = varint(block) + varint(minis) + varint(len(values))
    out += zigzag(values[0] if values else 0)
    mask = (1 << bits) - 1
    steps = []
    for a, b in zip(values, values[1:]):
        d = (b - a) & mask
        steps.append(d - (1 << bits) if d >> bits - 1 else d)
    for i in range(0, len(steps), block):
        part = steps[i:i + block]
        low = min(part)
        part = [(s - low) & mask for s in part]
        each = block // minis
        chunks = [part[k:k + each] for k in range(0, block, each)]
        widths = [max([v.bit_length() for v in c], default=0) for c in chunks]
        out += zigzag(low) + bytes(widths)
        for c, w in zip(chunks, widths):
            if c:
                out += packed(c + [0] * (each - len(c)), w)
    return out


def delta_length(strings):
    return delta([len(s) for s in strings], bits=32) + b"".join(strings)


def delta_strings(strings):
    prefixes = [len(os.path.commonprefix([a, b])) for a, b in zip([b""] + strings, strings)]
    rest = [s[p:] for s, p in zip(strings, prefixes)]
    return delta(prefixes, bits=32) + delta_length(rest)


# ---- pages, as fuzz_values.h takes them ----

def page(phys, count, body, type_len=0, entries=0, seed=7):
    return bytes([phys, type_len]) + struct.pack("<H", count) + bytes([entries, seed]) + body


def pages(rng):
    words = [b"", b"a", b"abc", b"abd" * 9, b"k0001", b"k0002", b"k0003" * 30]
    strings = [rng.choice(words) for _ in range(150)]
    ids = [b"item/%05d" % i for i in range(700)]
    for phys, size in SIZES.items():
        body = bytes(rng.randrange(256) for _ in range(20 * size))
        save("plain", f"type{phys}", page(phys, 20, body))
    save("plain", "bool", page(BOOL, 19, b"\xa5\x5a\x03"))
    save("plain", "strings", page(BYTES, 12, b"".join(
        struct.pack("<I", len(s)) + s for s in strings[:12])))
    save("plain", "fixed", page(FIXED, 5, bytes(range(35)), type_len=7))
    for width in (0, 1, 3, 8, 17, 32):
        body = bytes([width]) + run(0, 9, width) + groups([i % (1 << min(width, 3))
                                                           for i in range(40)], width)
        save("dictionary", f"width{width}", page(rng.choice([INT32, DOUBLE, BYTES]), 48, body,
                                                 type_len=4, entries=200))
    save("dictionary", "fixed", page(FIXED, 8, b"\x02" + groups([0, 1, 2, 3] * 2, 2), type_len=5,
                                     entries=4))
    numbers = {
        "rising": [i * 3 for i in range(300)], "one": [5], "none": [], "same": [9] * 700,
        "ends": [2 ** 31 - 1, -2 ** 31] * 70, "mixed": [rng.randrange(-99, 99) for _ in range(600)]}
    for name, values in numbers.items():
        save("delta_binary", f"{name}32", page(INT32, len(values), delta(values, bits=32)))
        save("delta_binary", f"{name}64", page(INT64, len(values), delta(values, 256, 8)))
    save("delta_binary", "wide", page(INT64, 140, delta([2 ** 63 - 1, -2 ** 63, 0, 5] * 35)))
    for name, values in {"words": strings, "ids": ids, "none": []}.items():
        save("delta_length", name, page(BYTES, len(values), delta_length(values)))
        save("delta_strings", name, page(BYTES, len(values), delta_strings(values)))
    save("delta_strings", "fixed", page(FIXED, 200, delta_strings(ids[:200]), type_len=10))
    for phys, size in ((INT32, 4), (INT64, 8), (FLOAT, 4), (DOUBLE, 8), (FIXED, 3), (FIXED, 16)):
        body = bytes(rng.randrange(256) for _ in range(37 * size))
        save("stream_split", f"type{phys}-{size}", page(phys, 37, body, type_len=size))


def hybrids(rng):
    for width in (0, 1, 2, 5, 8, 12, 20, 31, 32):
        top = (1 << width) - 1
        body = run(top, 11, width) + groups([rng.randint(0, top) for _ in range(64)], width)
        body += run(0, 300, width) + groups([top] * 3, width)
        save("hybrid", f"width{width}", bytes([width + 1]) + page(INT32, 378, body))
    bits = run(1, 20, 1) + groups([1, 0, 0, 1, 1, 1, 0, 1] * 6, 1) + run(0, 9, 1)
    save("hybrid", "booleans", b"\0" + page(BOOL, 77, struct.pack("<I", len(bits)) + bits))
    save("hybrid", "levels", b"\xff" + page(BOOL, 77, bits))


# ---- whole files ----

def tables():
    """Small tables of all features, with the options to write them."""
    rows = range(24)
    day = datetime.date(2026, 3, 1)
    flat = pyarrow.table({
        "b": pyarrow.array([i % 3 == 0 for i in rows]),
        "i": pyarrow.array([None if i % 5 == 2 else i for i in rows], pyarrow.int32()),
        "u": pyarrow.array([2 ** 64 - 1 - i for i in rows], pyarrow.uint64()),
        "f": pyarrow.array([i / 4 for i in rows], pyarrow.float32()),
        "h": pyarrow.array([float(i) for i in rows], pyarrow.float16()),
        "s": pyarrow.array([f"text {i % 4}" for i in rows])})
    more = pyarrow.table({
        "x": pyarrow.array([bytes([i] * 5) for i in rows], pyarrow.binary(5)),
        "d": pyarrow.array([decimal.Decimal(i) / 4 for i in rows], pyarrow.decimal128(20, 2)),
        "day": pyarrow.array([day + datetime.timedelta(i) for i in rows]),
        "t": pyarrow.array([i * 1000 for i in rows], pyarrow.timestamp("us", tz="UTC"))})
    nested = pyarrow.table({
        "l": pyarrow.array([None if i % 7 == 3 else list(range(i % 4)) for i in rows]),
        "s": pyarrow.array([{"a": i, "b": None if i % 3 else [{"c": "x"}]} for i in rows]),
        "m": pyarrow.array([[("k", i), ("l", None)] if i % 2 else [] for i in rows],
                           pyarrow.map_(pyarrow.string(), pyarrow.int64()))})
    deltas = {"i": "DELTA_BINARY_PACKED", "u": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY",
              "f": "BYTE_STREAM_SPLIT", "b": "RLE"}
    plain = {"compression": "none", "use_dictionary": False}
    yield "flat-plain", flat, plain
    yield "flat-v2", flat, {**plain, "data_page_version": "2.0", "write_page_index": True}
    yield "flat-dictionary", flat, {"compression": "none", "row_group_size": 10}
    yield "flat-deltas", flat, {**plain, "column_encoding": deltas}
    yield "flat-lengths", flat, {**plain, "column_encoding": {"s": "DELTA_LENGTH_BYTE_ARRAY"}}
    yield "flat-snappy", flat.select(["i", "s"]), {"compression": "snappy"}
    yield "flat-gzip", flat.select(["i", "s"]), {"compression": "gzip"}
    yield "flat-brotli", flat.select(["i", "s"]), {"compression": "brotli"}
    yield "flat-lz4", flat.select(["i", "s"]), {"compression": "lz4"}
    yield "more", more, plain
    yield "more-int96", more.select(["t", "x"]), {**plain, "use_deprecated_int96_timestamps": True}
    yield "nested", nested, {**plain, "data_page_size": 40, "write_page_index": True,
                             "write_batch_size": 4}
    yield "nested-v2", nested, {"compression": "none", "data_page_version": "2.0"}
    yield "short-lists", nested.select(["l"]), {**plain, "use_compliant_nested_type": False}


SHREDDED = [
    ("{'a': i, 'b': 'x', 'c': [1, 2]}", "STRUCT(a INTEGER, b VARCHAR)"),
    ("CASE WHEN i % 3 = 0 THEN ['a', 'b']::VARIANT ELSE i::VARIANT END", "VARCHAR[]"),
    ("i", "BIGINT"),
]


def files(folder):
    """(name, path) of every file that was written."""
    for name, table, options in tables():
        path = os.path.join(folder, name)
        pyarrow.parquet.write_table(table, path, store_schema=False, **options)
        yield name, path
    for k, (value, shape) in enumerate(SHREDDED):
        path = os.path.join(folder, f"shredded{k}")
        duckdb.sql(f"COPY (SELECT ({value})::VARIANT AS v FROM range(12) r(i)) TO '{path}' (FORMAT "
                   f"parquet, COMPRESSION uncompressed, SHREDDING {{v: '{shape}'}})")
        yield f"shredded{k}", path
    if "RANDOM_WRITER" in os.environ:
        subprocess.run([os.environ["RANDOM_WRITER"], folder, "1", "150"], check=True)
        ours = [os.path.join(folder, f"r{i}.parquet") for i in range(1, 151)]
        for path in [p for p in ours if 600 < os.path.getsize(p) < 2500][:8]:
            yield os.path.basename(path)[:-8], path


def old_levels():
    """A page v1 of optional INT32 with BIT_PACKED levels, most significant bit first."""
    levels = [1, 0, 1, 1, 0, 1, 1, 1, 0, 1]
    bits = bytes([int("".join(map(str, (levels + [0] * 6)[k:k + 8])), 2) for k in (0, 8)])
    body = bits + b"".join(struct.pack("<i", i) for i in range(sum(levels)))
    length = zigzag(len(body))
    inner = b"\x15" + zigzag(len(levels)) + b"\x15\x00\x15\x08\x15\x08\x00"
    header = b"\x15\x00\x15" + length + b"\x15" + length + b"\x2c" + inner + b"\x00"
    head = struct.pack("<BBBBBHH", INT32, 0, 1, 0, 1, len(levels), len(levels))
    save("chunk", "bit-packed-levels", head + header + body)


def levels_of(footer, leaf):
    """(def_max, rep_max) and the SchemaElement of a leaf."""
    stack, seen = [], 0
    for node in footer[2][1:]:
        while stack and stack[-1][0] == 0:
            stack.pop()
        if stack:
            stack[-1][0] -= 1
        up = stack[-1] if stack else [0, 0, 0]
        levels = [node.get(5, 0), up[1] + (node[3] != 0), up[2] + (node[3] == 2)]
        if levels[0] > 0:
            stack.append(levels)
        elif seen == leaf:
            return levels[1:], node
        else:
            seen += 1
    raise ValueError("no such leaf")


def leaf_head(footer, group, leaf):
    """As fuzz_leaf.h takes it."""
    meta = group[1][leaf][3]
    (def_max, rep_max), node = levels_of(footer, leaf)
    return struct.pack("<BBBBBHH", meta[1], node.get(2, 0), def_max | rep_max << 4, meta[4], 1,
                       group[3], meta[5])


def parts(name, data, count):
    """Chunks, page indexes and bloom filters of a file, at most `count` of each."""
    footer = canonical.footer_of(data)
    for group in footer.get(4, [])[:1]:
        for i, chunk in enumerate(group[1]):
            head, meta = leaf_head(footer, group, i), chunk[3]
            start = min(v for v in (meta[9], meta.get(11)) if v)
            if i < count:
                save("chunk", f"{name}-{i}", head + data[start:start + meta[7]])
            if 4 in chunk and 6 in chunk and i < count:
                offsets = data[chunk[4]:chunk[4] + chunk[5]]
                columns = data[chunk[6]:chunk[6] + chunk[7]]
                save("page_index", f"{name}-{i}",
                     head + struct.pack("<H", len(offsets)) + offsets + columns)
            if 14 in meta and i < count:
                bits = data[meta[14]:meta[14] + meta.get(15, 1000)]
                if len(bits) < 2000:
                    save("bloom", f"{name}-{i}", head + bytes(range(8)) + b"\1" + bits)


def whole_files():
    with tempfile.TemporaryDirectory() as folder:
        for name, path in files(folder):
            with open(path, "rb") as f:
                data = f.read()
            save("pages", name, data)
            parts(name, data, 4)
            length = int.from_bytes(data[-8:-4], "little")
            if "-" in name or "0" in name:
                save("footer", name, data[-8 - length:-8])
            if name in ("more", "nested", "shredded1"):
                save("thrift", name, data[-8 - length:-8])


# ---- Variants with shapes, as fuzz_shred.c takes them ----

def variant_text(text):
    return bytes([len(text) << 2 | 1]) + text


def variant_group(basic, ids, values):
    offsets = [0]
    for v in values:
        offsets.append(offsets[-1] + len(v))
    return bytes([basic, len(values)]) + bytes(ids) + bytes(offsets) + b"".join(values)


def shreds():
    names = [b"a", b"b", b"tags"]
    meta = b"\x11\x03" + bytes([0, 1, 2, 6]) + b"".join(names)
    number, text = b"\x0c\x07", variant_text(b"x")
    tags = variant_group(3, [], [text, number, variant_text(b"yz")])
    whole = variant_group(2, [0, 1, 2], [number, text, tags])
    shapes = [b"variant", b"int8", b"string", b"[string]", b"[variant]", b"{a: int8, b: string}",
              b"{b: int64*, tags: [string]}", b"{a: {b: variant}, tags: [{a: double*}]}"]
    for i, shape in enumerate(shapes):
        edits = bytes([2, i, 1, i, 0, i + 1, 2, 2, 9])
        for k, value in enumerate((whole, tags, number)):
            save("shred", f"shape{i}-{k}", shape + b"\0" + edits + struct.pack("<H", len(meta))
                 + meta + value)


# ---- segments (doc/formats/adjacency.md) ----

def unary(n):
    return [0] * n + [1]


def low_bits(n, width):
    return [n >> i & 1 for i in range(width)]


def gamma(n):
    b = n.bit_length() - 1
    return unary(b) + low_bits(n, b)


def rice(n, k):
    if n >> k >= 20:
        return unary(20) + low_bits(n, 32)
    return unary(n >> k) + low_bits(n, k)


def segment(ids, predicates, edges, k_shift=0, doubts=()):
    """edges: {(from, predicate): sorted far ends}, all numbers."""
    values = []
    for node in range(len(ids)):
        runs = [(p, ends) for (n, p), ends in sorted(edges.items()) if n == node]
        bits = gamma(len(runs)) if runs else []
        for p, ends in runs:
            guess = (len(ids) // len(ends)).bit_length() - 1 if len(ids) > len(ends) else 0
            k = max(0, guess + k_shift)
            bits += low_bits(p, (len(predicates) - 1).bit_length() if len(predicates) > 1 else 0)
            bits += gamma(len(ends)) + gamma(2 * (guess - k) if k < guess else 2 * (k - guess) + 1)
            next_end = 0
            for end in ends:
                bits += rice(end - next_end, k)
                next_end = end + 1
        values.append(packed(bits, 1))
    count = sum(len(ends) for ends in edges.values())
    note = json.dumps({"edges": count, "runs": len(edges), "hasData": False,
                       "predicates": predicates}, separators=(",", ":"))
    schema = pyarrow.schema([pyarrow.field("id", pyarrow.string(), False),
                             pyarrow.field("edges", pyarrow.binary(), False),
                             pyarrow.field("doubt", pyarrow.bool_(), False)],
                            {"parquedb.kind": "adjacency 1", "parquedb.adjacency": note})
    table = pyarrow.table([ids, values, [i in doubts for i in range(len(ids))]], schema)
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out, compression="none", use_dictionary=False)
    return out.getvalue()


def segments(rng):
    save("adjacency", "three", segment(["a", "b", "c"], ["p"], {(0, 0): [1, 2]}))
    save("adjacency", "empty", segment([], [], {}))
    ids = sorted("n/%d" % i for i in range(40))
    edges = {}
    for _ in range(60):
        ends = rng.sample(range(40), rng.choice([1, 2, 5, 30]))
        edges[rng.randrange(40), rng.randrange(3)] = sorted(ends)
    save("adjacency", "random", segment(ids, ["a", "b", "c"], edges, doubts={3, 7}))
    save("adjacency", "escapes", segment(ids, ["a", "b", "c"], edges, k_shift=-5))
    save("adjacency", "wide", segment(ids, ["a", "b", "c"], edges, k_shift=3))


def main():
    rng = random.Random(4)
    pages(rng)
    hybrids(rng)
    shreds()
    old_levels()
    whole_files()
    segments(rng)


main()
