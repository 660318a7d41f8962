// Finds a node's tensors in an encoded model, for error messages: a scan of the protobuf that decodes nothing else.
import type { NodeTensors } from "./engine-error.js";

interface Field {
  readonly number: number;
  /** The content of a length-delimited field; undefined for numbers. */
  readonly bytes: Uint8Array | undefined;
}

function* fields(data: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; at < data.length; scale *= 128) {
      const byte = data[at++]!;
      value += (byte & 127) * scale;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < data.length) {
    const key = varint();
    const wire = key & 7;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire === 0) varint();
    else if (wire > 2 && wire !== 5) return; // groups: not in ONNX
    yield { number: Math.floor(key / 8), bytes: wire === 2 ? data.subarray(at, at + length) : undefined };
    at += length;
  }
}

// Field numbers of onnx.proto: ModelProto.graph 7, GraphProto.node 1, NodeProto.input 1, .output 2, .name 3.
const names = (node: Uint8Array, field: number): string[] => {
  const decoder = new TextDecoder();
  return [...fields(node)].filter((entry) => entry.number === field && entry.bytes).map((entry) => decoder.decode(entry.bytes));
};

/** The tensors of the node with that name in the top graph; undefined when there is none (ONNX Runtime may have fused or added it). */
export function nodeTensors(model: Uint8Array, name: string): NodeTensors | undefined {
  for (const graph of fields(model)) {
    if (graph.number !== 7 || !graph.bytes) continue;
    for (const node of fields(graph.bytes)) {
      if (node.number === 1 && node.bytes && names(node.bytes, 3)[0] === name) return { inputs: names(node.bytes, 1), outputs: names(node.bytes, 2) };
    }
  }
  return undefined;
}
