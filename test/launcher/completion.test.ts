// Completion scripts in the shells themselves, and the page of docs, which is made from the same tables.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, test } from "node:test";
import { commands } from "../../launcher/commands/index.js";
import { completionScript } from "../../launcher/completion/scripts.js";
import { commandLinePage } from "../../launcher/options/page.js";
import { packageRoot } from "../../src/package-root.js";
import { folderOf } from "../data/files.js";

const without = (shell: string): string | false => (spawnSync(shell, ["-c", "exit"]).error ? `there is no ${shell}` : false);

/** What was typed, and what must be offered: exactly these, or at least one of them. */
const cases: readonly (readonly [line: string, offered: readonly string[]])[] = [
  ["config ", ["default", "show", "update"]],
  ["config show --js", ["--json"]],
  ["launch --num-p", ["--num-processes"]],
  ["launch --no-c", ["--no-cpu"]],
  ["launch --mixed-precision ", ["no", "fp16", "bf16"]],
  ["launch --num-processes 2 --dry", ["--dry-run"]],
  ["launch --log-dir su", ["sub"]],
  ["launch -q tra", ["train.ts"]],
  ["launch -n 2 train.ts --num-p", []],
  ["build-native --sanitize ", ["address", "thread", "undefined"]],
  ["completion ", ["bash", "zsh", "fish"]],
  ["env --js", ["--json"]],
];
const files = { "train.ts": "", "training.txt": "", "sub/x.js": "", "my train.ts": "" };

suite("completion", () => {
  test("in bash offers commands, flags and their values, scripts and folders", { skip: without("bash") }, async (t) => {
    const folder = await folderOf(t, { ...files, "completion.bash": completionScript("bash", commands) });
    const ask = (words: readonly string[]) =>
      `COMP_WORDS=(accelerate-ts ${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${words.length}; _accelerate_ts; (IFS='|'; echo "\${COMPREPLY[*]}")`;
    const lines = [...cases.map(([line]) => line), "launch -n ", "launch my", "launch --num_p"].map((line) => ask(line.split(" ")));
    const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-u", "-c", `source ./completion.bash\n${lines.join("\n")}\ncomplete -p accelerate-ts`], {
      cwd: folder,
      encoding: "utf8",
    });
    assert.deepEqual([status, stderr], [0, ""]);
    const offered = stdout
      .trimEnd()
      .split("\n")
      .map((line) =>
        line
          .split("|")
          .filter((word) => word !== "")
          .sort(),
      );
    for (const [i, [line, wanted]] of cases.entries()) assert.deepEqual(offered[i], [...wanted].sort(), line);
    assert.deepEqual(offered.slice(cases.length), [[], ["my train.ts"], ["--num-processes"], ["complete -F _accelerate_ts accelerate-ts"]]);
  });

  test("in fish does so, too", { skip: without("fish") }, async (t) => {
    const folder = await folderOf(t, { ...files, "completion.fish": completionScript("fish", commands) });
    for (const [line, wanted] of cases.filter(([, offered]) => offered.length > 0)) {
      const { stdout, stderr, status } = spawnSync("fish", ["--no-config", "-c", `source completion.fish; complete -C 'accelerate-ts ${line}'`], {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, HOME: folder },
      });
      assert.deepEqual([status, stderr], [0, ""], line);
      const offered = stdout.split("\n").map((text) => text.split("\t")[0]!.replace(/\/$/, ""));
      for (const word of wanted) assert.ok(offered.includes(word), `${line}: ${word} in ${offered.join(", ")}`);
    }
  });

  test("in zsh is a script that zsh can read", { skip: without("zsh") }, async (t) => {
    const folder = await folderOf(t, { "_accelerate-ts": completionScript("zsh", commands) });
    const { stderr, status } = spawnSync(
      "zsh",
      ["-f", "-c", "autoload -Uz compinit; compinit -u -D; source ./_accelerate-ts; [[ $_comps[accelerate-ts] = _accelerate_ts ]]"],
      { cwd: folder, encoding: "utf8" },
    );
    assert.deepEqual([status, stderr], [0, ""]);
  });
});

test("docs/command-line.md tells what the tables say (npm run docs:cli writes it)", () => {
  const page = readFileSync(join(packageRoot(import.meta.url), "docs", "command-line.md"), "utf8");
  assert.ok(page === commandLinePage(commands), "run npm run docs:cli");
});
