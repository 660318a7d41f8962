// A training step of a small MLP or CNN in jax-js, compiled by its jit. For the packages see small_step_tfjs.mjs.
//   node bench/peers/small_step_jaxjs.mjs --packages peers --model mlp [--steps 10] [--batch 32]
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    packages: { type: "string", default: "." },
    model: { type: "string", default: "mlp" },
    steps: { type: "string", default: "10" },
    batch: { type: "string", default: "32" },
  },
});
const require = createRequire(resolve(args.packages, "package.json"));
const jax = await import(pathToFileURL(require.resolve("@jax-js/jax").replace(/\.cjs$/, ".js")).href);
const { jit, lax, nn, numpy: np, valueAndGrad } = jax;
await jax.init("wasm");
jax.defaultDevice("wasm");

const N = Number(args.batch);
const uniform = (shape, low, high) => {
  const size = shape.reduce((a, b) => a * b, 1);
  return np.array(Float32Array.from({ length: size }, () => low + (high - low) * Math.random())).reshape(shape);
};
const parameter = (shape, fan) => uniform(shape, -1 / Math.sqrt(fan), 1 / Math.sqrt(fan));
const dense = (x, w, b) => np.matmul(x, w).add(b);
const models = {
  mlp: {
    x: uniform([N, 784], 0, 1),
    parameters: [
      parameter([784, 256], 784),
      parameter([256], 784),
      parameter([256, 128], 256),
      parameter([128], 256),
      parameter([128, 10], 128),
      parameter([10], 128),
    ],
    forward: ([w1, b1, w2, b2, w3, b3], x) => dense(nn.relu(dense(nn.relu(dense(x, w1, b1)), w2, b2)), w3, b3),
  },
  cnn: {
    x: uniform([N, 1, 28, 28], 0, 1),
    parameters: [
      parameter([16, 1, 3, 3], 9),
      parameter([16, 1, 1], 9),
      parameter([32, 16, 3, 3], 144),
      parameter([32, 1, 1], 144),
      parameter([1568, 10], 1568),
      parameter([10], 1568),
    ],
    forward: ([k1, c1, k2, c2, w, b], x) => {
      const block = (x, k, c, channels, size) =>
        np.max(nn.relu(lax.conv(x, k, [1, 1], "SAME").add(c)).reshape([N, channels, size / 2, 2, size / 2, 2]), [3, 5]);
      return dense(block(block(x, k1, c1, 16, 28), k2, c2, 32, 14).reshape([N, 1568]), w, b);
    },
  },
};
const { x, parameters: first, forward } = models[args.model];
const labels = nn.oneHot(
  np.array(
    Array.from({ length: N }, (_, i) => i % 10),
    { dtype: np.int32 },
  ),
  10,
);
const lossOf = (parameters, x, y) => np.sum(nn.logSoftmax(forward(parameters, x), -1).mul(y)).mul(-1 / N);
const train = jit((parameters, x, y) => {
  const [loss, gradients] = valueAndGrad(lossOf)(
    parameters.map((p) => p.ref),
    x,
    y,
  );
  return [loss, parameters.map((p, i) => p.sub(gradients[i].mul(0.01)))];
});
let parameters = first;
let best = Number.POSITIVE_INFINITY;
let last = 0;
for (let step = 0; step < Number(args.steps) + 2; step++) {
  const began = performance.now();
  const [loss, after] = train(parameters, x.ref, labels.ref);
  parameters = await jax.blockUntilReady(after);
  last = (await loss.data())[0];
  if (step >= 2) best = Math.min(best, performance.now() - began);
}
console.log(JSON.stringify({ ms: best, loss: last }));
