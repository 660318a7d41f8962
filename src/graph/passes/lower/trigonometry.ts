// Sine and cosine by sums and products: those of WGSL need only be right to 2^-11, which is too little for positions that turn queries and keys.
import type { Builder } from "../../builder.js";
import type { Value } from "../../graph.js";
import type { Form } from "./forms.js";

/** pi / 2 in three parts, the first two with so few digits that their products with numbers of turns up to 2^13 are exact (Cody and Waite; the parts are those of Moshier's cephes, sinf.c). */
const halfPi = [1.5703125, 4.837512969970703e-4, 7.54978995489188e-8] as const;
/** Of r^3, r^5, r^7; and of r^4, r^6, r^8: least error on [-pi/4, pi/4] (cephes, sinf.c). */
const sineOf = [-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4] as const;
const cosineOf = [4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5] as const;

/** c0 + x * (c1 + x * c2) */
const polynomial = (b: Builder, x: Value, [c0, c1, c2]: readonly [number, number, number]): Value =>
  b.addScalar(b.mul(b.addScalar(b.mulScalar(x, c2), c1), x), c0);

/** x = quarter * pi / 2 + r: by the quarter it is one of sin(r), cos(r), -sin(r), -cos(r); `ahead` quarters further on for a cosine. */
const turned =
  (ahead: 0 | 1): Form =>
  (b, _, [given]) => {
    const { dtype } = given!;
    if (dtype === "float64") return undefined;
    const x = dtype === "float32" ? given! : b.cast(given!, "float32");
    const quarter = b.unary("Floor", b.addScalar(b.mulScalar(x, 2 / Math.PI), 0.5));
    const r = halfPi.reduce((rest, part) => b.sub(rest, b.mulScalar(quarter, part)), x);
    const square = b.mul(r, r);
    const sine = b.add(r, b.mul(b.mul(r, square), polynomial(b, square, sineOf)));
    const cosine = b.addScalar(b.sub(b.mul(b.mul(square, square), polynomial(b, square, cosineOf)), b.mulScalar(square, 0.5)), 1);
    const at = ahead === 0 ? quarter : b.addScalar(quarter, ahead);
    const half = b.unary("Floor", b.mulScalar(at, 0.5));
    const odd = b.sub(at, b.mulScalar(half, 2));
    const back = b.sub(half, b.mulScalar(b.unary("Floor", b.mulScalar(half, 0.5)), 2));
    const y = b.mul(b.where(b.op("Greater", [odd, b.scalar(0.5, "float32")]), cosine, sine), b.addScalar(b.mulScalar(back, -2), 1));
    return [dtype === "float32" ? y : b.cast(y, dtype)];
  };

export const sine: Form = turned(0);
export const cosine: Form = turned(1);
