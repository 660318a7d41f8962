// Errors of CUDA at every place where we call it: training ends with an error that names the call, never with a crash or a hang.
import assert from "node:assert/strict";
import { before, suite, test } from "node:test";
import { skipWithoutCuda } from "../doubles/build.js";
import { leaks, type Ran, runOnGpus, violations } from "../doubles/machine.js";
import type { Trial } from "./cuda-steps.js";

const one: Trial = { model: "bert", precision: "no", steps: 3 };
const train = (script: readonly string[]): Promise<Ran> =>
  runOnGpus([new URL("./cuda-steps.js", import.meta.url), JSON.stringify([one])], { script: ["devices 1", ...script], timeoutMs: 60_000 });

/** Their failure changes nothing that was asked for: memory is given back, or a number for a message is missing. */
const harmless = /^(cudaFree|cudaFreeHost|cudaStreamDestroy|cudaEventDestroy|cudaMemGetInfo|cudaDriverGetVersion|cudaRuntimeGetVersion|cudaGetLastError)$/;

suite("Errors of CUDA", { skip: skipWithoutCuda }, () => {
  let sites: readonly { readonly call: string; readonly nth: number; readonly late: boolean }[] = [];
  before(async () => {
    const ran = await train([]);
    assert.equal(ran.code, 0, ran.stderr);
    const found = new Map<string, { call: string; nth: number; late: boolean }>();
    let late = false;
    const counts = new Map<string, number>();
    for (const { call, from, site, mark } of [...ran.logs.values()][0]!) {
      late ||= mark?.endsWith(", end") ?? false;
      if (call === undefined || from !== "addon") continue;
      const nth = (counts.get(call) ?? 0) + 1;
      counts.set(call, nth);
      if (!found.has(`${call} ${site}`)) found.set(`${call} ${site}`, { call, nth, late });
    }
    sites = [...found.values()];
  });

  test("at the first call of each place", async (t) => {
    assert.ok(sites.length > 10, `${sites.length} places`);
    for (const { call, nth, late } of sites) {
      // As on a GPU: all but a lack of memory stays.
      const error = /Malloc|HostAlloc/.test(call) ? 2 : 719;
      await t.test(`${call}, call ${nth}`, async () => {
        const ran = await train([`fail ${call} nth=${nth} from=addon error=${error}${error === 2 ? "" : " sticky"}`]);
        assert.equal(ran.signal, null, `ended by ${ran.signal}: ${ran.stderr}`);
        assert.deepEqual(violations(ran), []);
        // At the end all is given back: nothing is lost.
        if (late || harmless.test(call)) {
          assert.ok(ran.code === 0 || /ERR_[A-Z_]+/.test(ran.stderr), ran.stderr);
          return;
        }
        assert.equal(ran.code, 1, ran.stderr);
        assert.match(ran.stderr, /ERR_[A-Z_]+/);
        assert.match(ran.stderr, error === 2 ? /memory/ : /CUDA|cuda/);
      });
    }
  });

  // An arena that grows asks for less when it does not get what it wants: nothing more is to be had.
  test("the provider finds no memory, from each of its allocations on", async () => {
    let ended = 0;
    for (let nth = 1; nth < 20; nth++) {
      const ran = await train([`fail cudaMalloc nth=${nth} every from=provider error=2`]);
      assert.equal(ran.signal, null, `allocation ${nth}: ended by ${ran.signal}: ${ran.stderr}`);
      assert.deepEqual(violations(ran), []);
      if (![...ran.logs.values()].some((lines) => lines.some(({ scripted }) => scripted !== undefined))) {
        assert.equal(ran.code, 0, ran.stderr);
        assert.ok(ended > 0, "the provider allocates");
        return;
      }
      // What it has got so far may do.
      if (ran.code === 0) continue;
      ended++;
      assert.match(ran.stderr, /ERR_[A-Z_]+/);
      assert.match(ran.stderr, /memory/i);
    }
    assert.fail("more than 20 allocations");
  });

  test("a GPU that is too small says how much was wanted and what to do", async () => {
    const ran = await train(["memory 1048576"]);
    assert.equal(ran.code, 1);
    assert.match(ran.stderr, /memory/);
    assert.deepEqual(violations(ran), []);
    assert.deepEqual(
      Object.keys(leaks(ran)).filter((kind) => kind === "communicator"),
      [],
    );
  });
});
