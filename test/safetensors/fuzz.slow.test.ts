// Any bytes whatever as a safetensors file or an index: the tensors that lie in it, or an error that says what is wrong; never a crash, a hang, or memory for what is only claimed.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { fc } from "../support/properties.js";
import { Checkpoint } from "../../src/models/loading/checkpoint.js";
import { SafetensorsError, SafetensorsFile, saveSafetensors, storedTypes } from "../../src/safetensors/index.js";
import { encoded, entry, prefixed, right, wrong } from "./random-files.js";

const folder = mkdtempSync(join(tmpdir(), "fuzz-"));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, "x.safetensors");

/** What a file of these bytes may do: be refused with a code, or give for each tensor exactly its own bytes, which lie one behind the other. */
async function check(bytes: Uint8Array): Promise<"read" | "refused"> {
  writeFileSync(file, bytes);
  try {
    await using opened = await SafetensorsFile.open(file);
    let at = 8 + Number(Buffer.from(bytes).readBigUInt64LE());
    for (const { name, begin, end, stored, shape } of [...opened.tensors.values()].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
      assert.equal(begin, at, name);
      assert.equal(
        end - begin,
        shape.reduce((a, b) => a * b, storedTypes[stored].bytes),
      );
      at = end;
      const pieces: Uint8Array[] = [];
      for await (const piece of opened.chunks(name)) pieces.push(piece.slice());
      assert.deepEqual(Buffer.concat(pieces), Buffer.from(bytes.subarray(begin, end)), name);
      if (storedTypes[stored].dtype === undefined) continue;
      const { data } = await opened.read(name);
      assert.deepEqual(Buffer.from(data.buffer, data.byteOffset, data.byteLength), Buffer.from(bytes.subarray(begin, end)), name);
    }
    assert.equal(at, bytes.length);
    return "read";
  } catch (error) {
    assert.ok(error instanceof SafetensorsError, String((error as Error).stack));
    assert.match(error.code, /^ERR_SAFETENSORS_/);
    assert.ok(error.message.length < 1000, "a message that can be read");
    return "refused";
  }
}
async function refused(bytes: Uint8Array, code: string, message?: RegExp): Promise<void> {
  writeFileSync(file, bytes);
  await assert.rejects(SafetensorsFile.open(file), (error) => {
    assert.ok(error instanceof SafetensorsError, String(error));
    assert.equal(error.code, code, error.message);
    if (message) assert.match(error.message, message);
    return true;
  });
}

