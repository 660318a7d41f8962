// The numbers of a module in a file: parameters and persistent buffers by name, as safetensors.
import { AccelerateError } from "../errors.js";
import type { TensorData } from "../graph/dtype.js";
import { SafetensorsFile, saveSafetensors } from "../safetensors/index.js";
import type { ModuleBase } from "./module.js";

/** Everything of a module that a file keeps, in the order of Python's state dict: module by module, parameters before persistent buffers. Live views, not copies. */
export async function moduleTensors(module: ModuleBase): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const [name, p] of module.namedParameters()) tensors.set(name, { dtype: "float32", shape: p.shape, data: p.values() });
  for (const [name, buffer] of module.namedBuffers({ persistentOnly: true }))
    tensors.set(name, { dtype: buffer.dtype, shape: buffer.shape, data: await buffer.data() });
  const places = new Map([...module.namedModules()].map(([path], place) => [path, place]));
  /** The place of the module that holds a name; the path may go on through arrays. */
  const placeOf = (name: string): number => {
    for (let path = name; ; ) {
      path = path.slice(0, Math.max(0, path.lastIndexOf(".")));
      const place = places.get(path);
      if (place !== undefined || path === "") return place ?? 0;
    }
  };
  return new Map(
    [...tensors]
      .map((entry) => [placeOf(entry[0]), entry] as const)
      .sort(([a], [b]) => a - b)
      .map(([, entry]) => entry),
  );
}

/** A layer that may not know its sizes yet, and can learn them from the shapes of saved tensors. */
interface LazyModule {
  materializeFor(shapeOf: (field: string) => readonly number[] | undefined): void;
}
const isLazy = (module: object): module is LazyModule => "materializeFor" in module;

/** Writes a module's numbers into one file, whole or not at all. */
export async function saveModule(module: ModuleBase, file: string): Promise<void> {
  await saveSafetensors(file, await moduleTensors(module));
}

/** Reads a module's numbers from a file that has exactly its names and shapes; nothing is changed when it has not. */
export async function loadModule(module: ModuleBase, file: string): Promise<void> {
  await using opened = await SafetensorsFile.open(file);
  for (const [path, part] of module.namedModules()) {
    if (isLazy(part)) part.materializeFor((field) => opened.tensors.get(path ? `${path}.${field}` : field)?.shape);
  }
  const wanted = await moduleTensors(module);
  const missing = [...wanted.keys()].filter((name) => !opened.tensors.has(name));
  const unexpected = [...opened.tensors.keys()].filter((name) => !wanted.has(name));
  const shapes = [...wanted].flatMap(([name, { shape }]) => {
    const inFile = opened.tensors.get(name)?.shape;
    return inFile && inFile.join() !== shape.join() ? [`${name} is [${inFile.join(", ")}] in the file and [${shape.join(", ")}] in the module`] : [];
  });
  const problems = [
    missing.length && `the file lacks ${missing.join(", ")}`,
    unexpected.length && `the module has no ${unexpected.join(", ")}`,
    ...shapes,
  ].filter(Boolean);
  if (problems.length > 0) {
    throw new AccelerateError("ERR_WEIGHTS_MISMATCH", `${file} does not fit ${module.traceName}: ${problems.join("; ")}`, {
      hint: "load it into a module of the same structure",
    });
  }
  for (const [name, p] of module.namedParameters()) {
    await opened.readFloat32(name, p.values());
    p.changed();
  }
  for (const [name, buffer] of module.namedBuffers({ persistentOnly: true })) {
    const data = await buffer.data();
    const read = (await opened.read(name)).data;
    if (read.constructor !== data.constructor) throw new AccelerateError("ERR_WEIGHTS_MISMATCH", `${file}: buffer ${name} is not ${buffer.dtype}`);
    (data as Uint8Array).set(read as Uint8Array);
  }
}
