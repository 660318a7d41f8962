// What a stranger can do to a coordinator: nothing. Real servers, real certificates, real garbage.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { connect, type Socket } from "node:net";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encode } from "../../src/control/codec.js";
import { Coordinator, CoordinatorClient, createToken, readTokenFile, type TlsFiles } from "../../src/control/index.js";
import { isLoopback } from "../../src/control/token.js";
import { PATIENCE_MS, promised } from "../support/timing.js";
import { Agent, jobId, startCoordinator, TestJob } from "./support.js";

const folder = mkdtempSync(join(tmpdir(), "accelerate-ts-control-"));
after(() => rmSync(folder, { recursive: true }));

const token = createToken();
const client = (coordinator: Coordinator, options: { token?: string; jobId?: string; tls?: TlsFiles | undefined }) =>
  CoordinatorClient.connect({ addresses: [coordinator.address], jobId, token: coordinator.token, timeoutMs: PATIENCE_MS, ...options });

test("a wrong token, no token and another job are turned away on every call, in words", async () => {
  await using job = await TestJob.start([1]);
  const cases = [
    [{ token: createToken() }, /the token is wrong/],
    [{ token: "" }, /the token is wrong|no token/],
    [{ token: job.coordinator.token.slice(0, -1) }, /the token is wrong/],
    [{ jobId: "another" }, /this is the coordinator of another job/],
  ] as const;
  for (const [options, message] of cases) {
    const stranger = await client(job.coordinator, options);
    try {
      await assert.rejects(stranger.join({ localWorkers: 1 }), { code: "ERR_CONTROL_AUTH", message });
      await assert.rejects(stranger.store.set("k", new Uint8Array(1)), { code: "ERR_CONTROL_AUTH", message });
      await assert.rejects(stranger.store.get("k"), { code: "ERR_CONTROL_AUTH" });
      await assert.rejects(stranger.store.add("k", 1), { code: "ERR_CONTROL_AUTH" });
      await assert.rejects(stranger.store.delete("k"), { code: "ERR_CONTROL_AUTH" });
    } finally {
      await stranger.close();
    }
  }
  await job.agent(0).client.store.set("k", new Uint8Array(1));
});

/** A call by hand: what an HTTP/2 client that knows the service but not the secret hears. */
async function rawCall(coordinator: Coordinator, path: string, headers: Record<string, string>, body: Uint8Array): Promise<Record<string, unknown>> {
  const session = connectHttp2(`http://${coordinator.address}`);
  session.on("error", () => {});
  try {
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc", te: "trailers", ...headers });
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, 5);
    stream.on("error", () => {});
    stream.end(frame);
    let seen: Record<string, unknown> = {};
    stream.on("response", (h) => {
      seen = { ...seen, ...h };
    });
    stream.on("trailers", (h) => {
      seen = { ...seen, ...h };
    });
    stream.resume();
    await Promise.race([once(stream, "close"), sleep(PATIENCE_MS, undefined, { ref: false })]);
    return seen;
  } finally {
    session.destroy();
  }
}

test("a call without metadata is refused before its message is read, a session without a Join is no member", async () => {
  await using job = await TestJob.start([1]);
  const { coordinator } = job;
  const path = "/accelerate.v1.Coordinator/";
  assert.equal((await rawCall(coordinator, `${path}Set`, {}, encode("SetRequest", { key: "k", value: new Uint8Array(1) })))["grpc-status"], "16");
  assert.equal((await rawCall(coordinator, `${path}Set`, {}, randomBytes(100)))["grpc-status"], "16");
  assert.equal((await rawCall(coordinator, `${path}Session`, {}, new Uint8Array(0)))["grpc-status"], "16");
  const known = { authorization: `Bearer ${coordinator.token}`, "x-accelerate-job": jobId };
  assert.equal((await rawCall(coordinator, `${path}Session`, { ...known, "x-accelerate-member": "x".repeat(32) }, new Uint8Array(0)))["grpc-status"], "9");
  assert.notEqual((await rawCall(coordinator, `${path}RunThis`, known, new Uint8Array(0)))["grpc-status"], "0");
  assert.notEqual((await rawCall(coordinator, `${path}Set`, known, randomBytes(100)))["grpc-status"], "0");
  assert.equal((await rawCall(coordinator, `${path}Set`, known, new Uint8Array(3 << 20)))["grpc-status"], "8");
  await job.agent(0).client.store.set("k", new Uint8Array(1));
});