describe("any bytes", () => {
  it("that make a right file give its tensors", async () => {
    await fc.assert(
      fc.asyncProperty(right, async (bytes) => assert.equal(await check(bytes), "read")),
      { numRuns: 150 },
    );
  });

  it("that nearly make one give its tensors or an error", async () => {
    const seen = { read: 0, refused: 0 };
    const flips = fc.array(fc.tuple(fc.nat(1_000_000), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(right, flips, async (bytes, changes) => {
        for (const [at, mask] of changes) bytes[at % bytes.length]! ^= mask;
        seen[await check(bytes)]++;
      }),
      { numRuns: 400 },
    );
    assert.ok(seen.read > 0 && seen.refused > 0, JSON.stringify(seen));
  });

  it("in a header of any form give an error, unless they fit", async () => {
    await fc.assert(
      fc.asyncProperty(wrong, fc.uint8Array({ maxLength: 40 }), async (header, data) => void (await check(encoded(header, data)))),
      { numRuns: 500 },
    );
  });

  it("without any form give an error", async () => {
    await fc.assert(
      fc.asyncProperty(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.nat(200), fc.uint8Array({ maxLength: 60 }), async (huge, small, rest) => {
        for (const length of [huge, BigInt(small)]) assert.equal(await check(prefixed(length, rest)), "refused");
      }),
      { numRuns: 100 },
    );
  });
});

describe("what a header may not say", () => {
  const one = entry("U8", [1], [0, 1]);
  const byte = Uint8Array.of(1);

  it("is refused with what it said", async () => {
    await refused(encoded(`{"a":${one},"a":${one}}`, byte), "ERR_SAFETENSORS_NAME", /the key a twice/);
    await refused(encoded(`{"a":${one},"\\u0061":${one}}`, byte), "ERR_SAFETENSORS_NAME", /the key a twice/);
    await refused(encoded('{"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', byte), "ERR_SAFETENSORS_NAME", /the key dtype twice/);
    await refused(encoded('{"__metadata__":{},"__metadata__":{}}'), "ERR_SAFETENSORS_NAME");
    await refused(encoded(`{"\\ud800":${one}}`, byte), "ERR_SAFETENSORS_HEADER", /no Unicode/);
    await refused(encoded(`\ufeff{"a":${one}}`, byte), "ERR_SAFETENSORS_HEADER", /not JSON/);
    await refused(prefixed(2n, Uint8Array.of(0x7b, 0xff)), "ERR_SAFETENSORS_HEADER", /not JSON/);
    for (const text of [1, null, ["x"], {}, true])
      await refused(encoded(JSON.stringify({ __metadata__: { k: text } })), "ERR_SAFETENSORS_HEADER", /__metadata__\.k is not a string/);
    await refused(encoded(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[9007199254740992,9007199254740993]}}`, byte), "ERR_SAFETENSORS_OFFSETS");
    await refused(encoded(`{"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}}`, byte), "ERR_SAFETENSORS_HEADER");
    await refused(encoded(`{"a":${entry("F4", [3], [0, 1])}}`, byte), "ERR_SAFETENSORS_SIZE");
    assert.equal(await check(encoded(`{"a":${entry("F4", [2], [0, 1])},"__metadata__":null}`, byte)), "read");
  });

  it("is said shortly, however long it was", async () => {
    const many = JSON.stringify(Array.from({ length: 50_000 }, () => 7));
    await refused(encoded(`{"a":{"dtype":"U8","shape":${many},"data_offsets":[0,1]}}`, byte), "ERR_SAFETENSORS_SIZE", /^.{1,500}$/);
    await refused(encoded(`{"${"n".repeat(50_000)}":{"dtype":${many}}}`, byte), "ERR_SAFETENSORS_DTYPE", /^.{1,500}$/);
  });

  it("is not followed into the depth", async () => {
    for (const text of ["[".repeat(2_000_000), `{"a":${"[".repeat(2_000_000)}`, '{"a":'.repeat(500_000)])
      await refused(encoded(text), "ERR_SAFETENSORS_HEADER", /not JSON/);
  });

  it("takes no memory when it is only claimed", async () => {
    const before = process.memoryUsage().rss;
    for (const claimed of [100_000_000n, 100_000_001n, 2n ** 53n, 2n ** 64n - 1n])
      await refused(prefixed(claimed, Buffer.from("{}")), claimed === 100_000_000n ? "ERR_SAFETENSORS_TRUNCATED" : "ERR_SAFETENSORS_HEADER");
    const elements = 2 ** 32;
    await refused(encoded(`{"a":${entry("F32", [elements], [0, 4 * elements])}}`), "ERR_SAFETENSORS_TRUNCATED");
    // A file with a hole is as long as it says, and still nothing is taken before a tensor is asked for.
    const sparse = encoded(`{"a":${entry("F32", [2], [0, 8])},"b":${entry("F32", [elements], [8, 8 + 4 * elements])}}`, new Uint8Array(8));
    writeFileSync(file, sparse);
    truncateSync(file, sparse.length + 4 * elements);
    await using opened = await SafetensorsFile.open(file);
    assert.deepEqual(await opened.readFloat32("a"), new Float32Array(2));
    assert.ok(process.memoryUsage().rss - before < 200e6);
    assert.equal(statSync(file).size, sparse.length + 4 * elements);
  });

  it("may be 100 MB long, as for the format's own library", async () => {
    const long = Buffer.alloc(99_999_992, 0x20);
    long.write(`{"a":${one}}`);
    await check(prefixed(BigInt(long.length), long, byte)).then((found) => assert.equal(found, "read"));
  });
});

describe("what is no file", () => {
  it("is refused without waiting for it", async () => {
    mkdirSync(join(folder, "folder.safetensors"));
    execFileSync("mkfifo", [join(folder, "pipe.safetensors")]);
    for (const path of [join(folder, "folder.safetensors"), join(folder, "pipe.safetensors"), "/dev/zero"])
      await assert.rejects(SafetensorsFile.open(path), { code: "ERR_SAFETENSORS_HEADER", message: /this is no file/ });
  });

  it("what cannot be said in UTF-8 is not written", async () => {
    const tensor = { dtype: "float32", shape: [1], data: new Float32Array(1) } as const;
    await assert.rejects(saveSafetensors(file, [["x\ud800", tensor]]), { code: "ERR_SAFETENSORS_NAME" });
    await assert.rejects(saveSafetensors(file, [["x", { ...tensor, shape: [-1, -1] }]]), { code: "ERR_SAFETENSORS_SIZE" });
  });
});

describe("any index", () => {
  const to = mkdtempSync(join(folder, "index-"));
  const write = (text: string): void => writeFileSync(join(to, "model.safetensors.index.json"), text);
  const opened = (text: string): Promise<Checkpoint> => {
    write(text);
    return Checkpoint.open(to);
  };
  const tensor = { dtype: "float32", shape: [1], data: Float32Array.of(4) } as const;

  it("leads to its tensors or an error", async () => {
    await saveSafetensors(join(to, "a.safetensors"), [["x", tensor]]);
    const shard = fc.oneof(fc.constantFrom("a.safetensors", "b", "../a", "/etc/passwd", ".", "..", "", "a\0b", "..\\a", "a/b"), fc.string());
    const map = fc.oneof({ weight: 3, arbitrary: fc.dictionary(fc.constantFrom("x", "y", "__proto__"), shard) }, fc.jsonValue());
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          map.map((weight_map) => JSON.stringify({ weight_map })),
          fc.string(),
          fc.jsonValue().map((v) => JSON.stringify(v)),
        ),
        async (text) => {
          try {
            await using checkpoint = await opened(text);
            for (const name of checkpoint.tensors.keys()) assert.deepEqual([name, ...(await checkpoint.readFloat32(name))], ["x", 4]);
          } catch (error) {
            assert.ok(error instanceof SafetensorsError && error.code === "ERR_SAFETENSORS_INDEX", String((error as Error).stack));
          }
        },
      ),
      { numRuns: 200 },
    );
  });

  it("does not lead out of its folder, nor to a shard that is missing", async () => {
    for (const name of ["../a.safetensors", "/a.safetensors", "..\\a.safetensors", "..", "", "a\0.safetensors"])
      await assert.rejects(opened(JSON.stringify({ weight_map: { x: name } })), { code: "ERR_SAFETENSORS_INDEX", message: /not a file of this folder/ });
    await assert.rejects(opened('{"weight_map":{"x":"a.safetensors","y":"gone.safetensors"}}'), { message: /the shard gone\.safetensors is missing/ });
    await assert.rejects(opened('{"weight_map":{"x":"a.safetensors","x":"b.safetensors"}}'), { message: /the key "x" is there twice/ });
  });

  it("may name 10,000 shards, with few handles", async () => {
    const many = join(folder, "many");
    mkdirSync(many);
    const weightMap: Record<string, string> = {};
    for (let i = 0; i < 10_000; i++) {
      const data = Buffer.alloc(4);
      data.writeFloatLE(i);
      const shard = `model-${String(i + 1).padStart(5, "0")}-of-10000.safetensors`;
      weightMap[`t${i}`] = shard;
      writeFileSync(join(many, shard), encoded(`{"t${i}":${entry("F32", [1], [0, 4])}}`, data));
    }
    writeFileSync(join(many, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
    const program = fileURLToPath(new URL("./programs/many-shards.js", import.meta.url));
    const output = execFileSync("sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", process.execPath, program, many], { encoding: "utf8" });
    assert.deepEqual(JSON.parse(output), { tensors: 10_000, values: [0, 5000, 9999] });
    weightMap.one = "too-many.safetensors";
    writeFileSync(join(many, "model.safetensors.index.json"), JSON.stringify({ weight_map: weightMap }));
    await assert.rejects(Checkpoint.open(many), { code: "ERR_SAFETENSORS_INDEX", message: /10001 shards are more than the 10000/ });
  });

  it("whose shards are replaced while it is open says so", async () => {
    const replaced = join(folder, "replaced");
    mkdirSync(replaced);
    const names = Array.from({ length: 40 }, (_, i) => `s${i}.safetensors`);
    for (const [i, shard] of names.entries()) await saveSafetensors(join(replaced, shard), [[`t${i}`, tensor]]);
    writeFileSync(
      join(replaced, "model.safetensors.index.json"),
      JSON.stringify({ weight_map: Object.fromEntries(names.map((shard, i) => [`t${i}`, shard])) }),
    );
    await using checkpoint = await Checkpoint.open(replaced);
    await saveSafetensors(join(replaced, "s7.safetensors"), [["t7", { ...tensor, shape: [2], data: new Float32Array(2) }]]);
    assert.deepEqual(await checkpoint.readFloat32("t6"), Float32Array.of(4));
    await assert.rejects(checkpoint.readFloat32("t7"), { code: "ERR_SAFETENSORS_HEADER", message: /s7\.safetensors: the file was replaced/ });
  });
});
