// A training step of a small MLP or CNN in TensorFlow.js. Its packages lie in a folder of their own:
//   mkdir peers && cd peers && npm init -y && npm i @tensorflow/tfjs @tensorflow/tfjs-backend-wasm @jax-js/jax
//   node bench/peers/small_step_tfjs.mjs --packages peers --model mlp [--backend wasm] [--steps 10] [--batch 32]
import { createRequire } from "node:module";
import { dirname, resolve, sep } from "node:path";
import { parseArgs } from "node:util";

const { values: args } = parseArgs({
  options: {
    packages: { type: "string", default: "." },
    model: { type: "string", default: "mlp" },
    backend: { type: "string", default: "wasm" },
    steps: { type: "string", default: "10" },
    batch: { type: "string", default: "32" },
  },
});
const require = createRequire(resolve(args.packages, "package.json"));
const tf = require("@tensorflow/tfjs");
if (args.backend === "wasm") {
  const wasm = require("@tensorflow/tfjs-backend-wasm");
  wasm.setWasmPaths(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")) + sep);
  wasm.setThreadsCount(1);
}
await tf.setBackend(args.backend);
await tf.ready();

const N = Number(args.batch);
const variable = (shape, fan) => tf.variable(tf.randomUniform(shape, -1 / Math.sqrt(fan), 1 / Math.sqrt(fan)));
const dense = (inputs, outputs) => [variable([inputs, outputs], inputs), variable([outputs], inputs)];
const models = {
  mlp() {
    const [w1, b1] = dense(784, 256);
    const [w2, b2] = dense(256, 128);
    const [w3, b3] = dense(128, 10);
    const x = tf.randomUniform([N, 784]);
    return { x, forward: (x) => x.matMul(w1).add(b1).relu().matMul(w2).add(b2).relu().matMul(w3).add(b3) };
  },
  cnn() {
    const k1 = variable([3, 3, 1, 16], 9);
    const c1 = variable([16], 9);
    const k2 = variable([3, 3, 16, 32], 144);
    const c2 = variable([32], 144);
    const [w, b] = dense(1568, 10);
    const x = tf.randomUniform([N, 28, 28, 1]);
    const block = (x, k, c) => tf.maxPool(tf.relu(tf.conv2d(x, k, 1, "same").add(c)), 2, 2, "valid");
    return {
      x,
      forward: (x) =>
        block(block(x, k1, c1), k2, c2)
          .reshape([N, 1568])
          .matMul(w)
          .add(b),
    };
  },
};
const { x, forward } = models[args.model]();
const labels = tf.oneHot(
  tf.tensor1d(
    Array.from({ length: N }, (_, i) => i % 10),
    "int32",
  ),
  10,
);
const optimizer = tf.train.sgd(0.01);
let best = Number.POSITIVE_INFINITY;
let last = 0;
for (let step = 0; step < Number(args.steps) + 2; step++) {
  const began = performance.now();
  const loss = optimizer.minimize(() => tf.losses.softmaxCrossEntropy(labels, forward(x)), true);
  last = (await loss.data())[0];
  loss.dispose();
  if (step >= 2) best = Math.min(best, performance.now() - began);
}
console.log(JSON.stringify({ ms: best, loss: last }));
