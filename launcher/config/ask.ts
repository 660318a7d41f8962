// The questions of `accelerate-ts config`: one line each, Enter keeps what is in brackets.
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { type SettingName, settingNames, settingOf, type SettingValues } from "../options/settings.js";
import { valueText } from "../options/value-text.js";

export interface Conversation {
  readonly input: Readable;
  readonly output: Writable;
  /** Lines can be edited. */
  readonly terminal: boolean;
}

/** Ctrl-C, Ctrl-D, or an input that ends. */
export class Unanswered extends Error {}

const shown = (value: unknown): string => (typeof value === "boolean" ? (value ? "Y/n" : "y/N") : valueText(value));

/**
 * What was answered and is not said yet, by setting.
 * @throws Unanswered
 */
export async function askSettings(known: SettingValues, { input, output, terminal }: Conversation): Promise<SettingValues> {
  const lines = createInterface({ input, output, terminal });
  const ended = once(lines, "close").then(() => {
    throw new Unanswered();
  });
  ended.catch(() => {});
  const waiting: string[] = [];
  let heard: ((line: string) => void) | undefined;
  // Lines that come faster than questions are kept.
  lines.on("line", (line) => {
    const take = heard;
    heard = undefined;
    if (take) take(line);
    else waiting.push(line);
  });
  const ask = (text: string): Promise<string> => {
    lines.setPrompt(text);
    lines.prompt();
    const kept = waiting.shift();
    if (kept !== undefined) return Promise.resolve(kept);
    const line = new Promise<string>((resolve) => {
      heard = resolve;
    });
    return Promise.race([line, ended]);
  };
  const answers: { [K in SettingName]?: unknown } = {};
  try {
    for (const name of settingNames) {
      const { question, group, kind, fallback, otherwise, mayStayOpen } = settingOf(name);
      const machines = Number(answers.numMachines ?? known.numMachines ?? 1);
      if (question === undefined || (group === "machines" && name !== "numMachines" && machines < 2)) continue;
      const standard = known[name] ?? fallback;
      for (;;) {
        const open = standard === undefined && mayStayOpen;
        const answer = (await ask(`${question}${standard === undefined ? (open ? ` [${otherwise}]` : "") : ` [${shown(standard)}]`} `)).trim();
        if (answer === "" && open) break;
        if (answer === "" && standard !== undefined) answers[name] = standard;
        else answers[name] = kind.read(answer);
        if (answers[name] !== undefined) break;
        output.write(
          `  ${answer === "" ? "this is needed" : valueText(answer)}: ${kind.placeholder === undefined ? "answer y or n" : `give ${kind.wanted}`}\n`,
        );
      }
    }
  } finally {
    lines.close();
  }
  return answers as SettingValues;
}
