// Threads for the work of one call or one object, and what goes wrong in them.
export { causeOf, failureOf, type ThreadFailure } from "./failure.js";
export { threadData } from "./thread-data.js";
export { startThreads, type ThreadOptions, type Threads } from "./pool.js";
