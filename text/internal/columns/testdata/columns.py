"""Small parquet and Arrow files with the same rows in many encodings, written by pyarrow: python columns.py, in this folder."""
import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

TEXTS = ["ebb", None, "", "flood and a text of more than twelve bytes", "naïve Ærø 東京", "tide\r\n\"quoted\", x"] + ["row %d of the tide" % i for i in range(200)]
LABELS = [i % 3 - 1 for i in range(len(TEXTS))]


def table(text=pa.string(), label=pa.int64()):
    n = len(TEXTS)
    return pa.table({
        "id": pa.array(range(n), pa.int32()),
        "none": pa.nulls(n),
        "tags": pa.array([["a", "b"][:i % 3] for i in range(n)], pa.list_(pa.string())),
        "kind": pa.array(["x", "y"] * (n // 2), pa.dictionary(pa.int32(), pa.string())),
        "meta": pa.array([{"lang": "en", "body": "meta %d" % i} for i in range(n)], pa.struct([("lang", pa.string()), ("body", text)])),
        "view": pa.array(["v%d" % i * (i % 9) for i in range(n)], pa.string_view()),
        "text": pa.array(TEXTS, text),
        "label": pa.array([str(l) for l in LABELS] if label == pa.string() else LABELS, label),
    })


def stream(name, t):
    with pa.OSFile(name, "wb") as f, pa.ipc.new_stream(f, t.schema) as w:
        w.write_table(t, max_chunksize=77)


plain = table()
flat = plain.drop_columns(["view", "none"])
pq.write_table(flat, "snappy.parquet", compression="snappy", row_group_size=90, data_page_size=700)
pq.write_table(flat, "zstd-v2.parquet", compression="zstd", data_page_version="2.0", use_dictionary=False)
pq.write_table(flat, "gzip-dict.parquet", compression="gzip", use_dictionary=True)
pq.write_table(table(pa.large_string(), pa.int8()).drop_columns(["view", "none"]), "delta.parquet", compression="none", use_dictionary=False,
               column_encoding={"text": "DELTA_BYTE_ARRAY"})
stream("stream.arrow", plain)
stream("large.arrow", table(pa.large_string(), pa.string()))
stream("view.arrow", table(pa.string_view(), pa.int16()))
feather.write_feather(plain.drop_columns(["view"]), "lz4.feather", compression="lz4", chunksize=100)
feather.write_feather(plain, "zstd.arrow", compression="zstd", chunksize=100)
