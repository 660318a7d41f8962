// The coordinator's store: values, counters, waits, limits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { KeyValues } from "../../src/control/key-values.js";

const bytes = (text: string): Uint8Array => Buffer.from(text);
const text = (value: Uint8Array | undefined): string | undefined => value && Buffer.from(value).toString();

test("a value is there for all who wait for it, in a copy that the caller's later writes do not reach", async () => {
  const store = new KeyValues();
  const waits = [store.get("a", 1000), store.get("a", 1000)];
  const value = bytes("one");
  store.set("a", value);
  value.fill(0);
  assert.deepEqual((await Promise.all(waits)).map(text), ["one", "one"]);
  assert.equal(text(await store.get("a", 0)), "one");
});

test("a wait ends at its time, at its signal and when the store closes", async () => {
  const store = new KeyValues();
  assert.equal(await store.get("a", 20), undefined);
  const cancel = new AbortController();
  const waits = [store.get("a", 60_000, cancel.signal), store.get("a", 60_000)];
  cancel.abort();
  assert.equal(await waits[0], undefined);
  store.close();
  assert.equal(await waits[1], undefined);
});

test("a deleted key is waited for anew, and its room is free again", async () => {
  const store = new KeyValues({ keys: 1, totalBytes: 10 });
  store.set("key", bytes("1234567"));
  assert.throws(() => store.set("other", bytes("")), { code: "ERR_CONTROL_LIMIT" });
  store.delete("key");
  store.delete("key");
  const wait = store.get("key", 1000);
  store.set("key", bytes("7654321"));
  assert.equal(text(await wait), "7654321");
  assert.equal(store.size, 1);
});

test("counters begin at 0, are text for get, and refuse what is no number", async () => {
  const store = new KeyValues();
  assert.equal(store.add("n", 3), 3);
  assert.equal(store.add("n", -5), -2);
  assert.equal(text(await store.get("n", 0)), "-2");
  store.set("v", bytes("x"));
  assert.throws(() => store.add("v", 1), /"v" holds 1 bytes that are no counter/);
  store.set("big", bytes(String(Number.MAX_SAFE_INTEGER)));
  assert.throws(() => store.add("big", 1), { code: "ERR_CONTROL_LIMIT" });
});

test("keys, values, numbers and waits beyond the limits are refused with the figures", async () => {
  const store = new KeyValues({ keyBytes: 8, valueBytes: 16, keys: 3, totalBytes: 40, waits: 1 });
  assert.throws(() => store.set("", bytes("x")), { code: "ERR_CONTROL_MALFORMED" });
  assert.throws(() => store.set("a key of 19 bytes..", bytes("x")), /has 19 bytes, 8 at most/);
  assert.throws(() => store.set("ääääü", bytes("x")), /has 10 bytes/);
  assert.throws(() => store.set("k", new Uint8Array(17)), /"k" has 17 bytes, 16 at most/);
  store.set("a", new Uint8Array(16));
  store.set("b", new Uint8Array(16));
  assert.throws(() => store.set("c", new Uint8Array(6)), /would hold 41 bytes with "c", 40 at most/);
  store.set("c", new Uint8Array(1));
  assert.throws(() => store.set("d", new Uint8Array(1)), /holds 3 keys/);
  const wait = store.get("d", 50);
  await assert.rejects(async () => store.get("d", 50), { code: "ERR_CONTROL_LIMIT" });
  await wait;
});

test("keys that are names of an object's own parts are keys like others", async () => {
  const store = new KeyValues();
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    assert.equal(await store.get(key, 0), undefined);
    store.set(key, bytes(key));
    assert.equal(text(await store.get(key, 0)), key);
  }
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
});

test("thousands of waits that end leave no timer behind", async () => {
  const store = new KeyValues();
  const waits = Array.from({ length: 5000 }, (_, i) => store.get(`k/${i}`, 60_000));
  for (let i = 0; i < waits.length; i++) store.set(`k/${i}`, bytes(""));
  await Promise.all(waits);
  await sleep(1);
  assert.ok(!process.getActiveResourcesInfo().includes("Timeout"));
});
