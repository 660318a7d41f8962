// Directories of checkpoints: whole or not there, whatever happens while they are made; damage is found and named.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { fc } from "../support/properties.js";
import {
  beginCheckpoint,
  CheckpointError,
  commitCheckpoint,
  nextNumber,
  numberedCheckpoints,
  prune,
  sweep,
  verifyCheckpoint,
  type WritePoint,
} from "../../src/checkpoint/index.js";
import { encodeManifest, type Manifest, parseManifest, staysInside } from "../../src/checkpoint/manifest.js";
import { stagingName } from "../../src/checkpoint/staging.js";
import { contents, host, inFolder, write } from "./fixtures.js";

const program = fileURLToPath(new URL("./killed-writer.js", import.meta.url));
const has = (code: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof CheckpointError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, text);
  return true;
};
const died = (target: string, n: number): Promise<NodeJS.Signals | null> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, target, String(n)], { stdio: "inherit" });
    child.on("error", reject);
    child.on("close", (_, signal) => resolve(signal));
  });

describe("a checkpoint that is being made", () => {
  it("is told of moment by moment and then verifies", () =>
    inFolder(async (folder) => {
      const points: WritePoint[] = [];
      const target = join(folder, "checkpoint_0");
      await write(target, { onPoint: (point) => void points.push(point) });
      const perFile = ["file-begun", "file-half", "file-written", "file-synced"];
      assert.deepEqual(points, ["directory-made", ...contents.flatMap(() => perFile), "manifest-written", "directory-synced", "renamed", "parent-synced"]);
      const manifest = await verifyCheckpoint(target);
      assert.deepEqual(
        manifest.files.map((f) => [f.path, f.bytes]),
        contents.map((c) => [c.path, c.parts.reduce((n, p) => n + p.length, 0)]),
      );
      assert.deepEqual(await readdir(folder), ["checkpoint_0"]);
    }));

  it("is whole or not there when its process is killed at any moment, leaves the one before as it was, and what is left over is cleaned", () =>
    inFolder(async (folder) => {
      await write(join(folder, "checkpoint_0"));
      let whole = 0;
      let n = 0;
      for (; ; n++) {
        const target = join(folder, `checkpoint_${n + 1}`);
        const signal = await died(target, n);
        await verifyCheckpoint(join(folder, "checkpoint_0"));
        if (existsSync(target)) {
          whole++;
          await verifyCheckpoint(target);
        }
        const left = (await readdir(folder)).filter((name) => name.includes(".tmp-"));
        assert.equal(left.length, signal && !existsSync(target) ? 1 : 0);
        assert.deepEqual(await sweep(folder, host), left);
        if (!signal) break;
      }
      assert.equal(n, 1 + contents.length * 4 + 4, "as many moments as there are");
      assert.equal(whole, 3, "renamed, parent-synced and the one that lived");
    }));

  it("leaves the one that it replaces, or stands in its place, when its process is killed at any moment", () =>
    inFolder(async (folder) => {
      const target = join(folder, "checkpoint_1");
      await write(target);
      for (let n = 0; ; n++) {
        const signal = await died(target, n);
        await sweep(folder, host);
        await verifyCheckpoint(target);
        assert.deepEqual(await readdir(folder), ["checkpoint_1"], `moment ${n}`);
        if (signal) continue;
        assert.equal(n, 1 + contents.length * 4 + 5, "as many moments as there are");
        return;
      }
    }));

  it("is not cleaned away while its process lives, nor what is not ours", () =>
    inFolder(async (folder) => {
      const staging = await beginCheckpoint(join(folder, "checkpoint_0"), host);
      const foreign = stagingName(join(folder, "checkpoint_1"), { host: "another host" });
      for (const name of ["checkpoint_2.tmp-mine", "checkpoint_3.tmp-00000000-1-1-zzzzzzzz"]) await mkdir(join(folder, name));
      await mkdir(foreign);
      await writeFile(join(folder, "checkpoint_4.tmp-00000000-1-1-00000000"), "a file");
      assert.deepEqual(await sweep(folder, host), []);
      // Nobody can ask another host; what has been quiet for a day is left over.
      const old = new Date(Date.now() - 25 * 3600 * 1000);
      await utimes(foreign, old, old);
      assert.equal((await sweep(folder, host, { target: "checkpoint_0" })).length, 0);
      assert.equal((await sweep(folder, host)).length, 1);
      assert.ok(existsSync(staging));
    }));

  it("takes in what hooks have written, and goes when a file of another worker is missing or the name is taken", () =>
    inFolder(async (folder) => {
      const manifest: Manifest = { library: "0", created: "", worldSize: 2, ranks: [0, 1], about: {}, files: [] };
      const target = join(folder, "named");
      let staging = await beginCheckpoint(target, host);
      await mkdir(join(staging, "notes"));
      await writeFile(join(staging, "notes", "mine.txt"), "hello");
      await commitCheckpoint(staging, target, manifest);
      assert.deepEqual(
        (await verifyCheckpoint(target)).files.map((f) => f.path),
        ["notes/mine.txt"],
      );
      await assert.rejects(beginCheckpoint(target, host), has("ERR_CHECKPOINT_EXISTS", /named is there already/));
      staging = await beginCheckpoint(join(folder, "other"), host);
      const file = { path: "random_states_1.json", bytes: 2, sha256: "0".repeat(64) };
      await assert.rejects(
        commitCheckpoint(staging, join(folder, "other"), { ...manifest, files: [file] }),
        has("ERR_CHECKPOINT_NOT_FOUND", /random_states_1.json of another worker.*saveOnEachNode/),
      );
      staging = await beginCheckpoint(join(folder, "late"), host);
      await mkdir(join(folder, "late"));
      await assert.rejects(commitCheckpoint(staging, join(folder, "late"), manifest), has("ERR_CHECKPOINT_EXISTS", /late/));
      assert.deepEqual((await readdir(folder)).sort(), ["late", "named"]);
    }));
});

