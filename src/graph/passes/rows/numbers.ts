// Small tensors of plain numbers, and what may be done to them: the arithmetic behind conditions on data.

/** Row-major numbers; booleans are 0 and 1. */
export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
export const numbers = (shape: readonly number[], data: Float64Array = new Float64Array(sizeOf(shape))): Numbers => ({ shape, data });
export const vector = (values: readonly number[]): Numbers => numbers([values.length], Float64Array.from(values));

/** Elements to go forward per step of each dim. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = strides[i + 1]! * shape[i + 1]!;
  return strides;
}

export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, i) => shapes.reduce((d, s) => ((s[i - rank + s.length] ?? 1) === 1 ? d : s[i - rank + s.length]!), 1));
}

/** The numbers repeated to a shape that theirs broadcasts to. */
export function expandTo(x: Numbers, shape: readonly number[]): Numbers {
  const size = sizeOf(shape);
  if (x.data.length === size) return numbers(shape, x.data);
  if (x.data.length === 1) return numbers(shape, new Float64Array(size).fill(x.data[0]!));
  const own = stridesOf(x.shape);
  const extra = shape.length - x.shape.length;
  const strides = shape.map((_, i) => (i < extra || x.shape[i - extra] === 1 ? 0 : own[i - extra]!));
  return pick(x, shape, 0, strides);
}

/** The elements at `start` plus the sum of index times stride. */
export function pick(x: Numbers, shape: readonly number[], start: number, strides: readonly number[]): Numbers {
  const out = new Float64Array(sizeOf(shape));
  const index = new Array<number>(shape.length).fill(0);
  let from = start;
  for (let at = 0; at < out.length; at++) {
    out[at] = x.data[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
  return numbers(shape, out);
}

export function map(x: Numbers, f: (a: number) => number): Numbers {
  const out = new Float64Array(x.data.length);
  for (let i = 0; i < out.length; i++) out[i] = f(x.data[i]!);
  return numbers(x.shape, out);
}

/** Of two operands under broadcasting. */
export function zip(x: Numbers, y: Numbers, f: (a: number, b: number) => number): Numbers {
  const shape = broadcastShape(x.shape, y.shape);
  const out = new Float64Array(sizeOf(shape));
  if (y.data.length === 1 && x.data.length === out.length) {
    const b = y.data[0]!;
    for (let i = 0; i < out.length; i++) out[i] = f(x.data[i]!, b);
    return numbers(shape, out);
  }
  const [a, b] = [expandTo(x, shape).data, expandTo(y, shape).data];
  for (let i = 0; i < out.length; i++) out[i] = f(a[i]!, b[i]!);
  return numbers(shape, out);
}

export function choose(condition: Numbers, x: Numbers, y: Numbers): Numbers {
  const shape = broadcastShape(condition.shape, x.shape, y.shape);
  const [c, a, b] = [condition, x, y].map((v) => expandTo(v, shape).data) as [Float64Array, Float64Array, Float64Array];
  const out = new Float64Array(c.length);
  for (let i = 0; i < out.length; i++) out[i] = c[i] !== 0 ? a[i]! : b[i]!;
  return numbers(shape, out);
}

/** Folds one axis away: `f` gets the numbers along it. */
export function fold(x: Numbers, axis: number, keep: boolean, f: (line: Float64Array) => number): Numbers {
  const length = x.shape[axis]!;
  const inner = sizeOf(x.shape.slice(axis + 1));
  const outer = sizeOf(x.shape.slice(0, axis));
  const out = new Float64Array(outer * inner);
  const line = new Float64Array(length);
  for (let o = 0; o < outer; o++)
    for (let i = 0; i < inner; i++) {
      for (let k = 0; k < length; k++) line[k] = x.data[(o * length + k) * inner + i]!;
      out[o * inner + i] = f(line);
    }
  return numbers([...x.shape.slice(0, axis), ...(keep ? [1] : []), ...x.shape.slice(axis + 1)], out);
}

/** Along one axis, the sum of all numbers up to and with each. */
export function runningSum(x: Numbers, axis: number): Numbers {
  const inner = sizeOf(x.shape.slice(axis + 1));
  const length = x.shape[axis]!;
  const out = Float64Array.from(x.data);
  for (let at = 0; at < out.length; at++) if (Math.floor(at / inner) % length !== 0) out[at]! += out[at - inner]!;
  return numbers(x.shape, out);
}

/** Parts along an axis, one after the other. */
export function join(parts: readonly Numbers[], axis: number): Numbers {
  const first = parts[0]!;
  const shape = first.shape.map((d, i) => (i === axis ? parts.reduce((sum, p) => sum + p.shape[axis]!, 0) : d));
  const inner = sizeOf(shape.slice(axis + 1));
  const out = new Float64Array(sizeOf(shape));
  let at = 0;
  for (let o = 0; o < sizeOf(shape.slice(0, axis)); o++)
    for (const p of parts) {
      const block = p.shape[axis]! * inner;
      out.set(p.data.subarray(o * block, (o + 1) * block), at);
      at += block;
    }
  return numbers(shape, out);
}

/** Slices at indices along an axis: ONNX's Gather. */
export function take(x: Numbers, indices: Numbers, axis: number): Numbers {
  const inner = sizeOf(x.shape.slice(axis + 1));
  const length = x.shape[axis]!;
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  const out = new Float64Array(sizeOf(shape));
  let at = 0;
  for (let o = 0; o < sizeOf(x.shape.slice(0, axis)); o++)
    for (const index of indices.data) {
      const from = (o * length + (index < 0 ? index + length : index)) * inner;
      out.set(x.data.subarray(from, from + inner), at);
      at += inner;
    }
  return numbers(shape, out);
}

/** Places of the numbers that are not 0, as ONNX's NonZero: [rank, n]. */
export function nonZero(x: Numbers): Numbers {
  const strides = stridesOf(x.shape);
  const found: number[] = [];
  for (let at = 0; at < x.data.length; at++) if (x.data[at] !== 0) found.push(at);
  const out = numbers([x.shape.length, found.length]);
  for (const [i, at] of found.entries())
    for (const [axis, stride] of strides.entries()) out.data[axis * found.length + i] = Math.floor(at / stride) % x.shape[axis]!;
  return out;
}
