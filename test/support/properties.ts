// fast-check as all tests use it: the same cases in each run, so that what passed once does not fail by luck.
//   ACCELERATE_TS_TEST_SEED=random npm test     other cases in each run (a failure prints its seed)
//   ACCELERATE_TS_TEST_SEED=1343004590 npm test the cases of that seed
import fc from "fast-check";

const asked = process.env.ACCELERATE_TS_TEST_SEED ?? "20261123";
if (asked !== "random" && !/^-?\d+$/.test(asked)) throw new Error(`ACCELERATE_TS_TEST_SEED=${asked}: a whole number or "random" is wanted`);
if (asked !== "random") fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(asked) });

export { fc };
