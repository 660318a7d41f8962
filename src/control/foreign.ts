// Workers that another launcher started: not yet served.
import type { WorkerSettings } from "../config.js";
import { ControlError } from "./errors.js";
import type { WorkerLink } from "./link.js";

export async function openForeignLink(settings: WorkerSettings): Promise<WorkerLink> {
  throw new ControlError("ERR_CONTROL_LINK", `workers under ${settings.source} are not served yet`, { hint: "use accelerate-ts launch" });
}
