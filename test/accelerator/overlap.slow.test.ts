// Gradients that travel while their backward runs: the same bits as without, whatever programs do between backward and step, and buckets in their order.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";
import { fc } from "../support/properties.js";
import { skipWithoutCuda } from "../doubles/build.js";
import { runOnGpus, violations } from "../doubles/machine.js";
import { BucketScheduler } from "../../src/accelerator/gradients/bucket-scheduler.js";
import { launch } from "../support/launch.js";
import { glooMissing, launchOnTwoHosts } from "../support/two-hosts.js";

const script = new URL("./programs/overlap.js", import.meta.url);

describe("buckets", () => {
  it("begin in their order, each once, as soon as those before it are ready", async () => {
    const order = fc.integer({ min: 1, max: 8 }).chain((n) => fc.shuffledSubarray([...Array(n).keys()], { minLength: n }).map((ready) => ({ n, ready })));
    await fc.assert(
      fc.asyncProperty(order, async ({ n, ready }) => {
        const begun: number[] = [];
        const scheduler = new BucketScheduler(n, async (bucket) => {
          begun.push(bucket);
        });
        const seen = new Set<number>();
        for (const bucket of ready) {
          scheduler.ready(bucket);
          scheduler.ready(bucket);
          seen.add(bucket);
          let first = 0;
          while (seen.has(first)) first++;
          assert.deepEqual(begun, [...Array(first).keys()]);
        }
        await scheduler.done;
        assert.equal(begun.length, n);
      }),
    );
  });
  it("tell of the first failure when nothing is under way any more", async () => {
    let open = 2;
    const scheduler = new BucketScheduler(3, async (bucket) => {
      if (bucket === 1) throw new Error("bucket 1 is lost");
      await new Promise((resolve) => setTimeout(resolve, 5));
      open--;
    });
    scheduler.readyAll();
    await assert.rejects(scheduler.done, /bucket 1 is lost/);
    assert.equal(open, 0);
    await new BucketScheduler(0, async () => {}).done;
  });
});

describe("gradients that travel during backward", () => {
  it("give the same bits on two hosts", { skip: glooMissing() }, async () => {
    const folder = await mkdtemp(join(tmpdir(), "overlap-"));
    try {
      for (const [workers, ways, fewest] of [
        [[1, 1], 2, 2],
        [[2, 1], 14, 20],
      ] as const) {
        const [first, second] = await launchOnTwoHosts({ workers, folder, script, args: [String(ways)] });
        for (const { code, stdout, stderr } of [first, second]) assert.equal(code, 0, stdout + stderr);
        const [, early] = first.stdout.match(/same \d+ with \d, early (\d+)/) ?? assert.fail(first.stdout);
        assert.ok(Number(early) >= fewest, `only ${early} buckets were told of during a backward`);
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
  it("do nothing on one host, where nothing travels", async () => {
    const { code, stdout, stderr } = await launch({ options: ["--num-processes", "2"], script, args: ["1"] });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /same 1 with 2, early 0/);
  });
  it("give the same bits between GPUs", { skip: skipWithoutCuda }, async () => {
    const ways = ["shared out over hosts, clipped", "as many as each likes", "limited, and stepped later"];
    const launched = ["launch", "--num-processes", "2", "--device", "cuda", script, ...ways];
    const ran = await runOnGpus([new URL("../../launcher/cli.js", import.meta.url), ...launched], { script: ["devices 2"] });
    assert.equal(ran.code, 0, ran.stderr);
    const [, early] = ran.stdout.match(/same 3 with 2, early (\d+)/) ?? assert.fail(ran.stdout);
    assert.ok(Number(early) > 0);
    assert.deepEqual(violations(ran), []);
  });
});
