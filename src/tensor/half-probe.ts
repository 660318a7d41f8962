// Whether a device computes in float16: of WebGPU's adapters some do (the feature shader-f16), and only a program tells.
import { Builder } from "../graph/builder.js";
import { Graph } from "../graph/graph.js";
import { toOnnx } from "../graph/onnx/write.js";
import type { DeviceContext } from "../runtime/device-context.js";
import { Engine } from "../runtime/engine.js";
import { EngineError } from "../runtime/engine-error.js";

const asked = new WeakMap<DeviceContext, Promise<boolean>>();

/** Asked once per opened device, when somebody wants to know: a program of three nodes is run. */
export function computesHalf(context: DeviceContext): Promise<boolean> {
  if (context.device.type !== "webgpu") return Promise.resolve(true);
  let answer = asked.get(context);
  if (!answer) {
    answer = probe(context);
    asked.set(context, answer);
    answer.catch(() => asked.delete(context));
  }
  return answer;
}

async function probe(context: DeviceContext): Promise<boolean> {
  const graph = new Graph();
  const b = new Builder(graph);
  const x = b.cast(graph.input("x", "float32", [1]), "float16");
  graph.output(b.cast(b.add(x, x), "float32"));
  const session = await Engine.default().createSession(toOnnx(graph), { name: "float16", device: context, hostNodes: "refuse" });
  const arrays = [1, 2].map(() => context.allocate("float32", [1]));
  const [from, into] = arrays as [(typeof arrays)[0], (typeof arrays)[0]];
  try {
    const binding = session.createBinding();
    binding.bindInput(0, from, [1]);
    binding.bindOutput(0, into, [1]);
    await binding.run();
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.code === "ERR_RUN" && /\bf16\b/i.test(error.message)) return false;
    throw error;
  } finally {
    await session.close();
    for (const array of arrays) context.free(array);
  }
}
