// TensorBoard's event files, read by a decoder of our own. The same content was read with the tensorboard package for Python when the writer was made.
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { packageRoot } from "../../src/package-root.js";
import { type FlatValue, TensorBoardTracker } from "../../src/tracking/index.js";
import { scalar, sessionStart, summaryEvent, text, versionEvent } from "../../src/tracking/tensorboard-events.js";
import { crc32c, maskedCrc32c, tfrecord } from "../../src/tracking/tfrecord.js";
import { context, double, type Fields, fields, float, int, message, messages, string, temporary } from "./support.js";

/** Made by test/golden/make/tensorboard_events.py. */
interface Golden {
  readonly version: { readonly wallTime: number; readonly record: string };
  readonly scalars: { readonly values: readonly (readonly [string, number])[]; readonly step: number; readonly wallTime: number; readonly record: string };
  readonly text: { readonly tag: string; readonly value: string; readonly step: number; readonly wallTime: number; readonly record: string };
  readonly hparams: Readonly<Record<string, string>>;
}

/** The events of a file; checks every frame. */
function events(bytes: Buffer): Fields[] {
  const out: Fields[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    assert.equal(bytes.readUInt32LE(at + 8), maskedCrc32c(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    assert.equal(bytes.readUInt32LE(at + 12 + length), maskedCrc32c(data));
    out.push(fields(data));
    at += length + 16;
  }
  return out;
}
const values = (event: Fields): Fields[] => messages(message(event, 5), 1);
const pluginOf = (value: Fields): Fields => message(message(value, 9), 1);

test("CRC-32C gives the values of RFC 3720", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

test("the record that begins every event file of TensorFlow has these bytes", () => {
  // Frame of a message of 24 bytes: the length and its checksum as TensorFlow's own files begin.
  assert.equal(
    Buffer.from(tfrecord(new Uint8Array(24)))
      .subarray(0, 12)
      .toString("hex"),
    "1800000000000000a37f4b22",
  );
});

test("numbers, texts and the configuration stand in an event file that says its version first", async () => {
  await using directory = await temporary();
  const tracker = new TensorBoardTracker(context(directory.path));
  await tracker.start();
  await tracker.storeInitConfiguration({ learningRate: 1e-3, model: { name: "bert" }, layers: [1, 2], fast: true, none: undefined });
  await tracker.log({ train: { loss: 0.5 }, ok: true, note: "grüße" }, { step: 7, wallTime: 1700000000.25 });
  await tracker.log({ lost: Number.NaN }, { step: 2 ** 40 });
  await tracker.log({}, { step: 9 });
  const path = tracker.path!;
  await tracker.finish();

  assert.match(path.slice(join(directory.path, "first").length + 1), new RegExp(`^events\\.out\\.tfevents\\.\\d{10}\\..+\\.${process.pid}\\.0$`));
  const [version, start, log, lost, end, ...more] = events(await readFile(path));
  assert.equal(more.length, 0);
  assert.equal(string(version!, 3), "brain.Event:2");

  const [session] = values(start!);
  assert.equal(string(session!, 1), "_hparams_/session_start_info");
  assert.equal(string(pluginOf(session!), 1), "hparams");
  const info = message(message(pluginOf(session!), 2), 3);
  const entries = messages(info, 1).map((entry) => [string(entry, 1), message(entry, 2)] as const);
  assert.deepEqual(
    entries.map(([name]) => name),
    ["learningRate", "model/name", "layers", "fast"],
  );
  assert.equal(double(entries[0]![1], 2), 1e-3);
  assert.equal(string(entries[1]![1], 3), "bert");
  assert.equal(string(entries[2]![1], 3), "[1,2]");
  assert.equal(int(entries[3]![1], 4), 1);

  assert.equal(double(log!, 1), 1700000000.25);
  assert.equal(int(log!, 2), 7);
  const [loss, ok, note] = values(log!);
  assert.deepEqual([string(loss!, 1), float(loss!, 2)], ["train/loss", 0.5]);
  assert.deepEqual([string(ok!, 1), float(ok!, 2)], ["ok", 1]);
  assert.deepEqual([string(note!, 1), string(message(note!, 8), 8), string(pluginOf(note!), 1)], ["note/text_summary", "grüße", "text"]);

  assert.equal(int(lost!, 2), 2 ** 40);
  assert.ok(Number.isNaN(float(values(lost!)[0]!, 2)));
  const status = message(message(pluginOf(values(end!)[0]!), 2), 4);
  assert.equal(int(status, 1), 1, "STATUS_SUCCESS");
});

test("a run that failed says so, and a second start has a file of its own", async () => {
  await using directory = await temporary();
  const trackers = [new TensorBoardTracker(context(directory.path)), new TensorBoardTracker(context(directory.path), { filenameSuffix: ".eval" })];
  for (const tracker of trackers) {
    await tracker.start();
    await tracker.storeInitConfiguration({});
  }
  for (const tracker of trackers) await tracker.finish({ status: "failed" });
  const names = await readdir(join(directory.path, "first"));
  assert.equal(names.length, 2);
  for (const name of names) {
    const end = events(await readFile(join(directory.path, "first", name))).at(-1)!;
    assert.equal(int(message(message(pluginOf(values(end)[0]!), 2), 4), 1), 2, "STATUS_FAILURE");
  }
});

test("a tracker of files needs a directory, and a project inside of it", async () => {
  assert.throws(() => new TensorBoardTracker(context(undefined)), { code: "ERR_ARGUMENT", message: /no place for them: give loggingDir/ });
  assert.throws(() => new TensorBoardTracker(context("/tmp/x", "../y")), { code: "ERR_ARGUMENT", message: /names no directory inside/ });
  await assert.rejects(new TensorBoardTracker(context("/tmp/x")).log({ a: 1 }, { step: 0 }), { code: "ERR_TRACKER_STATE" });
});

test("records are those that the tensorboard package writes, byte by byte", async () => {
  const golden = JSON.parse(await readFile(join(packageRoot(import.meta.url), "test/golden/tensorboard-events.json"), "utf8")) as Golden;
  const hex = (data: Uint8Array): string => Buffer.from(tfrecord(data)).toString("hex");
  assert.equal(hex(versionEvent(golden.version.wallTime)), golden.version.record);
  const { values: numbers, ...at } = golden.scalars;
  assert.equal(
    hex(
      summaryEvent(
        numbers.map(([tag, value]) => scalar(tag, value)),
        at,
      ),
    ),
    at.record,
  );
  assert.equal(hex(summaryEvent([text(golden.text.tag, golden.text.value)], golden.text)), golden.text.record);
  const given: Readonly<Record<string, FlatValue>> = { lr: 0.001, model: "bert", flag: true };
  for (const [name, content] of Object.entries(golden.hparams)) {
    const event = fields(Buffer.from(summaryEvent([sessionStart(new Map([[name, given[name]!]]), 4.5)], { step: 0, wallTime: 1 })));
    const [value] = values(event);
    assert.equal((pluginOf(value!).get(2)![0] as Buffer).toString("hex"), content);
  }
});
