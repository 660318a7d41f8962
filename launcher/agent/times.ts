// How long the parts of a job's end may take.

/** In milliseconds. */
export const times = {
  /** After an abort: until the first failure must be known. */
  verdict: 5000,
  /** Workers of one host notice an end among them by themselves, and can say in which collective: so long they are left to. */
  ownWords: 150,
  /** The failed worker's last words, before its failure is shown: it ends by itself, on a slow machine later. */
  lastWords: 1000,
  /** From SIGTERM to SIGKILL. */
  grace: 1500,
  /** After SIGKILL. */
  reap: 1000,
  /** A signal so soon after another is the same one. */
  echo: 250,
} as const;
