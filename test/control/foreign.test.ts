// Workers that torchrun, mpirun, srun or a hand at the shell started: processes with RANK and its family set, no launcher of ours.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createToken } from "../../src/control/index.js";
import { becomes, promised } from "../support/timing.js";
import { type Ended, WorkerProgram } from "./processes.js";

const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-foreign-"));
after(() => rmSync(folder, { recursive: true }));

/** A port whose next one is free, too. */
async function freePort(): Promise<number> {
  for (;;) {
    const servers = [createServer(), createServer()] as const;
    try {
      servers[0].listen(0, "127.0.0.1");
      await once(servers[0], "listening");
      const { port } = servers[0].address() as { port: number };
      servers[1].listen(port + 1, "127.0.0.1");
      await once(servers[1], "listening");
      return port;
    } catch {
      // taken: another one
    } finally {
      for (const server of servers) server.close();
    }
  }
}

interface Options {
  readonly size?: number;
  readonly env?: (rank: number) => Readonly<Record<string, string | undefined>>;
  readonly before?: (rank: number) => readonly string[];
}

/** All ranks, the last one first. */
async function startRanks(args: readonly string[], { size = 3, env = () => ({}), before = () => [] }: Options = {}): Promise<WorkerProgram[]> {
  const port = await freePort();
  const ranks = Array.from({ length: size }, (_, i) => size - 1 - i);
  return ranks
    .map(
      (rank) =>
        new WorkerProgram(
          {
            TMPDIR: folder,
            RANK: `${rank}`,
            WORLD_SIZE: `${size}`,
            LOCAL_RANK: `${rank}`,
            LOCAL_WORLD_SIZE: `${size}`,
            MASTER_ADDR: "127.0.0.1",
            MASTER_PORT: `${port}`,
            ...env(rank),
          },
          args,
          { before: before(rank) },
        ),
    )
    .reverse();
}
const run = async (args: readonly string[], options?: Options): Promise<Ended[]> => Promise.all((await startRanks(args, options)).map((w) => w.ended));
const tokensLeft = (): string[] =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.includes("port-"));

test("three processes of one machine meet with nothing but their variables, and leave nothing behind", async () => {
  const ends = await run(["meet"]);
  for (const [rank, { code, lines, stderr }] of ends.entries()) {
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
    assert.deepEqual(lines[0].assignment, {
      rank,
      worldSize: 3,
      localRank: rank,
      localWorldSize: 3,
      host: 0,
      hosts: 1,
      hostOfRank: [0, 0, 0],
      address: "127.0.0.1",
    });
  }
  assert.deepEqual(tokensLeft(), []);
});

test("a rank that dies is told to all others, at once and by its number", async () => {
  for (const [how, message] of [
    ["SIGKILL", /^worker 1 of 3 on .* is gone: its connection closed without a word/],
    ["throw", /^worker 1 of 3 on .* failed: TypeError: boom \(in step 81\)/],
    ["exit", /^worker 1 of 3 on .* ended with exit code 3/],
  ] as const) {
    const [first, dead, last] = (await run(["die", how])) as [Ended, Ended, Ended];
    const { dies } = dead.lines.find((l) => l.dies);
    for (const { lines, code, stderr } of [first, last]) {
      assert.equal(code, 0, stderr);
      const { code: why, message: text, ranks } = lines.at(-1);
      assert.deepEqual([why, ranks], ["ERR_PEER_LOST", [1]]);
      assert.match(text, message);
      promised(lines.find((l) => l.abort).at - dies, 1000);
    }
  }
});

test("when rank 0 dies, which serves the others, they are told so", async () => {
  const [, ...others] = (await run(["die", "SIGKILL", "0"])) as Ended[];
  for (const { lines } of others) {
    assert.deepEqual([lines.at(-1).code, lines.at(-1).ranks], ["ERR_PEER_LOST", [0]]);
    assert.match(lines.at(-1).message, /rank 0, which serves the others, is gone/);
  }
  assert.deepEqual(tokensLeft(), []);
});

test("a rank whose main thread is busy for 6 s is not taken for dead", async () => {
  for (const { lines, code } of await run(["slow"], { size: 2 })) assert.deepEqual([code, lines.at(-1)], [0, "done"]);
});

test("rank 0 serves the others' last calls when it is done before them", async () => {
  const ends = await run(["early"]);
  for (const { lines, code, stderr } of ends.slice(1)) assert.deepEqual([code, lines.at(-1)], [0, "done"], stderr);
  assert.equal(ends[0]!.code, 0);
});

test("hosts that the launcher numbers are hosts, also on one machine", async () => {
  const ends = await run(["meet"], {
    size: 4,
    env: (rank) => ({ GROUP_RANK: `${rank >> 1}`, LOCAL_RANK: `${rank % 2}`, LOCAL_WORLD_SIZE: "2" }),
  });
  assert.deepEqual(
    ends.map(({ lines }) => [lines[0].assignment.host, lines[0].assignment.localRank, lines[0].assignment.hosts]),
    [
      [0, 0, 2],
      [0, 1, 2],
      [1, 0, 2],
      [1, 1, 2],
    ],
  );
  assert.deepEqual(ends[0]!.lines[0].assignment.hostOfRank, [0, 0, 1, 1]);
});

