// docs/operators.md, made from the tables of ops and gradients: npm run docs:operators writes it, a test compares it.
import type { OpDef } from "../graph/op-def.js";
import { standardOps } from "../graph/op-table.js";
import { gradientCoverage } from "./coverage.js";
import { stopInputs } from "./stops.js";

const code = (text: string): string => `\`${text}\``;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((row) => `| ${row.join(" | ")} |`).join("\n");

function described(def: OpDef): readonly [gradient: string, note: string] {
  const found = gradientCoverage(def);
  if (found.kind === "rule") return ["rule", found.note ?? ""];
  if (found.kind === "parts") return ["by its parts", ""];
  return found.kind === "none" ? ["none", found.why] : ["missing", ""];
}
const runsAs = ({ composite }: OpDef): string => (typeof composite === "function" ? "itself or its parts" : composite ? "its parts" : "itself");

const ofDomain = (domain: string): string =>
  table(
    ["op", "gradient", "runs as", "remarks"],
    [...standardOps]
      .filter((def) => def.domain === domain)
      .toSorted((a, b) => (a.op < b.op ? -1 : 1))
      .map((def) => {
        const [gradient, note] = described(def);
        return [code(def.op), gradient, runsAs(def), note];
      }),
  );

const settings = (): string =>
  [...stopInputs]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([op, inputs]) => `${code(op)} (${inputs.map((i) => `input ${i}`).join(", ")})`)
    .join(", ");

/** The whole page. */
export const operatorsPage = (): string => `# Operators

<!-- Made from the tables of src/graph/ops and src/autograd by npm run docs:operators. -->

What graphs and imported files may hold, and what becomes of gradients there. Files of ONNX's opsets 13 to 24 are read; nodes are brought to the form of opset 21.

- *rule*: the gradient has a rule of its own.
- *by its parts*: the op is replaced by the ops that it is made of before the graph is differentiated.
- *none*: the op's outputs are constants to the loss.
- *missing*: a loss that depends on trained parameters through it is an error, which names the op, the node and the path, and says how to add a rule.

An op that runs as its parts has no kernel in ONNX Runtime, or none in opset 21; it is replaced before anything else sees it. \`ScatterND\` with reduction add does so because ONNX Runtime's own loses updates on more than one thread.

Gradients end at whole numbers and booleans, at \`detach()\`, and at inputs that are settings: ${settings()}. Sizes may be symbolic everywhere.

## ONNX

${ofDomain("")}

## com.microsoft

${ofDomain("com.microsoft")}

## accelerate_ts

Ops of this library. Each has a kernel in the native addon; those with parts are compared with them in tests.

${ofDomain("accelerate_ts")}

## Ops and rules of one's own

\`registerOp\` tells what an op's outputs look like and what it is made of; gradients go through the parts. \`registerGradient\` gives an op a rule, also where the parts would have another gradient.
Both are to be called before the model is read.

\`\`\`ts
import { importOnnx, registerGradient, registerOp } from "accelerate-ts/graph";

registerOp({
  op: "RoundThrough",
  domain: "my.ops",
  inputs: [1, 1],
  infer: ({ inputs: [x] }) => [{ dtype: x!.dtype, shape: x!.shape }],
  decompose: ({ b, inputs: [x] }) => [b.unary("Round", x!)],
});
// Rounding that passes gradients on: a straight-through estimator.
registerGradient({ op: "RoundThrough", domain: "my.ops", rule: ({ gradOut }) => [gradOut(0)] });

const model = await importOnnx("quantized.onnx");
\`\`\`

A rule gets a \`Builder\` (\`b\`), the node's values (\`input(i)\`, \`output(i)\`), the gradients of its outputs (\`gradOut(i)\`) and whether that of an input is wanted (\`needs(i)\`); it returns one value for each
input, of the input's dtype and shape: sums over dims that were broadcast are made with \`b.reduceTo\`.
`;
