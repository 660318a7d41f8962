"""Small Parquet and Arrow files of many types, as pyarrow and datasets 5.2 write them. Writes test/golden/data-parquet/*.parquet and rows.json (what datasets reads, as JSON)."""
import datetime
import decimal
import json
import os

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
from datasets import ClassLabel, Dataset, Features, List, Value, load_dataset

datasets.disable_progress_bars()
FOLDER = os.path.join(os.path.dirname(__file__), "..", "data-parquet")
os.makedirs(FOLDER, exist_ok=True)


def path(name):
    return os.path.join(FOLDER, f"{name}.parquet")


def plain(value):
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    if isinstance(value, datetime.datetime):
        return {"ms": (value.replace(tzinfo=value.tzinfo or datetime.timezone.utc)).timestamp() * 1000}
    if isinstance(value, datetime.date):
        return {"ms": datetime.datetime(value.year, value.month, value.day, tzinfo=datetime.timezone.utc).timestamp() * 1000}
    if isinstance(value, datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return {"seconds": value.total_seconds()}
    if isinstance(value, decimal.Decimal):
        return str(value)
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    return value


day = datetime.date(2024, 2, 29)
noon = datetime.datetime(2024, 2, 29, 12, 30, 15, 250000)
scalars = pa.table(
    {
        "i8": pa.array([1, -128, None], pa.int8()),
        "i16": pa.array([1, -32768, None], pa.int16()),
        "i32": pa.array([1, -(2**31), None], pa.int32()),
        "i64": pa.array([1, -(2**53) + 1, None], pa.int64()),
        "u8": pa.array([1, 255, None], pa.uint8()),
        "u16": pa.array([1, 65535, None], pa.uint16()),
        "u32": pa.array([1, 2**32 - 1, None], pa.uint32()),
        "u64": pa.array([1, 2**53 - 1, None], pa.uint64()),
        "f16": pa.array([1.5, -0.25, None], pa.float16()),
        "f32": pa.array([1.5, -0.1, None], pa.float32()),
        "f64": pa.array([1.5, -0.1, None], pa.float64()),
        "flag": pa.array([True, False, None], pa.bool_()),
        "text": pa.array(["é€😀", "", None], pa.string()),
        "bytes": pa.array([b"\x00\xff", b"", None], pa.binary()),
        "fixed": pa.array([b"abcd", b"\x00\x01\x02\x03", None], pa.binary(4)),
        "day": pa.array([day, datetime.date(1969, 12, 31), None], pa.date32()),
        "ms": pa.array([noon, datetime.datetime(1969, 12, 31, 23, 59, 59), None], pa.timestamp("ms")),
        "us": pa.array([noon, None, None], pa.timestamp("us", tz="UTC")),
        "clock": pa.array([datetime.time(13, 5), datetime.time(0, 0, 0, 250), None], pa.time64("us")),
        "money": pa.array([decimal.Decimal("12.30"), decimal.Decimal("-99999999.99"), None], pa.decimal128(10, 2)),
        "big": pa.array([decimal.Decimal("123456789012345678901234567.89"), decimal.Decimal("-0.01"), None], pa.decimal128(38, 2)),
    }
)
nested = pa.table(
    {
        "ids": pa.array([[1, 2], [], None, [3, None]], pa.list_(pa.int32())),
        "words": pa.array([["a", "é"], None, [""], [None]], pa.list_(pa.string())),
        "deep": pa.array([[[1], []], [None], None, [[2, 3]]], pa.list_(pa.list_(pa.int64()))),
        "pair": pa.array([{"a": 1, "b": "x"}, {"a": None, "b": None}, None, {"a": 4, "b": "y"}], pa.struct({"a": pa.int64(), "b": pa.string()})),
        "people": pa.array([[{"name": "Ann", "age": 3}], [], None, [{"name": None, "age": 5}, {"name": "Bob", "age": None}]], pa.list_(pa.struct({"name": pa.string(), "age": pa.int8()}))),
        "inside": pa.array([{"tags": ["x"], "p": {"q": 1.5}}, None, {"tags": None, "p": None}, {"tags": [], "p": {"q": None}}], pa.struct({"tags": pa.list_(pa.string()), "p": pa.struct({"q": pa.float64()})})),
    }
)
pq.write_table(scalars, path("scalars"))
pq.write_table(nested, path("nested"))
for codec in ["snappy", "gzip", "brotli", "zstd", "lz4", "none"]:
    rows = 300
    table = pa.table({"n": pa.array(range(rows), pa.int64()), "s": pa.array([f"word {i % 7}" for i in range(rows)])})
    pq.write_table(table, path(f"codec-{codec}"), compression=codec, row_group_size=100, data_page_size=256)
plainly = pa.table({"n": pa.array(range(50), pa.int32()), "s": pa.array([str(i) * (i % 5) for i in range(50)]), "f": pa.array([i / 3 for i in range(50)])})
pq.write_table(plainly, path("delta"), use_dictionary=False, data_page_version="2.0", column_encoding={"n": "DELTA_BINARY_PACKED", "s": "DELTA_BYTE_ARRAY", "f": "BYTE_STREAM_SPLIT"})
Dataset.from_dict(
    {"text": ["a", "b", "c"], "label": [0, 1, -1], "tags": [[0], [1, 0], []]},
    features=Features({"text": Value("string"), "label": ClassLabel(names=["neg", "pos"]), "tags": List(ClassLabel(names=["x", "y"]))}),
).to_parquet(path("labels"))
pq.write_table(pa.table({"m": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), "n": pa.array([1])}), path("map"))
pq.write_table(pa.table({"n": pa.array([], pa.int64()), "s": pa.array([], pa.string())}), path("empty"))

out = {}
for name in sorted(os.listdir(FOLDER)):
    if not name.endswith(".parquet") or name in ("map.parquet", "empty.parquet"):
        continue
    dataset = load_dataset("parquet", data_files=os.path.join(FOLDER, name), split="train", keep_in_memory=True)
    out[name] = {"features": str(dataset.features), "rows": plain(list(dataset))}
json.dump(out, open(os.path.join(FOLDER, "rows.json"), "w"), ensure_ascii=False)
