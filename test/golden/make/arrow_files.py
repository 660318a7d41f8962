"""Arrow files of datasets 5.2 and pyarrow: every type, both formats, dictionaries, and a saved data set. Writes test/golden/arrow/."""
import datetime as dt
import decimal
import json
import os
import shutil

import datasets
import pyarrow as pa
from datasets import ClassLabel, Dataset, DatasetDict, Features, Json, LargeList, List, Value

datasets.disable_progress_bars()
OUT = os.path.join(os.path.dirname(__file__), "..", "arrow")
shutil.rmtree(OUT, ignore_errors=True)
os.makedirs(OUT)

features = Features(
    {
        "int8": Value("int8"),
        "int16": Value("int16"),
        "int32": Value("int32"),
        "int64": Value("int64"),
        "uint8": Value("uint8"),
        "uint16": Value("uint16"),
        "uint32": Value("uint32"),
        "uint64": Value("uint64"),
        "float16": Value("float16"),
        "float32": Value("float32"),
        "float64": Value("float64"),
        "bool": Value("bool"),
        "string": Value("string"),
        "large_string": Value("large_string"),
        "binary": Value("binary"),
        "large_binary": Value("large_binary"),
        "fixed": Value("fixed_size_binary[3]"),
        "date32": Value("date32"),
        "date64": Value("date64"),
        "ts_s": Value("timestamp[s]"),
        "ts_us": Value("timestamp[us, tz=Europe/Berlin]"),
        "ts_ns": Value("timestamp[ns]"),
        "time32": Value("time32[ms]"),
        "time64": Value("time64[us]"),
        "duration": Value("duration[ms]"),
        "decimal128": Value("decimal128(10, 2)"),
        "decimal256": Value("decimal256(40, 3)"),
        "null": Value("null"),
        "json": Json(),
        "label": ClassLabel(names=["no", "it's"]),
        "list": List(Value("int32")),
        "list8": List(Value("int8")),
        "lists": List(List(Value("string"))),
        "pair": List(Value("float32"), length=2),
        "large_list": LargeList(Value("int64")),
        "struct": {"a": Value("int64"), "b": {"c": List(Value("string"))}},
        "structs": List({"x": Value("bool"), "y": Value("string")}),
    }
)


def row(i):
    return {
        "int8": -128 + i,
        "int16": -(2**15) + i,
        "int32": 2**31 - 1 - i,
        "int64": -(2**63) + i if i == 2 else 2**53 - 1 - i,
        "uint8": 255 - i,
        "uint16": 2**16 - 1 - i,
        "uint32": 2**32 - 1 - i,
        "uint64": 2**62 + i if i == 2 else 2**40 + i,
        "float16": 0.1 * i,
        "float32": -0.1 * i,
        "float64": 1e300 / (i + 1),
        "bool": i % 2 == 1,
        "string": "schön 😀 " * i,
        "large_string": "x" * i,
        "binary": bytes(range(i)),
        "large_binary": b"\xff\x00" * i,
        "fixed": bytes([i, 0, 255]),
        "date32": dt.date(1969, 12, 31) + dt.timedelta(days=i),
        "date64": dt.date(2026, 1, 1) + dt.timedelta(days=i),
        "ts_s": dt.datetime(1960, 1, 1, 0, 0, i),
        "ts_us": dt.datetime(2026, 6, 1, 12, 0, 0, 123456 + i, tzinfo=dt.timezone.utc),
        "ts_ns": dt.datetime(2026, 6, 1, 12, 0, 0, 1000 * i),
        "time32": dt.time(23, 59, 59, 1000 * i),
        "time64": dt.time(1, 2, 3, i),
        "duration": dt.timedelta(milliseconds=1500 * i),
        "decimal128": decimal.Decimal("-12.30") + i,
        "decimal256": decimal.Decimal("123456789012345678901234567890.125") * (1 if i else -1),
        "null": None,
        "json": {"k": [i, None, "ä"]} if i else "text",
        "label": i % 2,
        "list": list(range(i)),
        "list8": [-1] * i,
        "lists": [["a", None], []][:i],
        "pair": [i, -i],
        "large_list": [2**40, i],
        "struct": {"a": i, "b": {"c": ["x"] * i}},
        "structs": [{"x": True, "y": None}] * i,
    }


