// Lines of many workers on one screen: prefixes, lines that move, lines without end, traces that are told elsewhere.
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fc } from "../support/properties.js";
import { LineSplitter } from "../../launcher/agent/lines.js";
import { failureText, readableStack, verdictText } from "../../launcher/agent/report.js";
import { Screen, type Speaker } from "../../launcher/agent/screen.js";
import { stallText } from "../../launcher/agent/stalls.js";
import { withoutTrace } from "../../launcher/agent/trace.js";
import { onCpu } from "../../launcher/launch/device.js";
import { headerText } from "../../launcher/launch/header.js";
import type { Failure } from "../../src/control/index.js";

class Sheet extends Writable {
  text = "";
  readonly isTTY: boolean;
  constructor(isTTY: boolean) {
    super({ decodeStrings: false });
    this.isTTY = isTTY;
  }
  override _write(chunk: string, _encoding: string, done: () => void): void {
    this.text += chunk;
    done();
  }
}

/** The rows of a terminal after this text; knows carriage returns and the escape that erases to the end. */
function rows(text: string): string[] {
  const out = [""];
  let column = 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape that erases a row
  for (const part of text.split(/(\u001b\[K|\n|\r)/)) {
    const row = out.length - 1;
    if (part === "\n") {
      out.push("");
      column = 0;
    } else if (part === "\r") column = 0;
    else if (part === "\x1b[K") out[row] = out[row]!.slice(0, column);
    else {
      out[row] = out[row]!.slice(0, column).padEnd(column) + part + out[row]!.slice(column + part.length);
      column += part.length;
    }
  }
  return out;
}

const speaker = (rank: number, stream: "stdout" | "stderr" = "stderr"): Speaker => ({ stream, prefix: `[${rank}] `, draws: rank === 0 });
const screenOf = (isTTY: boolean) => {
  const [stdout, stderr] = [new Sheet(isTTY), new Sheet(isTTY)];
  return { screen: new Screen({ stdout, stderr }), stdout, stderr };
};
const splitterOf = (screen: Screen, from: Speaker): LineSplitter =>
  new LineSplitter({ line: (text) => screen.line(from, text), partial: (text) => screen.partial(from, text), moving: (text) => screen.moving(from, text) });

suite("lines", () => {
  const gather = () => {
    const lines: string[] = [];
    let open = "";
    const splitter = new LineSplitter({
      line: (text) => {
        lines.push(open + text);
        open = "";
      },
      partial: (text) => {
        open += text;
      },
      moving: () => {},
    });
    return { lines, splitter };
  };

  test("arrive whole however the bytes are cut", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary" }).map((line) => line.replace(/[\r\n]/g, " "))), fc.array(fc.nat(40)), (wanted, cuts) => {
        const bytes = Buffer.from(wanted.map((line) => `${line}\n`).join(""));
        const { lines, splitter } = gather();
        let at = 0;
        for (const cut of cuts) {
          splitter.push(bytes.subarray(at, at + cut));
          at += cut;
        }
        splitter.push(bytes.subarray(at));
        splitter.end();
        assert.deepEqual(
          lines,
          wanted.map((line) => Buffer.from(line).toString("utf8")),
        );
      }),
    );
  });

  test("that are long, or no text at all, are not lost and not kept", () => {
    const { lines, splitter } = gather();
    for (let i = 0; i < 40; i++) splitter.push(Buffer.alloc(10_000, "x"));
    splitter.push(Buffer.from([10, 0xff, 0xfe, 0, 10]));
    assert.deepEqual([lines[0]?.length, lines[1]], [400_000, "\ufffd\ufffd\0"]);
  });

  test("that move show their last state", () => {
    const { lines, splitter } = gather();
    splitter.push(Buffer.from("\r10%\x1b[K\r20%"));
    splitter.push(Buffer.from("\x1b[K\r100%\x1b[K\nnext\r\n"));
    assert.deepEqual(lines, ["100%", "next"]);
  });

  test("without end are shown after a while, and go on where they stopped", async () => {
    const { screen, stderr } = screenOf(false);
    const one = splitterOf(screen, speaker(1));
    one.push(Buffer.from("waiting."));
    assert.equal(stderr.text, "");
    await sleep(200);
    assert.equal(stderr.text, "[1] waiting.");
    one.push(Buffer.from(". done\n"));
    assert.equal(stderr.text, "[1] waiting.. done\n");
    one.push(Buffer.from("again"));
    await sleep(200);
    screen.line(speaker(2), "between");
    one.push(Buffer.from(" and on\n"));
    assert.equal(stderr.text, "[1] waiting.. done\n[1] again\n[2] between\n[1]  and on\n");
  });
});

