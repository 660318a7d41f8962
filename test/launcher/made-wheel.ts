// Wheels for tests: small zips written here, with the members and the RECORD of a real one.
import { createHash } from "node:crypto";
import { crc32, deflateRawSync } from "node:zlib";

export interface WheelParts {
  readonly name?: string;
  readonly version?: string;
  readonly platform?: string;
  /** Contents of the libraries by file name. */
  readonly libraries: Readonly<Record<string, Buffer>>;
  /** Changes RECORD, as damage would. */
  readonly record?: (text: string) => string;
}

/** A zip with these files, deflated. */
function zipOf(files: Readonly<Record<string, Buffer>>): Buffer {
  const [bodies, directory]: [Buffer[], Buffer[]] = [[], []];
  let offset = 0;
  for (const [name, content] of Object.entries(files)) {
    const packed = deflateRawSync(content, { level: 1 });
    const path = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0); // version
    common.writeUInt16LE(8, 4); // deflated
    common.writeUInt16LE(33, 8); // 1980-01-01
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(path.length, 22);
    bodies.push(Buffer.from("PK\u0003\u0004"), common, path, packed);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(offset, 10);
    directory.push(Buffer.from("PK\u0001\u0002"), Buffer.from([20, 0]), common, rest, path);
    offset += 4 + common.length + path.length + packed.length;
  }
  const entries = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  const count = Object.keys(files).length;
  end.writeUInt16LE(count, 4);
  end.writeUInt16LE(count, 6);
  end.writeUInt32LE(entries.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...bodies, entries, Buffer.from("PK\u0005\u0006"), end]);
}

export function wheelOf({
  name = "onnxruntime-gpu",
  version = "1.30.0",
  platform = "manylinux_2_28_x86_64",
  libraries,
  record = (text) => text,
}: WheelParts): Buffer {
  const info = `${name.replaceAll("-", "_")}-${version}.dist-info`;
  const members = Object.fromEntries(Object.entries(libraries).map(([file, content]) => [`onnxruntime/capi/${file}`, content]));
  const texts = {
    [`${info}/METADATA`]: Buffer.from(`Metadata-Version: 2.4\nName: ${name}\nVersion: ${version}\n\nName: not this one\n`),
    [`${info}/WHEEL`]: Buffer.from(`Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp312-cp312-${platform}\n`),
  };
  const lines = Object.entries({ ...members, ...texts }).map(
    ([path, content]) => `${path},sha256=${createHash("sha256").update(content).digest("base64url")},${content.length}`,
  );
  return zipOf({ ...members, ...texts, [`${info}/RECORD`]: Buffer.from(record(`${lines.join("\n")}\n${info}/RECORD,,\n`)) });
}
