// Opening a large Arrow file and reading rows at random; the file is made by another process and removed afterwards.
//   node dist/bench/arrow-open.js [--megabytes 1000] [--rows 200000] [--folder /tmp]
// resident: memory of this process that is in RAM; files: the part of it that is pages of files (program, libraries, mapped data), which the
// system takes back when it needs them.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ArrowWriter, openArrow } from "../src/data/arrow/index.js";
import { RowWriter } from "../src/data/columns/row-writer.js";
import { Dataset } from "../src/data/index.js";
import { Pcg64 } from "../src/data/pcg64.js";
import { machine } from "./machine.js";

const { values } = parseArgs({
  options: {
    megabytes: { type: "string", default: "1000" },
    rows: { type: "string", default: "200000" },
    folder: { type: "string", default: tmpdir() },
    make: { type: "string" },
  },
});
const megabytes = Number(values.megabytes);
const reads = Number(values.rows);
const features = { text: "string", label: "int64", input_ids: { sequence: "int32" } } as const;

/** In MB. */
function resident(): { all: number; file: number } {
  const line = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? Number.NaN) / 1000;
  return { all: line("VmRSS"), file: line("RssFile") };
}
const round = (value: number) => Math.round(value);

async function makeFile(file: string): Promise<void> {
  const rows = new RowWriter(features);
  for (let i = 0; i < 10_000; i++) {
    const words = 10 + ((i * 7919) % 60);
    rows.push({
      text: Array.from({ length: words }, (_, k) => `word${(i * 31 + k * 17) % 997}`).join(" "),
      label: i % 2,
      input_ids: Array.from({ length: words + 2 }, (_, k) => 1000 + k),
    });
  }
  const table = rows.finish();
  await using writer = await ArrowWriter.create(file, features);
  while (writer.bytes < megabytes * 1e6) await writer.write(table);
  await writer.close();
}

if (values.make) {
  const written = performance.now();
  await makeFile(values.make);
  console.log(JSON.stringify({ write_mb_per_s: round(statSync(values.make).size / 1e3 / (performance.now() - written)) }));
} else {
  const folder = mkdtempSync(join(values.folder, "arrow-open-"));
  try {
    await measure(join(folder, "rows.arrow"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(file: string): Promise<void> {
  const made = execFileSync(process.execPath, [process.argv[1]!, "--make", file, "--megabytes", values.megabytes], { encoding: "utf8" });
  const before = resident();
  const started = performance.now();
  const dataset = Dataset.ofTable<{ text: string; label: number; input_ids: number[] }>(await openArrow([file]));
  const opened = performance.now() - started;
  const after = resident();
  const order = new Pcg64(1).permutation(dataset.length);
  const rows = dataset.select(order.subarray(0, Math.min(reads, order.length)));
  const perSecond = (view: { length: number; at(i: number): unknown }): number => {
    const start = performance.now();
    for (let i = 0; i < view.length; i++) view.at(i);
    return round((view.length / (performance.now() - start)) * 1000);
  };
  const result = {
    ...machine(),
    file_mb: round(statSync(file).size / 1e6),
    rows: dataset.length,
    ...(JSON.parse(made) as object),
    open_ms: round(opened),
    resident_before_mb: round(before.all),
    resident_opened_mb: round(after.all),
    resident_opened_files_mb: round(after.file),
    random_rows_text_label_per_s: perSecond(rows.removeColumns("input_ids")),
    random_rows_all_per_s: perSecond(rows),
    resident_read_mb: round(resident().all),
    resident_read_files_mb: round(resident().file),
  };
  console.log(JSON.stringify(result, undefined, 2));
}