suite("a terminal", () => {
  test("keeps the moving line of rank 0 below the lines of all", () => {
    const { screen, stdout, stderr } = screenOf(true);
    const all = new Sheet(true);
    for (const sheet of [stdout, stderr]) sheet._write = (chunk: string, _e: string, done: () => void) => all._write(chunk, _e, done);
    const bar = splitterOf(screen, speaker(0));
    bar.push(Buffer.from("\r10%\x1b[K"));
    screen.line(speaker(1, "stdout"), "hello");
    bar.push(Buffer.from("\r20%\x1b[K"));
    splitterOf(screen, speaker(1)).push(Buffer.from("\r99%\x1b[K"));
    screen.line(speaker(0, "stdout"), "loss 0.5");
    assert.deepEqual(rows(all.text), ["[1] hello", "[0] loss 0.5", "[0] 20%"]);
    bar.push(Buffer.from("\r100%\x1b[K\n"));
    screen.say("stopping");
    assert.deepEqual(rows(all.text), ["[1] hello", "[0] loss 0.5", "[0] 100%", "stopping", ""]);
  });

  test("in a file there are whole lines only", () => {
    const { screen, stderr } = screenOf(false);
    const bar = splitterOf(screen, speaker(0));
    bar.push(Buffer.from("\r10%\x1b[K\r20%\x1b[K"));
    screen.line(speaker(1), "hello");
    bar.push(Buffer.from("\r100%\x1b[K\n"));
    assert.equal(stderr.text, "[1] hello\n[0] 100%\n");
  });
});

suite("a failure in words", () => {
  const place = { worldSize: 4, hosts: 1, cwd: "/home/me/job", shown: false, logOf: (rank: number) => `runs/rank-${rank}.log` };
  const stack =
    "TypeError: no labels\n    at collate (/home/me/job/train.ts:31:17)\n    at file:///home/me/job/lib.js:2:1\n    at node:internal/process/task_queues:95:5";
  const failure: Failure = {
    kind: "error",
    ranks: [2],
    host: "a",
    error: { name: "TypeError", message: "no labels", code: "", stack, ranks: [] },
    symptom: false,
    atMs: 12_400,
    step: 81,
  };
  const lost = (rank: number): Failure => ({
    kind: "error",
    ranks: [rank],
    host: "a",
    error: {
      name: "CollectiveError",
      message: "rank 2 was lost while ranks wait in all-reduce 163 (float32 [1048576]) at train.ts:40",
      code: "ERR_PEER_LOST",
      stack: "",
      ranks: [2],
    },
    symptom: true,
    atMs: 12_500,
  });

  test("says who, what, when and where, with the user's own frames", () => {
    assert.equal(
      failureText(failure, place),
      "worker 2 of 4 failed first: TypeError, 12.4 s after the start, in step 81\n    TypeError: no labels\n        at collate (train.ts:31:17)\n        at lib.js:2:1",
    );
    assert.match(failureText(failure, { ...place, hosts: 2 }), /^worker 2 of 4 \(on a\) failed first/);
  });

  test("blames a worker that never came, not the one that waited for it", () => {
    const waited: Failure = { ...lost(0), error: { ...lost(0).error!, code: "ERR_COLLECTIVE_TIMEOUT" } };
    assert.match(
      failureText(waited, place),
      /^worker 0 of 4 could not go on without worker 2: CollectiveError \(ERR_COLLECTIVE_TIMEOUT\), 12.5 s after the start\n/,
    );
    assert.equal(
      verdictText({ exitCode: 1, first: waited, others: [lost(1), { ...lost(3), kind: "exit" }], stopped: undefined }, { ...place, logOf: () => undefined }),
      "workers 1 and 3 were stopped",
    );
  });

  test("names the others as what they are", () => {
    assert.equal(
      verdictText({ exitCode: 1, first: failure, others: [lost(3), lost(0), lost(1)], stopped: undefined }, place),
      "workers 0, 1 and 3 were stopped; they waited for it in all-reduce 163 (float32 [1048576])\nlogs: runs/rank-2.log",
    );
    const other: Failure = { ...failure, ranks: [3], error: { ...failure.error!, name: "RangeError", message: "elsewhere" }, atMs: 12_900 };
    assert.equal(
      verdictText({ exitCode: 1, first: failure, others: [{ ...failure, ranks: [1] }, other], stopped: undefined }, { ...place, logOf: () => undefined }),
      "worker 1 failed in the same way\nworker 3 failed, too: RangeError: elsewhere, 0.5 s later",
    );
  });

  test("cuts what is endless", () => {
    const frames = Array.from({ length: 50 }, (_, i) => `    at f${i} (/x.js:1:1)`);
    const lines = readableStack(["Error: ", "x".repeat(10_000), ...frames].join("\n"), "/");
    assert.ok(lines.length < 20 && lines.every((line) => line.length < 5000));
    assert.equal(lines.at(-1), "    ... 38 more");
  });

  test("takes the place of what Node prints, and of nothing else", () => {
    const printed = `mine\n/home/me/job/train.ts:31\n  return rows[3].labels;\n                ^\n\n${stack} {\n  code: 'X'\n}\n\nNode.js v20.20.2`;
    assert.equal(withoutTrace(printed, stack), "mine");
    assert.equal(withoutTrace(`${printed}\nlater`, stack), "mine\nlater");
    assert.equal(withoutTrace("TypeError: no labels\nmine", stack), "TypeError: no labels\nmine");
    assert.equal(withoutTrace("", stack), "");
    assert.equal(withoutTrace(printed, ""), printed);
  });
});

