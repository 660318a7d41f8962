// One e-mail as it lies on disk -> the subject and the body that a reader would see.
import { compile } from "html-to-text";
import PostalMime from "postal-mime";

/** What the filter may look at: no sender, no route, no date. */
export interface MailText {
  readonly subject: string;
  readonly body: string;
}

/** The model reads about 128 tokens; what lies behind this many characters can never be among them. */
const maxBodyLength = 2000;

const htmlToText = compile({
  wordwrap: false,
  selectors: [
    { selector: "a", options: { ignoreHref: true } },
    { selector: "img", format: "skip" },
  ],
});

/** Some senders declare HTML as text/plain. */
const looksLikeHtml = /<(?:html|body|table|font|center)\b[^>]*>/i;

/**
 * Decodes one mail: MIME parts, quoted-printable, base64, character sets, encoded words in the subject, HTML.
 *
 * @example
 * const { subject, body } = await readMail(await readFile("mail.eml"));
 */
export async function readMail(raw: Uint8Array): Promise<MailText> {
  const mail = await PostalMime.parse(raw);
  const plain = mail.text ?? "";
  const body = plain.trim() === "" ? htmlToText(mail.html ?? "") : looksLikeHtml.test(plain) ? htmlToText(plain) : plain;
  return { subject: tidy(mail.subject ?? ""), body: tidy(body).slice(0, maxBodyLength) };
}

/** One space between words, rulers ("--------") down to three marks: a tokenizer makes one token of each mark. */
function tidy(text: string): string {
  return text
    .replace(/\s+/g, " ")
    .replace(/([^\p{L}\p{N}\s])\1{3,}/gu, "$1$1$1")
    .trim();
}
