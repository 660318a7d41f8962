// Two launchers as two hosts: over loopback, where each believes that the other is elsewhere.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmod } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { suite, test, type TestContext } from "node:test";
import { loadGloo } from "../../src/distributed/gloo/native-gloo.js";
import { folderOf } from "../data/files.js";
import { type Launching, startLaunch } from "../support/launch.js";
import { Hosts, netnsMissing } from "../support/netns.js";
import { becomes, promised, promisedBest } from "../support/timing.js";
import { isRunning, linesOf, member, pidsIn } from "./support.js";

const gloo = (() => {
  try {
    loadGloo();
    return {};
  } catch (error) {
    return { skip: (error as Error).message };
  }
})();

const port = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

interface HostsOptions {
  /** Options of each host. */
  readonly extra?: readonly (readonly string[])[];
  /** Default: both on loopback. */
  readonly spaces?: Hosts;
  /** Files beside the script. */
  readonly files?: Readonly<Record<string, string>>;
}

/** Starts the script on two "hosts", of two workers each unless told otherwise. */
async function onTwoHosts(
  t: TestContext,
  source: string,
  {
    extra = [
      ["-n", "4"],
      ["-n", "4"],
    ],
    spaces,
    files = {},
  }: HostsOptions = {},
): Promise<readonly [Launching, Launching]> {
  const folder = await folderOf(t, { "train.mjs": source, token: `${"0123456789abcdef".repeat(4)}\n`, ...files });
  await chmod(join(folder, "token"), 0o600);
  const [address, at] = spaces ? [spaces.addresses[0], 29_500] : ["127.0.0.1", await port()];
  const meeting = ["--num-machines", "2", "--main-process-ip", address, "--main-process-port", String(at), "--token-file", "token"];
  const start = (host: number) =>
    startLaunch({
      options: [...meeting, "--machine-rank", String(host), ...extra[host]!],
      script: join(folder, "train.mjs"),
      cwd: folder,
      ...(spaces && { prefix: spaces.prefix(host) }),
    });
  const hosts = [start(0), start(1)] as const;
  t.after(() => {
    for (const { child } of hosts) child.kill("SIGKILL");
  });
  return hosts;
}

const meet = `import { join, reduce } from "${member}";
  const me = await join();
  await reduce(me);
  console.log("pid", process.pid);
`;

suite("two hosts", gloo, () => {
  test("divide the ranks, and every worker finds the others", async (t) => {
    const hosts = await onTwoHosts(
      t,
      `${meet} const all = await me.world.group.allGatherObject([me.rank, me.settings.localRank, me.link.assignment.host, process.env.GROUP_RANK].join());
      console.log(all.join(" ")); await me.world.close();`,
    );
    for (const [host, { done }] of hosts.entries()) {
      const { code, stdout, stderr } = await done;
      assert.equal(code, 0, stderr);
      for (const rank of [2 * host, 2 * host + 1]) assert.equal(linesOf(stdout, rank)[1], "0,0,0,0 1,1,0,0 2,0,1,1 3,1,1,1");
      assert.match(stderr, /4 workers on cpu on 2 hosts/);
    }
  });

  test("may differ in size", async (t) => {
    const hosts = await onTwoHosts(t, `${meet} console.log(me.rank, me.size, me.settings.localWorldSize); await me.world.close();`, {
      extra: [
        ["--num-local-processes", "1"],
        ["--num-local-processes", "2"],
      ],
    });
    const [a, b] = await Promise.all(hosts.map(({ done }) => done));
    assert.deepEqual([a?.code, b?.code], [0, 0], `${a?.stderr}${b?.stderr}`);
    assert.deepEqual([linesOf(a!.stdout, 0)[1], linesOf(b!.stdout, 1)[1], linesOf(b!.stdout, 2)[1]], ["0 3 1", "1 3 2", "2 3 2"]);
  });

  test("that contradict each other do not start", async (t) => {
    const hosts = await onTwoHosts(t, meet, {
      extra: [
        ["-n", "4"],
        ["-n", "6"],
      ],
    });
    assert.ok(await becomes(() => hosts.some(({ child }) => child.exitCode !== null)));
    const ended = hosts.find(({ child }) => child.exitCode !== null)!;
    const { code, stderr } = await ended.done;
    assert.equal(code, 1);
    assert.match(stderr, /told of (4|6) workers in all, the coordinator of (4|6): --num-processes is the total over hosts/);
    // The other one still waits for its partner; Ctrl-C ends that.
    const other = hosts.find((host) => host !== ended)!;
    other.child.kill("SIGINT");
    assert.equal((await other.done).code, 130);
  });

  test("both show the worker that failed, within half a second", async (t) => {
    const hosts = await onTwoHosts(t, `${meet} if (me.rank === 2) { console.log("failing at", Date.now()); throw new RangeError("here"); } await reduce(me);`);
    const seen = [0, 0];
    for (const [i, { child, output }] of hosts.entries())
      child.stderr?.on("data", () => {
        if (seen[i] === 0 && output().includes("failed first")) seen[i] = Date.now();
      });
    const results = await Promise.all(hosts.map(({ done }) => done));
    const failedAt = Number(results[1]?.stdout.match(/failing at (\d+)/)?.[1]);
    for (const [i, { code, stderr }] of results.entries()) {
      assert.equal(code, 1, stderr);
      assert.match(stderr, /worker 2 of 4 \(on [^)]+\) failed first: RangeError[^\n]*\n {4}RangeError: here/);
      assert.match(stderr, /\nworkers 0, 1 and 3 were stopped/);
      promised(seen[i]! - failedAt, 1500);
    }
  });

  test("Ctrl-C on any host stops all workers", async (t) => {
    const hosts = await onTwoHosts(
      t,
      `${meet} me.link.on("stop", () => setTimeout(() => process.exit(0), 50)); await new Promise((resolve) => setTimeout(resolve, 300_000));`,
    );
    assert.ok(await becomes(() => hosts.every(({ output }) => pidsIn(output()).length === 2)));
    hosts[1].child.kill("SIGINT");
    for (const { done } of hosts) {
      const { code, stderr } = await done;
      assert.equal(code, 130, stderr);
      assert.match(stderr, /stopping after this step/);
    }
  });

  for (const [killed, message] of [
    [1, /host \S+ with workers 2 and 3 is lost, [^\n]*\nlook at the launcher's output on/],
    [0, /the launcher of host 0 is lost: [^\n]*; the workers of this host are ended/],
  ] as const) {
    test(`the death of host ${killed}'s launcher ends the other's workers, and says so`, async (t) => {
      const hosts = await onTwoHosts(t, `${meet} await new Promise((resolve) => setTimeout(resolve, 300_000));`);
      assert.ok(await becomes(() => hosts.every(({ output }) => pidsIn(output()).length === 2)));
      const before = performance.now();
      hosts[killed].child.kill("SIGKILL");
      const { code, stderr } = await hosts[1 - killed]!.done;
      promised(performance.now() - before, 5000);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
      const pids = hosts.flatMap(({ output }) => pidsIn(output()));
      const ended = performance.now();
      assert.ok(await becomes(() => !pids.some(isRunning)));
      promised(performance.now() - ended, 1000);
    });
  }
});

