// The field table and its codec against proto/control.proto in protobufjs' own reflection.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fc } from "../support/properties.js";
import protobuf from "protobufjs";
import { decode, encode } from "../../src/control/codec.js";
import { ControlError } from "../../src/control/errors.js";
import { metadataKeys, methods } from "../../src/control/grpc.js";
import type { Messages } from "../../src/control/messages.js";
import { failureKinds, faultCodes, type MessageName, schema, workerStates } from "../../src/control/schema.js";
import { packageRoot } from "../../src/package-root.js";

const text = readFileSync(join(packageRoot(), "proto/control.proto"), "utf8");
const { root } = protobuf.parse(text);
const { nested } = root.lookup("accelerate.v1") as protobuf.Namespace;
const declared = Object.values(nested!);
const types = declared.filter((t) => t instanceof protobuf.Type);
const enums = declared.filter((t) => t instanceof protobuf.Enum);
const names = Object.keys(schema) as MessageName[];

test("the field table holds the messages and fields of proto/control.proto, no more and no fewer", () => {
  assert.deepEqual([...names].sort(), types.map((t) => t.name).sort());
  for (const type of types) {
    const fields = schema[type.name as MessageName];
    assert.deepEqual(fields.map((f) => f.name).sort(), Object.keys(type.fields).sort(), type.name);
    for (const field of fields) {
      const there = type.fields[field.name]!;
      const where = `${type.name}.${field.name}`;
      assert.equal(field.number, there.id, where);
      assert.equal(field.presence === "many", there.repeated, where);
      const isEnum = enums.some((e) => e.name === there.type);
      assert.equal(field.type, isEnum ? "uint32" : there.type, where);
      if (field.presence === "one") assert.ok(!there.options?.proto3_optional, `${where} is optional in the proto file`);
      if (field.presence === "maybe")
        assert.ok(there.options?.proto3_optional || there.partOf || names.includes(field.type as MessageName), `${where} has no presence`);
    }
  }
});

test("enums are SCREAMING, begin with _UNSPECIFIED = 0, and have the numbers that the code uses", () => {
  const used: Readonly<Record<string, readonly number[]>> = {
    FaultCode: Object.values(faultCodes),
    WorkerState: Object.values(workerStates),
    FailureKind: Object.values(failureKinds),
  };
  for (const { name, values } of enums) {
    const prefix = name.replace(/(?<!^)([A-Z])/g, "_$1").toUpperCase();
    assert.equal(values[`${prefix}_UNSPECIFIED`], 0, name);
    for (const value of Object.keys(values)) assert.match(value, new RegExp(`^${prefix}_[A-Z_]+$`));
    assert.deepEqual(Object.values(values).sort(), [0, ...used[name]!].sort(), name);
  }
  assert.equal((enums.find((e) => e.name === "FaultCode")!.values as Record<string, number>).FAULT_CODE_PEER_LOST, faultCodes.ERR_PEER_LOST);
  assert.equal((enums.find((e) => e.name === "WorkerState")!.values as Record<string, number>).WORKER_STATE_NATIVE_CALL, workerStates["native call"]);
});

test("the service has the calls of proto/control.proto, with their messages and streams", () => {
  const service = declared.find((t) => t instanceof protobuf.Service)!;
  assert.deepEqual(
    Object.fromEntries(
      Object.values(service.methods).map((m) => [
        m.name,
        { request: m.requestType, reply: m.responseType, stream: Boolean(m.requestStream && m.responseStream) },
      ]),
    ),
    methods,
  );
  for (const key of Object.values(metadataKeys)) assert.ok(text.includes(key), `${key} is not described in the proto file`);
});

/** Any message of a type, with all kinds of values. */
const anyMessage = (name: MessageName): fc.Arbitrary<Record<string, unknown>> => {
  const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    uint32: fc.nat({ max: 2 ** 32 - 1 }),
    int32: fc.integer(),
    uint64: fc.maxSafeNat(),
    int64: fc.maxSafeInteger(),
    bool: fc.boolean(),
    string: fc.string({ unit: "grapheme", maxLength: 20 }),
    bytes: fc.uint8Array({ maxLength: 20 }).map((b) => new Uint8Array(b)),
  };
  return fc.record(
    Object.fromEntries(
      schema[name].map(({ name: key, type, presence }) => {
        const value = scalars[type] ?? anyMessage(type as MessageName);
        return [key, presence === "many" ? fc.array(value, { maxLength: 3 }) : presence === "maybe" ? fc.option(value, { nil: undefined }) : value];
      }),
    ),
  );
};
const plain = (value: unknown): unknown =>
  value instanceof Uint8Array
    ? Buffer.from(value).toString("hex")
    : Array.isArray(value)
      ? value.map(plain)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).flatMap(([k, v]) => (v === undefined ? [] : [[k, plain(v)]])))
        : value;

test("what one end writes the other reads, and protobufjs reads and writes the same by the proto file", () => {
  for (const name of ["JoinRequest", "AgentMessage", "CoordinatorMessage", "WorkerFrame", "AgentFrame", "GetReply"] as const) {
    const type = root.lookupType(`accelerate.v1.${name}`);
    fc.assert(
      fc.property(anyMessage(name), (message) => {
        const bytes = encode(name, message as never as Messages[typeof name]);
        assert.deepEqual(plain(decode(name, bytes)), plain(message));
        const again = type.encode(type.decode(bytes)).finish();
        assert.deepEqual(plain(decode(name, again)), plain(message));
      }),
      { numRuns: 60 },
    );
  }
});

test("bytes that are no message are a typed error, whatever they are", () => {
  fc.assert(
    fc.property(fc.constantFrom(...names), fc.uint8Array({ maxLength: 200 }), (name, bytes) => {
      try {
        decode(name, bytes);
      } catch (error) {
        assert.ok(error instanceof ControlError && error.code === "ERR_CONTROL_MALFORMED", String(error));
      }
    }),
    { numRuns: 2000 },
  );
  const valid = encode("Welcome", { rank: 1, worldSize: 2, localRank: 1, localWorldSize: 2, host: 0, hosts: 1, hostOfRank: [0, 0], address: "127.0.0.1" });
  for (let cut = 1; cut < valid.length; cut++)
    try {
      decode("Welcome", valid.subarray(0, cut));
    } catch (error) {
      assert.ok(error instanceof ControlError);
    }
  // A length of 4 GB, a group nested without an end, 100,000 items in one list.
  for (const hostile of [
    Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    Buffer.alloc(200_000, 0x7b),
    Buffer.concat([Buffer.from([0x3a, 0xa0, 0x8d, 0x06]), Buffer.alloc(100_000)]),
  ])
    assert.throws(() => decode("Welcome", hostile), { code: "ERR_CONTROL_MALFORMED" });
  assert.throws(() => encode("AddRequest", { key: "k", amount: 2 ** 53 }), RangeError);
});
