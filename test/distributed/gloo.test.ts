// What is gloo's own: how ranks meet, who may not, what stays behind, arithmetic of 16-bit floats, what is said where it is missing.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { createWorld } from "../../src/distributed/create-world.js";
import { glooPath, loadGloo } from "../../src/distributed/gloo/native-gloo.js";
import { bfloat16ToNumber, float16ToNumber, numberToBfloat16, numberToFloat16 } from "../../src/graph/half.js";
import { FileStore } from "../support/file-store.js";
import { Ranks } from "../support/ranks.js";
import { promised } from "../support/timing.js";

const tasks = new URL("./gloo-tasks.js", import.meta.url);
const skip = existsSync(glooPath()) ? false : "gloo is not installed (apt-get install libgloo-dev, then build-native)";
interface Failure {
  readonly code: string;
  readonly message: string;
  readonly ranks?: readonly number[];
  readonly ms: number;
}

describe("gloo: the meeting of ranks", { skip }, () => {
  let ranks: Ranks;
  let groups = 0;
  const fresh = () => ({ name: `gloo/${groups++}` });
  before(async () => {
    ranks = await Ranks.start(2);
  });
  after(async () => ranks?.[Symbol.asyncDispose]());

  it("groups that are closed leave no descriptor and no thread", async () => {
    await ranks.values(tasks, "repeated", fresh());
  });

  it("a rank that cannot listen is an error on all ranks at once, with the reason", async () => {
    const [other, own] = await ranks.values<Failure>(tasks, "wrongAddress", fresh());
    assert.equal(own!.code, "ERR_GLOO_ADDRESS");
    assert.match(own!.message, /rank 1 cannot listen at 192\.0\.2\.1 .*other hosts reach/);
    assert.equal(other!.code, "ERR_PEER_LOST");
    assert.deepEqual(other!.ranks, [1]);
    assert.match(other!.message, /rank 1 could not join: .*192\.0\.2\.1/);
    promised(other!.ms, 2000);
  });

  it("a rank that does not come is named, and one that comes but does not connect", async () => {
    const [absent] = await ranks.values<Failure>(tasks, "nobodyComes", fresh());
    assert.equal(absent!.code, "ERR_COLLECTIVE_TIMEOUT");
    assert.deepEqual(absent!.ranks, [1]);
    const [mute] = await ranks.values<Failure>(tasks, "nobodyConnects", fresh());
    assert.deepEqual(mute!.ranks, [1], mute!.message);
    promised(mute!.ms, 2500);
  });

  it("a rank without the key of the group is a stranger", async () => {
    const [first, second] = await ranks.values<Failure>(tasks, "wrongKey", fresh());
    for (const failure of [first!, second!]) assert.match(failure.message, /stranger/);
    assert.deepEqual(first!.ranks, [1]);
  });

  it("somebody who connects in a rank's place is no member and harms nobody", async () => {
    for (const failure of await ranks.values<Failure>(tasks, "stranger", fresh())) {
      assert.ok(failure.code === "ERR_PEER_LOST" || failure.code === "ERR_COLLECTIVE_TIMEOUT", failure.message);
      promised(failure.ms, 6000);
    }
  });

  it("a thread that is terminated in a collective ends without harm, and is missed", async () => {
    const [failure, end] = await ranks.values<Failure | "ended">(tasks, "terminated", { ...fresh(), folder: join(ranks.folder, "store") });
    assert.equal(end, "ended");
    assert.equal((failure as Failure).code, "ERR_PEER_LOST");
    assert.deepEqual((failure as Failure).ranks, [1]);
  });
});

describe("gloo: 16-bit floats", { skip }, () => {
  const formats = [
    { name: "float16", number: 10, read: float16ToNumber, write: numberToFloat16 },
    { name: "bfloat16", number: 16, read: bfloat16ToNumber, write: numberToBfloat16 },
  ];

  it("every one of them is the same number in float32", () => {
    const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
    const wide = new Float32Array(all.length);
    for (const { name, number, read } of formats) {
      loadGloo().widen(number, wide, all);
      for (const bits of all) assert.ok(Object.is(wide[bits], read(bits)), `${name} ${bits.toString(16)}: ${wide[bits]}, not ${read(bits)}`);
    }
  });

  it("every float32 is rounded to the nearest, to even", () => {
    const narrow = new Uint16Array(64);
    for (const { number, read, write } of formats)
      fc.assert(
        fc.property(
          fc.array(fc.oneof(fc.float(), fc.float({ min: -70_000, max: 70_000 }), fc.float({ min: Math.fround(-1e-4), max: Math.fround(1e-4) })), {
            maxLength: 64,
          }),
          (values) => {
            const input = Float32Array.from(values);
            loadGloo().narrow(number, narrow.subarray(0, input.length), input);
            for (const [index, value] of input.entries())
              assert.ok(Object.is(read(narrow[index]!), read(write(value))), `${value}: ${narrow[index]}, not ${write(value)}`);
          },
        ),
        { numRuns: 300 },
      );
  });
});

describe("several hosts without gloo", () => {
  it("a missing addon says what to install, one that does not load why", () => {
    const folder = mkdtempSync(join(tmpdir(), "gloo-"));
    try {
      assert.throws(() => loadGloo(join(folder, "none.node")), {
        code: "ERR_GLOO_MISSING",
        message: /several hosts need gloo.*apt-get install libgloo-dev.*build-native/,
      });
      const broken = join(folder, "broken.node");
      writeFileSync(broken, "no library");
      assert.throws(() => loadGloo(broken), { code: "ERR_GLOO_MISSING", message: /does not load \(.*libgloo-dev/s });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it("an assignment that contradicts itself is refused", async () => {
    const assignment = { rank: 1, worldSize: 2, host: 0, hosts: 2, hostOfRank: [0, 1], localRank: 0, localWorldSize: 1, address: "127.0.0.1" };
    await assert.rejects(createWorld({ assignment, store: new FileStore(tmpdir()), name: "none" }), { code: "ERR_ARGUMENT", message: /rank 1 of 2 on host 0/ });
  });
});