describe("a checkpoint that is read", () => {
  it("tells which file is missing, cut off, longer or changed in any bit", () =>
    inFolder(async (folder) => {
      const target = join(folder, "checkpoint_0");
      await write(target);
      const files = await readdir(target);
      assert.equal(files.length, contents.length + 1);
      for (const name of files) {
        const file = join(target, name);
        const { size } = statSync(file);
        const bytes = await readFile(file);
        const damages: readonly (readonly [what: string, make: () => Promise<void>])[] = [
          ["gone", () => rename(file, join(folder, "away"))],
          ["cut off", () => truncate(file, size - 1)],
          ["empty", () => truncate(file, 0)],
          ["longer", () => writeFile(file, "\n", { flag: "a" })],
          ...[0, Math.floor(size / 2), size - 1].flatMap((at) =>
            [0, 5, 7].map((bit) => {
              const flipped = Buffer.from(bytes);
              flipped[at]! ^= 1 << bit;
              return [`bit ${bit} of byte ${at} flipped`, () => writeFile(file, flipped)] as const;
            }),
          ),
          [
            "a link",
            async () => {
              await writeFile(join(folder, "elsewhere"), bytes);
              await rm(file);
              await symlink(join(folder, "elsewhere"), file);
            },
          ],
        ];
        for (const [what, make] of damages) {
          await make();
          const found = await verifyCheckpoint(target).then(
            () => assert.fail(`${name} ${what} was not noticed`),
            (error: unknown) => error as CheckpointError,
          );
          assert.ok(["ERR_CHECKPOINT_DAMAGED", "ERR_CHECKPOINT_VERSION"].includes(found.code), `${name} ${what}: ${found.code}`);
          assert.ok(found.message.includes(name), `${name} ${what}: ${found.message}`);
          await rm(file, { force: true });
          await writeFile(file, bytes);
        }
      }
      await verifyCheckpoint(target);
      await assert.rejects(verifyCheckpoint(join(folder, "none")), has("ERR_CHECKPOINT_NOT_FOUND", /there is no checkpoint/));
    }));

  it("refuses manifests that lead elsewhere or of other versions, however well their checksums fit", () => {
    const good: Manifest = { library: "0", created: "", worldSize: 2, ranks: [0, 1], about: {}, files: [] };
    const file = (path: string) => encodeManifest({ ...good, files: [{ path, bytes: 1, sha256: "0".repeat(64) }] });
    for (const path of ["../x", "/etc/passwd", "a/../../x", "a//b", "./a", "", "c:\\x", "a\\b", "a\0b", "manifest.json"])
      assert.throws(() => parseManifest(file(path), "m"), has("ERR_CHECKPOINT_DAMAGED", /may lie elsewhere/), path);
    assert.equal(parseManifest(file("a/b.json"), "m").files.length, 1);
    assert.throws(() => parseManifest(encodeManifest({ ...good, ranks: [2] }), "m"), has("ERR_CHECKPOINT_DAMAGED", /ranks/));
    assert.throws(() => parseManifest(encodeManifest(good).replace('"version": 1', '"version": 2'), "m"), has("ERR_CHECKPOINT_VERSION", /version 2/));
    for (const text of ["", "null", "[]", "{}", "{"]) assert.throws(() => parseManifest(text, "m"), CheckpointError);
  });

  it("never lets a path out, and reads back what it wrote", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("..", ".", "", "a", "b.json", "a\\b", "\0"), { maxLength: 5 }), (parts) => {
        const path = parts.join("/");
        if (staysInside(path)) assert.ok(join("/checkpoint", path).startsWith("/checkpoint/") && !path.includes(".."));
      }),
    );
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(), (value, bytes) => {
        const about = { value: JSON.parse(JSON.stringify(value)) as unknown };
        const manifest: Manifest = { library: "0", created: "now", worldSize: 1, ranks: [0], about, files: [{ path: "x", bytes, sha256: "a".repeat(64) }] };
        assert.deepEqual(parseManifest(encodeManifest(manifest), "m"), manifest);
      }),
    );
  });
});