test("a stall says who waits in what, and where the others are", () => {
  const stall = { rank: 0, waitedMs: 60_012, collective: "all-reduce 164 (float32 [1048576])", waiting: [3, 0, 1], missing: [2] };
  assert.equal(
    stallText(stall, [{ rank: 2, state: "user code", text: "readImage (data.ts:88:5)", step: 82 }], 60),
    "no progress for 60 s: workers 0, 1 and 3 wait in all-reduce 164 (float32 [1048576]); worker 2 has not come: it is in step 82, in user code, last seen at\n        at readImage (data.ts:88:5)\nstop with Ctrl-C, wait longer with --watchdog 600",
  );
});

test("the first line says what runs", () => {
  const facts = {
    version: "0.1.0",
    worldSize: 2,
    hostNames: [],
    shares: [1, 1].map((threads) => ({ threads, cores: undefined })),
    usableCores: 2,
    plan: { watchdog: undefined, timeout: undefined, device: onCpu },
  };
  assert.equal(headerText(facts), "accelerate-ts 0.1.0   2 workers on cpu, 1 thread each");
  assert.equal(
    headerText({ ...facts, worldSize: 4, hostNames: ["a", "b"], usableCores: 1, plan: { watchdog: 5, timeout: 60, device: onCpu } }),
    "accelerate-ts 0.1.0   4 workers on cpu on 2 hosts (a, b), 1 thread each, on 1 core: they take turns, watchdog 5 s, timeout 60 s",
  );
  const gpu = (index: number, name: string) => ({ index, name, memory: 2 ** 34 });
  const on = (...names: string[]) =>
    headerText({
      ...facts,
      worldSize: names.length,
      shares: names.map(() => ({ threads: 1, cores: undefined })),
      plan: { ...facts.plan, device: { type: "cuda", gpus: names.map((name, i) => gpu(i, name)) } },
    });
  assert.equal(on("Tesla T4"), "accelerate-ts 0.1.0   1 worker on cuda:0 (Tesla T4), 1 thread");
  assert.match(on("Tesla T4", "Tesla T4"), / {3}2 workers on cuda:0 and cuda:1 \(Tesla T4\), 1 thread each/);
  assert.match(on("T4", "T4", "T4"), / {3}3 workers on cuda:0 to cuda:2 \(T4\), /);
  assert.match(on("Tesla T4", "NVIDIA A100"), / {3}2 workers on cuda:0 \(Tesla T4\), cuda:1 \(NVIDIA A100\), /);
  assert.match(headerText({ ...facts, plan: { ...facts.plan, device: { type: "webgpu", gpus: [] } } }), / {3}2 workers on webgpu, /);
});
