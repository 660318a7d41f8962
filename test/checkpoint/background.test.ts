// Writing on a thread: the same bytes, reused memory, errors and signals as in the foreground; and a disk that is full.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { BackgroundWriter, CheckpointError, verifyCheckpoint, writeHashed, type WritePoint } from "../../src/checkpoint/index.js";
import { inFolder, write } from "./fixtures.js";
import { inTmpfs, tmpfsMissing } from "./tmpfs.js";

const parts = [new Uint8Array(5_000_000).map((_, i) => i % 251), new TextEncoder().encode("end")];
const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("a background writer", () => {
  it("writes what was copied, whatever the memory holds afterwards, and uses its own again", () =>
    inFolder(async (folder) => {
      const writer = new BackgroundWriter();
      try {
        const source = parts[0]!.slice();
        const whole = Buffer.concat(parts);
        for (const round of [0, 1, 2]) {
          const directory = join(folder, String(round));
          await mkdir(directory);
          const copies = ["a", "b"].map((path) => writer.copy({ path, parts: [source, parts[1]!] }));
          source.fill(0);
          const [a, b] = await writer.write(directory, copies);
          assert.deepEqual(a, { path: "a", bytes: whole.length, sha256: sha256(whole) });
          assert.deepEqual(b, { ...a, path: "b" });
          assert.ok((await readFile(join(directory, "b"))).equals(whole));
          source.set(parts[0]!);
        }
        const first = writer.copy({ path: "c", parts });
        const again = writer.copy({ path: "d", parts });
        const third = writer.copy({ path: "e", parts });
        assert.notEqual(first.buffer, again.buffer);
        assert.deepEqual(
          [first, again, third].map((c) => c.buffer.byteLength),
          [whole.length, whole.length, whole.length],
        );
      } finally {
        await writer.close();
      }
    }));

  it("tells of moments, stops at its signal, and passes errors on", () =>
    inFolder(async (folder) => {
      const writer = new BackgroundWriter();
      try {
        const points: WritePoint[] = [];
        const copy = () => [writer.copy({ path: "a", parts })];
        await writer.write(folder, copy(), { onPoint: (point) => void points.push(point) });
        assert.deepEqual(points, ["file-begun", "file-half", "file-written", "file-synced"]);
        await assert.rejects(writer.write(folder, copy()), { name: CheckpointError.name, code: "ERR_CHECKPOINT_WRITE", message: /EEXIST/ });
        const stop = new AbortController();
        await mkdir(join(folder, "stopped"));
        const stopping = writer.write(join(folder, "stopped"), copy(), {
          signal: stop.signal,
          onPoint: (point) => {
            if (point === "file-begun") stop.abort();
          },
        });
        await assert.rejects(stopping, { code: "ERR_CHECKPOINT_STOPPED" });
        await mkdir(join(folder, "after"));
        assert.equal((await writer.write(join(folder, "after"), copy())).length, 1);
      } finally {
        await writer.close();
      }
    }));
});

it("a checkpoint is verified on the thread", () =>
  inFolder(async (folder) => {
    const writer = new BackgroundWriter();
    try {
      await write(join(folder, "one"));
      await writer.verify(join(folder, "one"));
      await writeFile(join(folder, "one", "state.json"), "{}");
      await assert.rejects(writer.verify(join(folder, "one")), { name: CheckpointError.name, code: "ERR_CHECKPOINT_DAMAGED", message: /state\.json/ });
    } finally {
      await writer.close();
    }
  }));

describe("a full disk", { skip: tmpfsMissing() }, () => {
  it("is told as such, in the foreground and beside the program; earlier checkpoints stay, and nothing is left of the new one", () =>
    inTmpfs(16, async (folder) => {
      await write(join(folder, "checkpoint_0"));
      await assert.rejects(write(join(folder, "checkpoint_1")), { name: CheckpointError.name, code: "ERR_CHECKPOINT_DISK_FULL", message: /no space is left/ });
      const writer = new BackgroundWriter();
      try {
        const big = [writer.copy({ path: "big", parts: [new Uint8Array(9_000_000)] })];
        await mkdir(join(folder, "more"));
        await assert.rejects(writer.write(join(folder, "more"), big), { code: "ERR_CHECKPOINT_DISK_FULL" });
      } finally {
        await writer.close();
      }
      await verifyCheckpoint(join(folder, "checkpoint_0"));
      assert.deepEqual((await readdir(folder)).filter((name) => name.startsWith("checkpoint_1.")).length, 1, "the caller takes its directory away");
    }));
});

it("a file that is there already is not written over", () =>
  inFolder(async (folder) => {
    await writeFile(join(folder, "a"), "mine");
    await assert.rejects(writeHashed(join(folder, "a"), { path: "a", parts }), { code: "ERR_CHECKPOINT_WRITE" });
    assert.equal(await readFile(join(folder, "a"), "utf8"), "mine");
  }));