const canUnshare = ((): boolean => {
  try {
    execFileSync("unshare", ["--pid", "--fork", "true"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
})();

test("processes that do not see each other's memory are on hosts of their own", { skip: canUnshare ? false : "no right to make namespaces here" }, async () => {
  const ends = await run(["meet"], { size: 2, before: (rank) => (rank === 1 ? ["unshare", "--pid", "--fork", "--kill-child"] : []) });
  assert.deepEqual(
    ends.map(({ lines }) => lines[0].assignment.hostOfRank),
    [
      [0, 1],
      [0, 1],
    ],
  );
});

test("variables that contradict each other are refused by name", async () => {
  const twins = await startRanks(["meet"], { size: 2, env: () => ({ LOCAL_RANK: "0" }) });
  const line = await Promise.any(twins.map((w) => w.line((l) => l.code === "ERR_LAUNCH_MISMATCH")));
  assert.match(line.message, /both say that they are local rank 0 of the same host: is LOCAL_RANK set/);
  for (const twin of twins) twin.kill();
  await Promise.all(twins.map((w) => w.ended));
});

test("a port that is taken, and a world of one, are no riddles", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const [zero] = await run(["meet"], { size: 1, env: () => ({ WORLD_SIZE: "2", LOCAL_WORLD_SIZE: "2", MASTER_PORT: `${port - 1}` }) });
  server.close();
  assert.deepEqual([zero!.code, zero!.lines[0].code], [9, "ERR_COORDINATOR_UNREACHABLE"]);
  assert.match(zero!.lines[0].message, new RegExp(`rank 0 cannot serve the other ranks: .*port ${port} is MASTER_PORT \\+ 1; choose another MASTER_PORT`));
  const [alone] = await run(["meet"], { size: 1, env: () => ({ MASTER_ADDR: undefined, MASTER_PORT: undefined }) });
  assert.deepEqual([alone!.code, alone!.lines.at(-1)], [0, { count: 1 }]);
});

const outside = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((a) => !a.internal && a.family === "IPv4")?.address;

test("a second job on the same port fails, and the first one's ranks still find each other", async () => {
  const port = await freePort();
  const shown = (): boolean => tokensLeft().some((name) => name.endsWith(`port-${port + 1}`));
  const env = () => ({ MASTER_PORT: `${port}`, WORLD_SIZE: "2", LOCAL_WORLD_SIZE: "2" });
  const [zero] = await startRanks(["meet"], { size: 1, env });
  // Its token is written before it listens or after; it has to listen for the second one to fail.
  let listens = false;
  const probe = (): void => {
    const socket = connect(port + 1, "127.0.0.1", () => {
      listens = true;
      socket.destroy();
    });
    socket.on("error", () => setTimeout(probe, 20));
  };
  probe();
  assert.ok(await becomes(() => listens && shown()));
  const [second] = await run(["meet"], { size: 1, env });
  assert.equal(second!.lines[0].code, "ERR_COORDINATOR_UNREACHABLE");
  const late = new WorkerProgram({ TMPDIR: folder, RANK: "1", LOCAL_RANK: "1", MASTER_ADDR: "127.0.0.1", ...env() }, ["meet"]);
  const end = setTimeout(() => [zero!, late].map((worker) => worker.kill()), 60_000);
  for (const { code, stderr } of await Promise.all([zero!.ended, late.ended])) assert.equal(code, 0, stderr);
  clearTimeout(end);
  assert.equal(shown(), false);
});

test("ranks of several hosts need a token file, and meet with one", { skip: outside ? false : "this machine has no address but loopback" }, async () => {
  const path = join(folder, "token");
  writeFileSync(path, createToken(), { mode: 0o600 });
  const hosts = (rank: number): Record<string, string> => ({ MASTER_ADDR: outside!, GROUP_RANK: `${rank}`, LOCAL_RANK: "0", LOCAL_WORLD_SIZE: "1" });
  const without = await run(["meet"], { size: 2, env: hosts });
  for (const { lines } of without) {
    assert.equal(lines[0].code, "ERR_CONTROL_SECURITY");
    assert.match(lines[0].message, /has no token: .*ACCELERATE_TS_TOKEN_FILE/);
  }
  const ends = await run(["meet"], { size: 2, env: (rank) => ({ ...hosts(rank), ACCELERATE_TS_TOKEN_FILE: path }) });
  for (const { lines, code, stderr } of ends) assert.deepEqual([code, lines[0].assignment.address, lines[0].assignment.hosts], [0, outside, 2], stderr);
  assert.match(ends[0]!.stderr, /speaks without TLS/);
  assert.equal(ends[1]!.stderr, "");
  assert.ok(existsSync(path));
});
