// Kinds of values: what counts as one wherever it comes from (a flag, a variable, a file), and how help and completion show it.
import { readChoice, readSwitch, readWhole } from "../../src/settings.js";

export interface Kind<T> {
  /** What stands for the value in help; undefined: a switch, on by being there. */
  readonly placeholder?: string;
  /** Completes "not ...": "a whole number from 1 to 8". */
  readonly wanted: string;
  readonly choices?: readonly string[];
  /** What the shell completes. */
  readonly takes?: "file" | "folder";
  /** undefined: not such a value. */
  read(raw: unknown): T | undefined;
}

export const whole = (placeholder: string, min: number, max: number): Kind<number> => ({
  placeholder,
  wanted: `a whole number from ${min} to ${max}`,
  read: (raw) => readWhole(raw, min, max),
});

const MAX_SECONDS = 1e7;

export const seconds: Kind<number> = {
  placeholder: "S",
  wanted: "a number of seconds greater than 0",
  read: (raw) => {
    const value = typeof raw === "string" && raw.trim() !== "" ? Number(raw) : raw;
    return typeof value === "number" && value > 0 && value < MAX_SECONDS ? value : undefined;
  },
};

export const onOff: Kind<boolean> = { wanted: "true or false", read: readSwitch };

export const oneOf = <const C extends string>(placeholder: string, choices: readonly C[]): Kind<C> => ({
  placeholder,
  wanted: `one of ${choices.join(", ")}`,
  choices,
  read: (raw) => readChoice(raw, choices),
});

const devices = ["cpu", "cuda", "webgpu"] as const;

/** A variable may also name one GPU, as a worker's own does: cuda:1. */
export const deviceName: Kind<string> = {
  placeholder: "DEVICE",
  wanted: `one of ${devices.join(", ")}`,
  choices: devices,
  read: (raw) =>
    readChoice(raw, devices) ??
    (typeof raw === "string"
      ? raw
          .trim()
          .toLowerCase()
          .match(/^(?:cuda:\d{1,4}|webgpu:0)$/)?.[0]
      : undefined),
};

const gpuName = /^(?:\d{1,4}|(?:GPU|MIG)-[\w/-]+)$/i;

/** "0,2", "GPU-8f6ab1c2" or "all"; in files also a number or a list. */
export const gpuNames: Kind<string> = {
  placeholder: "IDS",
  wanted: "numbers or UUIDs of GPUs with commas between them, or all",
  read: (raw) => {
    const names = (Array.isArray(raw) ? raw.map(String) : typeof raw === "number" ? [String(raw)] : typeof raw === "string" ? raw.split(",") : []).map((name) =>
      name.trim(),
    );
    if (names.length === 1 && names[0]!.toLowerCase() === "all") return "all";
    return names.length > 0 && names.every((name) => gpuName.test(name)) ? names.join(",") : undefined;
  },
};

const readText = (raw: unknown): string | undefined => (typeof raw === "number" ? String(raw) : typeof raw === "string" && raw.trim() !== "" ? raw : undefined);

export const text = (placeholder: string, wanted: string): Kind<string> => ({ placeholder, wanted, read: readText });

export const path = (placeholder: string, takes: "file" | "folder"): Kind<string> => ({ placeholder, wanted: `the path of a ${takes}`, takes, read: readText });