def plain(value):
    """As JSON: what JSON cannot say is { "$type": text }."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**53 else {"$bigint": str(value)}
    if isinstance(value, float):
        return value
    if isinstance(value, bytes):
        return {"$bytes": value.hex()}
    if isinstance(value, dt.datetime):
        utc = value if value.tzinfo else value.replace(tzinfo=dt.timezone.utc)
        return {"$date": utc.astimezone(dt.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if isinstance(value, dt.date):
        return {"$date": f"{value.isoformat()}T00:00:00.000Z"}
    if isinstance(value, dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return round(value.total_seconds() * 1000)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return [plain(v) for v in value]


rows = [{name: None for name in features} if i == 3 else row(i) for i in range(6)]
ds = Dataset.from_list(rows, features=features)
table = ds.data.table.combine_chunks()
with pa.OSFile(f"{OUT}/types.arrow", "wb") as out, pa.ipc.new_stream(out, table.schema) as writer:
    writer.write_table(table, max_chunksize=4)
with pa.OSFile(f"{OUT}/types-file.arrow", "wb") as out, pa.ipc.new_file(out, table.schema) as writer:
    writer.write_table(table, max_chunksize=4)
golden = {
    "features": str(ds.features),
    "metadata": json.loads(table.schema.metadata[b"huggingface"]),
    "rows": [plain(r) for r in ds],
}

# Dictionaries: replaced between record batches, then a delta. No metadata.
index = pa.dictionary(pa.int8(), pa.string())
schema = pa.schema([("color", index), ("n", pa.int64())])


def batch(values, dictionary, n):
    return pa.record_batch([pa.DictionaryArray.from_arrays(pa.array(values, pa.int8()), pa.array(dictionary)), pa.array(n, pa.int64())], schema=schema)


with pa.OSFile(f"{OUT}/dictionary.arrow", "wb") as out:
    with pa.ipc.new_stream(out, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)) as writer:
        writer.write_batch(batch([0, None, 1], ["red", "green"], [0, 1, 2]))
        writer.write_batch(batch([0, 2, 1], ["red", "green", "blue"], [3, 4, 5]))
        writer.write_batch(batch([0, 0], ["black"], [6, 7]))
golden["colors"] = ["red", None, "green", "red", "blue", "green", "black", "black"]

# A slice of a table: offsets do not begin at 0, and bits not at a byte.
with pa.OSFile(f"{OUT}/slice.arrow", "wb") as out:
    part = pa.table({"s": ["a", None, "ccc", "dd"] * 5, "b": [True, None, False, True] * 5, "l": [[1], None, [2, 3], []] * 5, "u": pa.array([2**64 - 1, 0, 2**53, None] * 5, pa.uint64())}).slice(3, 13)
    with pa.ipc.new_stream(out, part.schema) as writer:
        writer.write_table(part)
golden["slice"] = [plain(r) for r in part.to_pylist()]

# What is not read: compressed record batches, a union; a map is a list of structs.
with pa.OSFile(f"{OUT}/lz4.arrow", "wb") as out:
    part = pa.table({"n": list(range(1000))})
    with pa.ipc.new_stream(out, part.schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        writer.write_table(part)
with pa.OSFile(f"{OUT}/union.arrow", "wb") as out:
    union = pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])
    part = pa.table({"ok": [1, 2], "either": union})
    with pa.ipc.new_stream(out, part.schema) as writer:
        writer.write_table(part)
with pa.OSFile(f"{OUT}/map.arrow", "wb") as out:
    part = pa.table({"m": pa.array([[("a", 1), ("b", 2)], None, []], pa.map_(pa.string(), pa.int32()))})
    with pa.ipc.new_stream(out, part.schema) as writer:
        writer.write_table(part)

small = Dataset.from_dict({"text": ["one", "two", "three"], "label": [0, 1, 0]}, features=Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"])}))
small.info.license = "mit"
saved = DatasetDict(train=small.with_format("torch", columns=["label"]), test=small.select([2]))
saved.save_to_disk(f"{OUT}/saved", num_shards={"train": 2, "test": 1})
golden["saved"] = {"fingerprint": saved["train"]._fingerprint, "text": small["text"][:]}

json.dump(golden, open(f"{OUT}/golden.json", "w"), indent=1, ensure_ascii=True)
