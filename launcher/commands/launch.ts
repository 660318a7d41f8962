// accelerate-ts launch: starts the workers of a script on this machine.
import type { CliCommand } from "../command.js";

export const launch: CliCommand = {
  name: "launch",
  summary: "run a script (.ts, .mts, .js, .mjs) in one worker per device",
  operands: [
    ["<script>", "the program that every worker runs"],
    ["[args...]", "all that follows the script is for the script"],
  ],
  options: [
    { flags: "-n, --num-processes <N>", description: "workers in all, on all machines (default: one per GPU, else 1)" },
    { flags: "--num-local-processes <L>", description: "workers on this machine, where machines differ" },
    { flags: "--num-machines <M>", description: "machines that take part (default: 1)" },
    { flags: "--machine-rank <R>", description: "number of this machine, 0 to M-1" },
    { flags: "--main-process-ip <A>", description: "address of machine 0" },
    { flags: "--main-process-port <P>", description: "port of machine 0 (default on one machine: a free one)" },
    { flags: "--token-file <F>", description: "file (mode 600) with the secret that all machines of the job share" },
    { flags: "--tls-cert <F>", description: "machine 0's certificate (PEM): traffic between machines' launchers is encrypted" },
    { flags: "--tls-key <F>", description: "its key" },
    { flags: "--tls-ca <F>", description: "who may have signed the other ends' certificates; on machine 0: the others must show certificates, too" },
    { flags: "--cpu", description: "no GPUs, even where there are some" },
    { flags: "--num-threads-per-process <T>", description: "threads of each worker (default: the usable cores, divided)" },
    { flags: "--log-dir <D>", description: "what worker r writes also goes to D/rank-r.log" },
    { flags: "--watchdog <S>", description: "seconds that a worker may keep the others waiting before it is reported (default: 60)" },
    { flags: "--timeout <S>", description: "seconds after which that ends the job (default: 1800)" },
    { flags: "--stop-grace <S>", description: "seconds that workers have to end after Ctrl-C or SIGTERM (default: 30)" },
  ],
  examples: [
    ["accelerate-ts launch --num-processes 2 train.ts --epochs 3", "two workers on this machine"],
    [
      "accelerate-ts launch --num-machines 2 --machine-rank 0 --main-process-ip 10.0.0.1 --main-process-port 29500 --token-file token --num-processes 8 train.ts",
      "on 10.0.0.1; on the other machine the same with --machine-rank 1",
    ],
  ],
  run: async (options, terminal, operands) => (await import("../launch/run.js")).runLaunch(options, operands, terminal),
};
