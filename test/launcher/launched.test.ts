// Who started this process: the variables of our own launcher and of others.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { fc } from "../support/properties.js";
import { configuredWorker } from "../../src/config.js";
import { firstHost } from "../../src/launched.js";
import { launch } from "../support/launch.js";
import { scriptOf } from "./support.js";

const torchrun = { RANK: "3", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2", GROUP_RANK: "1", MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };
const slurm = {
  SLURM_STEP_ID: "0",
  SLURM_JOB_ID: "77",
  SLURM_PROCID: "3",
  SLURM_LOCALID: "1",
  SLURM_NODEID: "1",
  SLURM_NTASKS: "5",
  SLURM_STEP_NUM_TASKS: "5",
  SLURM_STEP_TASKS_PER_NODE: "2(x2),1",
  SLURM_STEP_NODELIST: "node[01-03]",
};
const openMpi = {
  OMPI_COMM_WORLD_RANK: "1",
  OMPI_COMM_WORLD_SIZE: "2",
  OMPI_COMM_WORLD_LOCAL_RANK: "1",
  OMPI_COMM_WORLD_LOCAL_SIZE: "2",
  PMIX_NAMESPACE: "job 1",
};

const seen = (env: Readonly<Record<string, string>>) => {
  const { rank, worldSize, localRank, localWorldSize, source, node, masterAddress } = configuredWorker(env) ?? {};
  return [source, rank, worldSize, localRank, localWorldSize, node, masterAddress];
};

suite("the launcher of a process", () => {
  test("is found by its variables", () => {
    assert.equal(configuredWorker({}), undefined);
    assert.deepEqual(seen(torchrun), ["torchrun", 3, 4, 1, 2, 1, "10.0.0.1"]);
    assert.deepEqual(seen(openMpi), ["mpi", 1, 2, 1, 2, undefined, "127.0.0.1"]);
    assert.deepEqual(seen({ PMI_RANK: "0", PMI_SIZE: "2", MPI_LOCALRANKID: "0", MPI_LOCALNRANKS: "1", MASTER_ADDR: "a", MASTER_PORT: "5" }), [
      "mpi",
      0,
      2,
      0,
      1,
      undefined,
      "a",
    ]);
    assert.deepEqual(seen(slurm), ["slurm", 3, 5, 1, 2, 1, "node01"]);
    const own = configuredWorker({
      ...torchrun,
      ACCELERATE_TS_CONTROL_FD: "3",
      ACCELERATE_TS_WATCHDOG: "2.5",
      ACCELERATE_TS_TIMEOUT: "9",
      ACCELERATE_TS_TOKEN_FILE: "t",
    });
    assert.deepEqual([own?.source, own?.controlFd, own?.watchdogMs, own?.timeoutMs, own?.tokenFile], ["accelerate-ts", 3, 2500, 9000, "t"]);
    const { watchdogMs, timeoutMs, masterPort } = configuredWorker(torchrun)!;
    assert.deepEqual([watchdogMs, timeoutMs, masterPort], [60_000, 1_800_000, 29500]);
  });

  test("inside of another comes first; a shell or batch script of Slurm is none", () => {
    assert.equal(configuredWorker({ ...slurm, ...torchrun })?.source, "torchrun");
    assert.equal(configuredWorker({ ...slurm, PMI_RANK: "3", PMI_SIZE: "5" })?.source, "slurm");
    const { SLURM_STEP_ID: _, ...batch } = slurm;
    assert.equal(configuredWorker(batch), undefined);
    assert.equal(configuredWorker({ ...slurm, SLURM_PTY_PORT: "1234" }), undefined);
    assert.equal(configuredWorker({ ...slurm, SLURM_STEP_NUM_TASKS: "1" }), undefined);
  });

  test("gives the same port to all ranks of a job", () => {
    const port = (env: Readonly<Record<string, string>>) => configuredWorker(env)?.masterPort;
    assert.equal(port(slurm), port({ ...slurm, SLURM_PROCID: "0", SLURM_LOCALID: "0", SLURM_NODEID: "0" }));
    fc.assert(
      fc.property(fc.nat(), fc.nat(), (job, step) => {
        const found = port({ ...slurm, SLURM_JOB_ID: String(job), SLURM_STEP_ID: String(step) })!;
        return found >= 20_000 && found < 32_000;
      }),
    );
  });

  test("started by hand on one machine, all ranks are local", () => {
    assert.deepEqual(seen({ RANK: "1", WORLD_SIZE: "2", MASTER_ADDR: "127.0.0.1", MASTER_PORT: "29500" }), ["torchrun", 1, 2, 1, 2, undefined, "127.0.0.1"]);
    assert.deepEqual(seen({ RANK: "0", WORLD_SIZE: "1" }), ["torchrun", 0, 1, 0, 1, undefined, undefined]);
  });

  test("that contradicts itself is refused, and the message says what to set", () => {
    for (const [env, message] of [
      [{ RANK: "1" }, /RANK is set and WORLD_SIZE is not/],
      [{ WORLD_SIZE: "2" }, /WORLD_SIZE is set and RANK is not/],
      [{ ...torchrun, RANK: "4" }, /RANK is 4, WORLD_SIZE 4: ranks go from 0 to 3/],
      [{ ...torchrun, LOCAL_RANK: "2" }, /LOCAL_RANK is 2, LOCAL_WORLD_SIZE 2/],
      [{ ...torchrun, LOCAL_WORLD_SIZE: "9" }, /LOCAL_WORLD_SIZE is 9, WORLD_SIZE 4/],
      [{ ...torchrun, RANK: "one" }, /RANK is "one": set a whole number/],
      [{ ...torchrun, MASTER_PORT: "99999" }, /MASTER_PORT is "99999": set a whole number from 1 to 65534/],
      [{ ...torchrun, ACCELERATE_TS_WATCHDOG: "never" }, /ACCELERATE_TS_WATCHDOG is "never"/],
      [{ RANK: "0", WORLD_SIZE: "2", MASTER_ADDR: "10.0.0.1", MASTER_PORT: "1" }, /LOCAL_RANK and LOCAL_WORLD_SIZE are not set/],
      [{ RANK: "0", WORLD_SIZE: "2", LOCAL_RANK: "0", LOCAL_WORLD_SIZE: "1" }, /MASTER_ADDR and MASTER_PORT are not set/],
      [
        { ...openMpi, OMPI_COMM_WORLD_LOCAL_SIZE: "1", OMPI_COMM_WORLD_LOCAL_RANK: "0" },
        /MASTER_ADDR and MASTER_PORT are not set: for example mpirun -x MASTER_ADDR/,
      ],
    ] as const)
      assert.throws(() => configuredWorker(env), { code: "ERR_LAUNCH_ENVIRONMENT", message }, JSON.stringify(env));
  });

  test("is not that of a worker's own child processes", async (t) => {
    const config = new URL("../../src/config.js", import.meta.url).href;
    const script = await scriptOf(
      t,
      `import { fork } from "node:child_process";
      import { configuredWorker } from "${config}";
      console.log(process.send ? "child" : "worker", configuredWorker()?.rank);
      if (!process.send) await new Promise((resolve) => fork(process.argv[1]).on("exit", resolve));`,
    );
    const { code, stdout } = await launch({ options: ["-n", "2"], script });
    assert.equal(code, 0);
    for (const rank of [0, 1]) assert.match(stdout, new RegExp(`\\[${rank}\\] worker ${rank}\\n[^]*\\[${rank}\\] child undefined\\n`));
  });
});

test("Slurm's lists of hosts are read to their first host", () => {
  for (const [list, first] of [
    ["a", "a"],
    ["a,b", "a"],
    ["node[01-03]", "node01"],
    ["a[007,9-12],b", "a007"],
    ["b-[1-2]-c[4,6]", "b-1-c4"],
    ["rack1-node[3]x,y", "rack1-node3x"],
  ] as const)
    assert.equal(firstHost(list), first);
});
