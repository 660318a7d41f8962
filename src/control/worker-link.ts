// A worker's line to its launcher: the agent's socket on a descriptor, or a control thread where another launcher started the process. One connection per process.
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { isMainThread } from "node:worker_threads";
import type { WorkerSettings } from "../config.js";
import { type ControlSlot, controlSlot, foreignSlot } from "./control-slot.js";
import { ControlError, messageOf } from "./errors.js";
import { encodeFrame, FrameReader } from "./frames.js";
import { timeouts } from "./limits.js";
import type { WorkerLink } from "./link.js";
import { type FramePort, WorkerConnection } from "./worker-connection.js";

export { reportFailure } from "./report.js";

/**
 * The line to whoever launched this process. All callers share one connection; each has its own listeners, and close() takes those away. The connection does not keep the process
 * alive, calls that wait do.
 * @throws ControlError ERR_CONTROL_LINK where there is no launcher at the other end, ERR_CONTROL_TIMEOUT where it does not say who this worker is.
 */
export async function openWorkerLink(settings: WorkerSettings): Promise<WorkerLink> {
  if (!isMainThread)
    throw new ControlError("ERR_CONTROL_LINK", "only the main thread of a worker can speak to its launcher", { hint: "use the Accelerator there" });
  const { controlFd } = settings;
  if (controlFd === undefined) {
    const { openForeignConnection, singleLink } = await import("./foreign.js");
    if (settings.worldSize === 1) return singleLink(settings);
    const slot = foreignSlot();
    slot.connection ??= openForeignConnection(settings);
    return ((await slot.connection) as WorkerConnection).link();
  }
  const slot = controlSlot(controlFd);
  slot.connection ??= openConnection(controlFd, slot, settings);
  const connection = (await slot.connection) as WorkerConnection;
  return connection.link((event) => {
    if (event.kind !== "progress" && event.kind !== "stopping") return;
    slot.step = event.step;
    if (event.kind === "progress" && event.epoch !== undefined) slot.epoch = event.epoch;
  });
}

async function openConnection(fd: number, slot: ControlSlot, settings: WorkerSettings): Promise<WorkerConnection> {
  const socket = openSocket(fd);
  const port: FramePort = {
    send: (frame) => slot.writer.write(encodeFrame("WorkerFrame", frame)),
    ref: () => socket.ref(),
    unref: () => socket.unref(),
  };
  socket.unref();
  slot.writer.write(encodeFrame("WorkerFrame", {})); // nothing to tell but that somebody listens
  const connection = new WorkerConnection(port, { storeTimeoutMs: settings.timeoutMs });
  const reader = new FrameReader("AgentFrame", "the launcher");
  const lost = (message: string, cause?: unknown): void => {
    slot.writer.close();
    connection.lost(new ControlError("ERR_CONTROL_LINK", message, { cause }));
  };
  const gone = `the launcher of worker ${settings.rank} is gone`;
  // A process that dies with something unread resets its sockets.
  socket.on("error", (error: NodeJS.ErrnoException) =>
    lost(error.code === "ECONNRESET" ? gone : `the line to the launcher of worker ${settings.rank} broke (${error.message})`, error),
  );
  socket.on("close", () => lost(gone));
  socket.on("data", (chunk: Buffer) => {
    try {
      for (const frame of reader.push(chunk)) connection.receive(frame);
    } catch (error) {
      socket.destroy(error instanceof Error ? error : new Error(String(error)));
    }
  });
  await connection.welcomed(timeouts.welcomeMs);
  const { rank, worldSize } = connection.assignment;
  if (rank !== settings.rank || worldSize !== settings.worldSize)
    throw new ControlError(
      "ERR_LAUNCH_MISMATCH",
      `the launcher says that this is rank ${rank} of ${worldSize}, the environment rank ${settings.rank} of ${settings.worldSize}`,
    );
  return connection;
}

function openSocket(fd: number): Socket {
  const hint = "ACCELERATE_TS_CONTROL_FD is set by accelerate-ts launch for its own workers only: unset it";
  try {
    const stat = fstatSync(fd);
    if (!stat.isSocket()) throw new Error("it is no socket");
    // Frames are written past the stream (frame-writer.ts): it only reads.
    return new Socket({ fd, readable: true, writable: false });
  } catch (cause) {
    throw new ControlError("ERR_CONTROL_LINK", `descriptor ${fd} is no line to a launcher (${messageOf(cause)})`, { cause, hint });
  }
}
