// What a thread was started with.
import { workerData } from "node:worker_threads";

/** In a module that threads load: the `data` that `startThreads` was given. */
export const threadData = <T>(): T => (workerData as { readonly data: T }).data;
