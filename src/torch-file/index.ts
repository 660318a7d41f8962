// Reads what torch.save wrote: state dicts as ZIP archives, and as the row of pickles from before PyTorch 1.6. Nothing in a file is ever executed.
import { openLegacyFile, openZipArchive } from "./archive.js";
import { faultOf } from "./error.js";
import { plainValue, type TorchValue } from "./plain.js";
import { FileSource } from "./source.js";
import { StoredTensor, tensorsIn, type TorchTensor } from "./tensors.js";

export type { TorchValue } from "./plain.js";
export { TorchFileError, type TorchFileErrorCode } from "./error.js";
export type { TorchTensor } from "./tensors.js";
export type { TorchArray, TorchDType } from "./values.js";

const headBytes = 262;
/** "ustar" of a tar header: torch.save's first format. */
const tarMagic = { at: 257, text: "ustar" };
const text = (bytes: Uint8Array, at: number, length: number): string => String.fromCharCode(...bytes.subarray(at, at + length));

/**
 * The tensors in a file of torch.save, by name (`encoder.weight`; those of dicts within dicts as `state_dict.encoder.weight`). Only plain containers and tensors can be in it: a name of code
 * besides is an error, never a call. Elements are read when they are asked for, by positioned reads, so a big file costs no memory until then.
 *
 * @throws TorchFileError with code ERR_TORCH_FILE_*, for a file that is damaged, cut off, too large in what it announces, or of another kind
 * @example
 * const tensors = await readTorchFile("pretrained.params");
 * for (const [name, { dtype, shape }] of tensors) console.log(name, dtype, shape);
 * const table = await tensors.get("encoder.token_embedding.weight")!.readFloat32();
 */
export async function readTorchFile(file: string): Promise<ReadonlyMap<string, TorchTensor>> {
  const { value, source, readStorage, fault } = await opened(file);
  return new Map([...tensorsIn(value, fault)].map(([name, note]) => [name, new StoredTensor(name, note, source, readStorage)]));
}

/**
 * Everything in a file of torch.save, numbers and texts among its tensors: the state of an optimizer, say.
 *
 * @throws TorchFileError as `readTorchFile`
 * @example
 * const state = (await readTorchValue("checkpoint-500/scheduler.pt")) as ReadonlyMap<string, TorchValue>;
 * console.log(state.get("last_epoch"));
 */
export async function readTorchValue(file: string): Promise<TorchValue> {
  const { value, source, readStorage, fault } = await opened(file);
  return plainValue(value, (name, note) => new StoredTensor(name, note, source, readStorage), fault);
}

async function opened(file: string) {
  const fault = faultOf(file);
  const source = new FileSource(file, fault);
  const archive = await source.open(async (bytes) => {
    const head = new Uint8Array(Math.min(bytes.size, headBytes));
    await bytes.read(head, 0);
    if (text(head, 0, 4) === "PK\x03\x04") return openZipArchive(bytes, fault);
    if (text(head, 0, 1) === "\x80") return openLegacyFile(bytes, fault);
    if (text(head, tarMagic.at, tarMagic.text.length) === tarMagic.text)
      throw fault("ERR_TORCH_FILE_FORMAT", "a tar archive, as torch.save wrote before PyTorch 0.1.10", { hint: "load and save it again with a newer PyTorch" });
    throw fault("ERR_TORCH_FILE_FORMAT", "no file of torch.save", {
      offset: 0,
      hint: head.length === 0 ? "it is empty; download it again" : "give a .pt, .pth, .bin or .params file",
    });
  });
  return { ...archive, source, fault };
}