describe("numbered checkpoints", () => {
  it("are listed by number; the next number follows the highest", () =>
    inFolder(async (folder) => {
      assert.equal(nextNumber(join(folder, "none")), 0);
      for (const name of ["checkpoint_2", "checkpoint_10", "checkpoint_07", "checkpoint_x", "checkpoint_3.tmp-1"]) await mkdir(join(folder, name));
      await writeFile(join(folder, "checkpoint_11"), "");
      assert.deepEqual(
        numberedCheckpoints(folder).map((c) => c.number),
        [10, 2],
      );
      assert.equal(nextNumber(folder), 11);
    }));

  it("lose the oldest only once the new one verifies", () =>
    inFolder(async (folder) => {
      for (const n of [0, 1, 2]) await write(join(folder, `checkpoint_${n}`));
      const newest = join(folder, "checkpoint_2");
      const file = join(newest, "state.json");
      const text = await readFile(file);
      await writeFile(file, "x");
      await assert.rejects(prune(folder, newest, { limit: 1, host }), has("ERR_CHECKPOINT_DAMAGED", /state.json/));
      assert.equal((await readdir(folder)).length, 3);
      await writeFile(file, text);
      assert.deepEqual(
        (await prune(folder, newest, { limit: 2, host })).map((d) => d.slice(folder.length + 1)),
        ["checkpoint_0"],
      );
      assert.deepEqual(await prune(folder, newest, { limit: 2, host }), []);
      assert.deepEqual((await readdir(folder)).sort(), ["checkpoint_1", "checkpoint_2"]);
    }));
});