suite("two hosts with networks of their own", { skip: gloo.skip || netnsMissing() }, () => {
  test("show the worker that failed within half a second", async (t) => {
    using spaces = new Hosts();
    await promisedBest(500, 4, async () => {
      const hosts = await onTwoHosts(
        t,
        `${meet} if (me.rank === 3) { console.log("failing at", Date.now()); throw new RangeError("here"); } await reduce(me);`,
        { spaces },
      );
      const seen = hosts.map(
        ({ child, output }) =>
          new Promise<number>((resolve) => {
            child.stderr?.on("data", () => output().includes("failed first: RangeError") && resolve(Date.now()));
            child.on("close", () => resolve(Number.POSITIVE_INFINITY));
          }),
      );
      const times = await Promise.all(seen);
      const results = await Promise.all(hosts.map(({ done }) => done));
      assert.deepEqual(
        results.map(({ code }) => code),
        [1, 1],
      );
      assert.ok(times.every(Number.isFinite), results.map(({ stderr }) => stderr).join("\n"));
      return Math.max(...times) - Number(results[1]?.stdout.match(/failing at (\d+)/)?.[1]);
    });
  });

  test("that are cut off from each other end within seconds, and say who is lost", async (t) => {
    using spaces = new Hosts();
    const hosts = await onTwoHosts(t, `${meet} await new Promise((resolve) => setTimeout(resolve, 300_000));`, { spaces });
    assert.ok(await becomes(() => hosts.every(({ output }) => pidsIn(output()).length === 2)));
    spaces.cable(false);
    const before = performance.now();
    const [first, second] = await Promise.all(hosts.map(({ done }) => done));
    promised(performance.now() - before, 7500);
    assert.deepEqual([first?.code, second?.code], [1, 1]);
    assert.match(first!.stderr, /host \S+ with workers 2 and 3 is lost, [^\n]*nothing was heard of it/);
    assert.match(second!.stderr, /the launcher of host 0 is lost: nothing was heard of/);
    assert.ok(await becomes(() => !hosts.flatMap(({ output }) => pidsIn(output())).some(isRunning)));
  });

  test("speak TLS where they are given certificates", async (t) => {
    using spaces = new Hosts();
    const folder = await folderOf(t, {});
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = ["-subj", "/CN=host0", "-addext", `subjectAltName=IP:${spaces.addresses[0]}`];
    const made = spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-keyout", key, "-out", cert, ...subject]);
    if (made.status !== 0) return t.skip("there is no openssl here");
    const both = await onTwoHosts(t, `${meet} await me.world.close();`, {
      spaces,
      extra: [
        ["-n", "2", "--tls-cert", cert, "--tls-key", key],
        ["-n", "2", "--tls-ca", cert],
      ],
    });
    for (const { done } of both) {
      const { code, stderr } = await done;
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /without TLS/);
    }
  });
});
