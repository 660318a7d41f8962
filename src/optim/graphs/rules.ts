// The updates of optimizers as graphs, with the constants and in the order of the kernels (src/native/kernels/optimizer.h, adafactor.h).
import type { Value } from "../../graph/graph.js";
import type { UpdateRule } from "../device-updates.js";
import type { Terms } from "./terms.js";

/** A parameter before an update. */
export interface Before {
  readonly value: Value;
  readonly gradient: Value;
  /** By name; those that the parameter has. */
  readonly states: Readonly<Record<string, Value>>;
}
/** And behind it. */
export interface After {
  readonly value: Value;
  readonly states: Readonly<Record<string, Value>>;
}

export interface RuleGraph {
  /** Fields whose 0 or 1 make another graph. All others are fed whatever they are: they change from step to step. */
  readonly folds: readonly string[];
  /** Whether each element is updated by itself: flat ranges are as good as parameters. */
  readonly elementwise: boolean;
  /**
   * What must not be written where it was read ("value", names of states): a node that reads it may come behind the one that writes it. All else is read only by nodes that the writing one
   * depends on.
   */
  readonly apart?: readonly string[];
  /** States that are written and not read: no inputs. The value stands for them. */
  readonly unread?: readonly string[];
  emit(t: Terms, before: Before): After;
}

/** gradScale * gradient + l2 * p */
const gradientOf = (t: Terms, { value, gradient }: Before): Value => t.plus(t.times("gradScale", gradient), "l2", value);

export const ruleGraphs: { readonly [R in UpdateRule]: RuleGraph } = {
  adam: {
    folds: ["l2", "decayBefore", "decayAfter"],
    elementwise: true,
    emit(t, before) {
      const g = gradientOf(t, before);
      const { exp_avg, exp_avg_sq } = before.states;
      const m = t.b.add(exp_avg!, t.times("oneMinusBeta1", t.b.sub(g, exp_avg!)));
      const v = t.b.add(t.times("beta2", exp_avg_sq!), t.times("oneMinusBeta2", t.square(g)));
      const root = t.b.add(t.times("rootScale", t.sqrt(v)), t.constant("eps"));
      const step = t.b.div(t.times("stepSize", m), root);
      return { value: t.times("decayAfter", t.b.sub(t.times("decayBefore", before.value), step)), states: { exp_avg: m, exp_avg_sq: v } };
    },
  },
  sgd: {
    folds: ["l2", "momentum", "oneMinusDampening", "gFactor", "bFactor"],
    elementwise: true,
    emit(t, before) {
      const g = gradientOf(t, before);
      const { momentum_buffer } = before.states;
      if (!momentum_buffer) return { value: t.b.sub(before.value, t.times("lr", t.times("gFactor", g))), states: {} };
      const b = t.is("oneMinusDampening", 0) ? t.times("momentum", momentum_buffer) : t.scaled("momentum", momentum_buffer, t.times("oneMinusDampening", g));
      const step = t.is("gFactor", 0) ? t.times("bFactor", b) : t.plus(t.times("gFactor", g), "bFactor", b);
      return { value: t.b.sub(before.value, t.times("lr", step)), states: { momentum_buffer: b } };
    },
  },
  rmsprop: {
    folds: ["l2"],
    elementwise: true,
    emit(t, before) {
      const g = gradientOf(t, before);
      const { square_avg, momentum_buffer, grad_avg } = before.states;
      const s = t.b.add(t.times("alpha", square_avg!), t.times("oneMinusAlpha", t.square(g)));
      const a = grad_avg && t.b.add(grad_avg, t.times("oneMinusAlpha", t.b.sub(g, grad_avg)));
      const r = t.b.div(g, t.b.add(t.sqrt(a ? t.b.sub(s, t.square(a)) : s), t.constant("eps")));
      const b = momentum_buffer && t.scaled("momentum", momentum_buffer, r);
      return {
        value: t.b.sub(before.value, t.times("lr", b ?? r)),
        states: { square_avg: s, ...(b && { momentum_buffer: b }), ...(a && { grad_avg: a }) },
      };
    },
  },
  adagrad: {
    folds: ["l2", "initial"],
    elementwise: true,
    emit(t, before) {
      const g = gradientOf(t, before);
      const sum = t.b.add(t.addTo(before.states.sum!, "initial"), t.square(g));
      return { value: t.b.sub(before.value, t.b.div(t.times("stepSize", g), t.b.add(t.sqrt(sum), t.constant("eps")))), states: { sum } };
    },
  },
  lion: {
    folds: ["decay"],
    elementwise: true,
    apart: ["exp_avg"],
    emit(t, before) {
      const g = t.times("gradScale", before.gradient);
      const { exp_avg } = before.states;
      const direction = t.sign(t.b.add(t.times("beta1", exp_avg!), t.times("oneMinusBeta1", g)));
      const m = t.b.add(t.times("beta2", exp_avg!), t.times("oneMinusBeta2", g));
      return { value: t.b.sub(t.times("decay", before.value), t.times("lr", direction)), states: { exp_avg: m } };
    },
  },
  adafactor: {
    folds: ["scales", "weightDecay"],
    elementwise: false,
    apart: ["value"],
    unread: ["RMS"],
    emit(t, before) {
      const { value, states } = before;
      const { exp_avg, exp_avg_sq_row, exp_avg_sq_col, exp_avg_sq, RMS } = states;
      const after: Record<string, Value> = {};
      const rms = RMS && t.sqrt(t.mean(t.square(value), undefined));
      if (rms) after.RMS = rms;
      const lr = rms && t.is("scales", 1) ? t.times("lr", t.b.op("Max", [rms, t.constant("epsScale")])) : t.constant("lr");
      const g = t.times("gradScale", before.gradient);
      const squares = t.addTo(t.square(g), "epsSquare");
      const average = (old: Value, now: Value): Value => t.b.add(t.times("beta2", old), t.times("oneMinusBeta2", now));
      let u: Value;
      if (exp_avg_sq_row && exp_avg_sq_col) {
        const last = value.shape.length - 1;
        // With the reduced dim kept, so that they broadcast.
        const [wide, tall] = [t.b.op("Unsqueeze", [exp_avg_sq_row, t.b.int64([last])]), t.b.op("Unsqueeze", [exp_avg_sq_col, t.b.int64([last - 1])])];
        const [rows, columns] = [average(wide, t.mean(squares, [last])), average(tall, t.mean(squares, [last - 1]))];
        after.exp_avg_sq_row = t.b.op("Reshape", [rows, t.b.shapeOf(exp_avg_sq_row)]);
        after.exp_avg_sq_col = t.b.op("Reshape", [columns, t.b.shapeOf(exp_avg_sq_col)]);
        u = t.b.div(t.b.div(g, t.sqrt(t.b.div(rows, t.mean(rows, [last - 1])))), t.sqrt(columns));
      } else {
        after.exp_avg_sq = average(exp_avg_sq!, squares);
        u = t.b.div(g, t.sqrt(after.exp_avg_sq));
      }
      const size = t.sqrt(t.mean(t.square(u), undefined));
      const limited = t.b.op("Max", [t.b.div(size, t.constant("clipThreshold")), t.b.scalar(1, "float32")]);
      u = t.b.mul(u, t.b.div(lr, limited));
      if (exp_avg) {
        u = t.b.add(t.times("beta1", exp_avg), t.times("oneMinusBeta1", u));
        after.exp_avg = u;
      }
      const kept = t.is("weightDecay", 0) ? value : t.b.sub(value, t.b.mul(value, t.times("weightDecay", lr)));
      return { value: t.b.sub(kept, u), states: after };
    },
  },
};
