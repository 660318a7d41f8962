// The file that a model was read from, without the numbers that are trained: what is left is written back byte for byte, with new numbers in their places.
import { AccelerateError } from "../errors.js";
import type { SourceTensor } from "../graph/onnx/source.js";

/** Numbers of a tensor, from one byte of them to another. */
interface Hole {
  readonly tensor: string;
  readonly from: number;
  readonly to: number;
}
interface Place extends Hole {
  readonly offset: number;
}
type Part = Uint8Array | Hole;

/** The places of tensors in a file, in order. @throws AccelerateError ERR_IMPORT_PLACES where two of them overlap */
function placesIn(tensors: readonly SourceTensor[], location: string | undefined): readonly Place[] {
  const places: Place[] = [];
  for (const { name, places: all } of tensors) {
    let from = 0;
    for (const place of all) {
      const to = from + place.length;
      if (place.location === location && place.length > 0) places.push({ tensor: name, offset: place.offset, from, to });
      from = to;
    }
  }
  places.sort((a, b) => a.offset - b.offset);
  for (const [i, b] of places.entries()) {
    const a = places[i - 1];
    if (a && a.offset + a.to - a.from > b.offset)
      throw new AccelerateError("ERR_IMPORT_PLACES", `${a.tensor} and ${b.tensor} lie in the same bytes, in part`, {
        hint: "write the model again with onnx.save",
      });
  }
  return places;
}

/** One file with holes. */
export class OriginalFile {
  readonly #parts: Part[] = [];

  /** @param location the name by which the model calls the file; undefined for the model itself */
  constructor(bytes: Uint8Array, tensors: readonly SourceTensor[], location: string | undefined) {
    let end = 0;
    for (const { offset, tensor, from, to } of placesIn(tensors, location)) {
      this.#keep(bytes, end, offset);
      this.#parts.push({ tensor, from, to });
      end = offset + to - from;
    }
    this.#keep(bytes, end, bytes.length);
  }

  // Copies: the file's own bytes are to be freed.
  #keep(bytes: Uint8Array, from: number, to: number): void {
    if (to > from) this.#parts.push(bytes.slice(from, to));
  }

  /** The file, part by part, with the numbers that each tensor has now. */
  *filled(numbers: (tensor: string) => Float32Array): Generator<Uint8Array> {
    for (const part of this.#parts) {
      if (part instanceof Uint8Array) yield part;
      else {
        const { buffer, byteOffset } = numbers(part.tensor);
        yield new Uint8Array(buffer as ArrayBuffer, byteOffset + part.from, part.to - part.from);
      }
    }
  }
}
