// Weights that a file holds twice: exporters store what a product reads transposed once more, so that embeddings and the head that shares their table come apart.
import type { SourceTensor } from "../graph/onnx/source.js";

export interface Tie {
  readonly to: SourceTensor;
  /** Whether it is the other one's transpose. */
  readonly turned: boolean;
}

const numbersOf = ({ data }: SourceTensor): Float32Array => data.data as Float32Array;
/** Tables of one number alone (zeros, ones) are as they are by chance. */
const isTrivial = (numbers: Float32Array): boolean => numbers.every((x) => x === numbers[0]);

function isSame(a: SourceTensor, b: SourceTensor): boolean {
  const [x, y] = [numbersOf(a), numbersOf(b)];
  return a.data.shape.join() === b.data.shape.join() && x.every((v, i) => v === y[i]);
}
/** Whether a [m, n] is the transpose of b [n, m]; most others differ in their first numbers. */
function isTurned(a: SourceTensor, b: SourceTensor): boolean {
  const [rows, columns] = a.data.shape as readonly [number, number];
  if (a.data.shape.length !== 2 || b.data.shape.join() !== `${columns},${rows}`) return false;
  const [x, y] = [numbersOf(a), numbersOf(b)];
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) if (x[r * columns + c] !== y[c * rows + r]) return false;
  return true;
}

/** The numbers of a matrix [rows, columns], transposed. */
export function turned(numbers: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(numbers.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < columns; c++) out[c * rows + r] = numbers[r * columns + c]!;
  return out;
}

/**
 * Float32 tensors of at least two dims that hold the numbers of an earlier one, as they are or transposed.
 *
 * @param alike whether two may be one weight
 */
export function findTies(tensors: readonly SourceTensor[], alike: (a: SourceTensor, b: SourceTensor) => boolean): ReadonlyMap<SourceTensor, Tie> {
  const found = new Map<SourceTensor, Tie>();
  const bySize = new Map<number, SourceTensor[]>();
  for (const tensor of tensors) {
    const size = numbersOf(tensor).length;
    if (tensor.data.shape.length < 2 || isTrivial(numbersOf(tensor))) continue;
    const earlier = bySize.get(size) ?? [];
    const to = earlier.find((other) => alike(tensor, other) && (isSame(tensor, other) || isTurned(tensor, other)));
    if (to) found.set(tensor, { to, turned: !isSame(tensor, to) });
    else bySize.set(size, [...earlier, tensor]);
  }
  return found;
}