test("two jobs on one host cannot see each other", async () => {
  await using one = await TestJob.start([1]);
  await using two = await TestJob.start([1]);
  await one.agent(0).client.store.set("secret", Buffer.from("of one"));
  await assert.rejects(two.agent(0).client.store.get("secret", { timeoutMs: 50 }), { code: "ERR_STORE_TIMEOUT" });
  const crossed = await client(two.coordinator, { token: one.coordinator.token });
  await assert.rejects(crossed.store.get("secret"), { code: "ERR_CONTROL_AUTH" });
  await crossed.close();
});

const dial = async (coordinator: Coordinator): Promise<Socket> => {
  const socket = connect({ host: "127.0.0.1", port: coordinator.port });
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
};

test("port scans, garbage, half requests and hundreds of silent connections do a running job no harm", async () => {
  await using job = await TestJob.start([1]);
  const probes = [
    "",
    "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "SSH-2.0-scan\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${"\xff".repeat(1000)}`,
    "\0".repeat(100_000),
  ];
  const sockets: Socket[] = [];
  for (const bytes of probes) {
    const socket = await dial(job.coordinator);
    socket.write(Buffer.from(bytes, "latin1"));
    sockets.push(socket);
  }
  for (let i = 0; i < 20; i++) {
    const socket = await dial(job.coordinator);
    socket.write(randomBytes(4096));
    socket.end();
    sockets.push(socket);
  }
  // Slow loris: the preface of HTTP/2, a byte at a time, never a request.
  const slow = await Promise.all(Array.from({ length: 200 }, () => dial(job.coordinator)));
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (let i = 0; i < 8; i++) {
    for (const socket of slow) socket.write(preface[i]!);
    await sleep(20);
  }
  const { store } = job.agent(0).client;
  const begin = performance.now();
  for (let i = 0; i < 50; i++) assert.equal(await store.add("alive", 1), i + 1);
  promised(performance.now() - begin, 5000);
  await sleep(1200);
  assert.deepEqual(job.agent(0).heard, []);
  for (const socket of [...sockets, ...slow]) socket.destroy();
});

test("a client that opens the port and says nothing does not keep a coordinator from closing", async () => {
  const coordinator = await startCoordinator({ hosts: 1 });
  const socket = await dial(coordinator);
  const begin = performance.now();
  await coordinator.close();
  promised(performance.now() - begin, 2000);
  socket.destroy();
});

const outside = Object.values(networkInterfaces())
  .flatMap((list) => list ?? [])
  .find((a) => !a.internal && a.family === "IPv4")?.address;

test("a bind that others can reach needs a token of the user's, and warns when it has no TLS", async () => {
  for (const host of ["0.0.0.0", "::", ...(outside ? [outside] : [])])
    await assert.rejects(Coordinator.start({ jobId, hosts: 1, host }), {
      code: "ERR_CONTROL_SECURITY",
      message: new RegExp(`would listen on ${host} without a token.*--token-file`),
    });
  const warnings: string[] = [];
  const open = await Coordinator.start({ jobId, hosts: 1, host: "0.0.0.0", token, warn: (text) => warnings.push(text) });
  assert.match(open.address, /^127\.0\.0\.1:\d+$/);
  await open.close();
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /0\.0\.0\.0 speaks without TLS/);
  for (const short of ["", "abc", "x".repeat(31), `${"x".repeat(40)} `, `${"x".repeat(40)}\n`])
    await assert.rejects(Coordinator.start({ jobId, hosts: 1, host: "0.0.0.0", token: short }), { code: "ERR_CONTROL_SECURITY", message: /holds no token/ });
  assert.deepEqual(["127.0.0.1", "127.9.9.9", "::1", "localhost", "::ffff:127.0.0.1"].map(isLoopback), [true, true, true, true, true]);
  assert.deepEqual(["0.0.0.0", "::", "10.0.0.1", "127.0.0.1.evil.com", "localhost.evil.com", "1127.0.0.1"].map(isLoopback), Array(6).fill(false));
});

test("a token file must be a file of this user's eyes only, with a token in it", async () => {
  const path = join(folder, "token");
  writeFileSync(path, `${token}\n`, { mode: 0o600 });
  assert.equal(await readTokenFile(path), token);
  const link = join(folder, "link");
  symlinkSync(path, link);
  assert.equal(await readTokenFile(link), token);
  for (const mode of [0o640, 0o604, 0o660, 0o666]) {
    chmodSync(path, mode);
    await assert.rejects(readTokenFile(path), { code: "ERR_CONTROL_SECURITY", message: new RegExp(`mode 0${mode.toString(8)}: other users .*chmod 600`) });
  }
  chmodSync(path, 0o600);
  writeFileSync(path, "short");
  await assert.rejects(readTokenFile(path), /holds no token: 32 or more/);
  writeFileSync(path, "x".repeat(5000));
  await assert.rejects(readTokenFile(path), /holds 5000 bytes: that is no token/);
  await assert.rejects(readTokenFile(join(folder, "none")), /token file .*none cannot be read/);
  await assert.rejects(readTokenFile("/dev/zero"), { code: "ERR_CONTROL_SECURITY" });
});

/** A certificate authority, and a certificate of 127.0.0.1 from it. */
function certificates(name: string, host = "IP:127.0.0.1,DNS:localhost"): Required<TlsFiles> {
  const file = (kind: string): string => join(folder, `${name}-${kind}`);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe" });
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  openssl("req", "-x509", ...curve, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-days", "2", "-subj", `/CN=ca of ${name}`);
  openssl("req", ...curve, "-keyout", file("key"), "-out", file("csr"), "-subj", "/CN=coordinator");
  writeFileSync(file("ext"), `subjectAltName=${host}\n`);
  openssl(
    "x509",
    "-req",
    "-in",
    file("csr"),
    "-CA",
    file("ca.pem"),
    "-CAkey",
    file("ca.key"),
    "-CAcreateserial",
    "-out",
    file("pem"),
    "-days",
    "2",
    "-extfile",
    file("ext"),
  );
  return { ca: readFileSync(file("ca.pem")), cert: readFileSync(file("pem")), key: readFileSync(file("key")) };
}

const hasOpenssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"], { stdio: "pipe" });
    return true;
  } catch {
    return false;
  }
})();

test("TLS: both ends show certificates; plain clients, foreign ones and those without a certificate are turned away in words", {
  skip: hasOpenssl ? false : "no openssl here to make certificates",
}, async () => {
  const own = certificates("own");
  const foreign = certificates("foreign");
  await using coordinator = await startCoordinator({ hosts: 1, tls: own });
  const agent = await Agent.connect(coordinator, { tls: own });
  await agent.join();
  await agent.client.store.set("k", new Uint8Array(1));
  const cases = [
    [undefined, /what listens there is no coordinator, or only one of the two ends uses TLS \(this one does not\)/],
    [foreign, /the coordinator at 127\.0\.0\.1/],
    [{ ca: own.ca }, /the coordinator at 127\.0\.0\.1/],
    [{ ...foreign, ca: own.ca }, /the coordinator at 127\.0\.0\.1/],
  ] as const;
  for (const [tls, message] of cases) {
    const stranger = await client(coordinator, { tls });
    await assert.rejects(stranger.join({ localWorkers: 1 }), { code: "ERR_COORDINATOR_LOST", message });
    await stranger.close();
  }
  for (const bytes of [
    "GET / HTTP/1.1\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    randomBytes(5000).toString("latin1"),
  ]) {
    const socket = await dial(coordinator);
    socket.end(Buffer.from(bytes, "latin1"));
    socket.resume();
    await once(socket, "close");
  }
  await agent.client.store.set("still", new Uint8Array(1));
  assert.deepEqual(agent.heard, []);
  await agent.client.close();
  const elsewhere = certificates("elsewhere", "IP:127.0.0.2,DNS:coordinator.accelerate-ts.invalid");
  await using wrongName = await startCoordinator({ hosts: 1, tls: elsewhere });
  const careful = await client(wrongName, { tls: elsewhere });
  await assert.rejects(careful.join({ localWorkers: 1 }), { code: "ERR_COORDINATOR_LOST", message: /127\.0\.0\.1/ });
  await careful.close();
  await using plain = await startCoordinator({ hosts: 1 });
  const misled = await client(plain, { tls: own });
  await assert.rejects(misled.join({ localWorkers: 1 }), { code: "ERR_COORDINATOR_LOST", message: /only one of the two ends uses TLS \(this one does\)/ });
  await misled.close();
});

test("certificates that do not load are said before anything is bound", async () => {
  const junk = Buffer.from("no certificate");
  for (const tls of [{ cert: junk, key: junk }, { cert: junk }, { ca: junk }])
    await assert.rejects(startCoordinator({ hosts: 1, tls }), { code: "ERR_CONTROL_SECURITY" });
  await using coordinator = await startCoordinator({ hosts: 1 });
  await assert.rejects(client(coordinator, { tls: { ca: junk } }), {
    code: "ERR_CONTROL_SECURITY",
    message: /certificate authority of this host cannot be loaded/,
  });
});
