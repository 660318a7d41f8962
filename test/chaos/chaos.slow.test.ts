// Ten minutes of faults: launches on one host and on two, hit at random moments in every way that a job can break.
import { it } from "node:test";
import { chaos } from "./chaos.js";

const MINUTES = 10;
/** Another one draws other moments: ACCELERATE_TS_TEST_SEED, a number or "random". */
const asked = process.env.ACCELERATE_TS_TEST_SEED ?? "20261123";
const SEED = asked === "random" ? Math.floor(Math.random() * 2 ** 31) : Number(asked);

const skip = process.platform === "linux" ? false : "what a launch leaves behind is looked for in /proc";

it(`${MINUTES} minutes of faults end with the culprit named and nothing left`, { skip, timeout: (MINUTES + 5) * 60_000 }, (test) =>
  chaos({ seed: SEED, forMs: MINUTES * 60_000, inTime: true, say: (text) => test.diagnostic(text) }),
);
