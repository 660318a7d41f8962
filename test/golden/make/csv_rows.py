"""Rows that Python's csv module cuts from awkward texts: test/golden/data-csv-rows.json.
    python3 test/golden/make/csv_rows.py
"""
import csv, io, json, pathlib, random

texts = [
    'a,b\n"x",y\n', 'a,b\n"x" y,z\n', 'a,b\nx "y" z,w\n', 'a,b\n"x""y",z\n', 'a,b\n"x\ny",z\n', 'a,b\r\n1,2\r\n3,4', 'a,b\n,\n', 'a,b\n"",""\n', 'a,b\n"x"",y",z\n',
    'a,b\n" x" ,y\n', 'a,b\n"x,y",z\n', 'a,b\n\n1,2\n\n', 'a,b\nx,"y"', 'a,b\nä,"ß\r\n"\n', 'a,b\n"a"b"c",d\n', 'a,b\rx,y\r',
]
rng = random.Random(5)
while len(texts) < 120:
    text = "a,b\n" + "".join(rng.choice(['"', '"', ",", "\n", "x", "ü", " "]) for _ in range(rng.randint(3, 14)))
    rows = list(csv.reader(io.StringIO(text, newline="")))
    # Ours refuses rows of another width and quotes left open: behind one, a further line is no row of its own.
    closed = list(csv.reader(io.StringIO(text + "\nz,z", newline="")))[-1] == ["z", "z"]
    if closed and all(len(r) == 2 for r in rows if r):
        texts.append(text)
# A row of no fields and an empty line are one to Python.
out = [dict(text=t, rows=[r for r in csv.reader(io.StringIO(t, newline="")) if r]) for t in texts]
path = pathlib.Path(__file__).parents[1] / "data-csv-rows.json"
path.write_text(json.dumps(out, ensure_ascii=False, indent=0) + "\n", encoding="utf8")
