// Numbers as Python writes them.

const exponentText = (text: string): string => {
  const [digits, exponent] = text.split("e") as [string, string];
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
};
const notFinite = (value: number): string => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

/** `repr` of a float: 1 is "1.0", 0.00005 "5e-05", 1e16 "1e+16". */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  const size = Math.abs(value);
  if (size >= 1e16 || (size < 1e-4 && size > 0)) return exponentText(value.toExponential());
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** `%.<digits>f`: what lies exactly between two numbers goes to the even one, where toFixed takes the larger. */
export function pythonFixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value < 0 || Object.is(value, -0)) return `-${pythonFixed(-value, digits)}`;
  // All that a double can have behind the last digit that is kept: of a tie it is one 5.
  const exact = value.toFixed(digits + 30);
  const kept = exact.slice(0, exact.length - 30);
  const isTie = /^50+$/.test(exact.slice(-30));
  return isTie && Number(kept.replace(".", "").at(-1)) % 2 === 0 ? kept.replace(/\.$/, "") : value.toFixed(digits);
}

/** `%.<digits>g`: so many significant digits, no zeros at the end, an exponent for the very small and the large. */
export function pythonGeneral(value: number, digits: number): string {
  if (!Number.isFinite(value)) return notFinite(value);
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const rounded = roundedExponential(value, digits - 1);
  const [mantissa, exponent] = rounded.split("e") as [string, string];
  const power = Number(exponent);
  const trimmed = (text: string): string => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (power < -4 || power >= digits) return exponentText(`${trimmed(mantissa)}e${power < 0 ? "-" : "+"}${Math.abs(power)}`);
  return trimmed(Number(rounded).toFixed(Math.max(0, digits - 1 - power)));
}

/** toExponential, with the even digit where a number lies exactly between two. */
function roundedExponential(value: number, fractionDigits: number): string {
  const up = value.toExponential(fractionDigits);
  // All digits of the double: a tie ends in one 5 behind the last digit that is kept.
  const [digits] = value.toExponential(Math.min(100, fractionDigits + 60)).split("e") as [string, string];
  const rest = digits
    .replace("-", "")
    .slice(2 + fractionDigits)
    .replace(/0+$/, "");
  const kept = digits
    .replace("-", "")
    .slice(0, 2 + fractionDigits)
    .replace(".", "");
  if (rest !== "5" || Number(kept.at(-1)) % 2 !== 0) return up;
  const exponent = value.toExponential().split("e")[1]!;
  const mantissa = fractionDigits > 0 ? `${kept[0]}.${kept.slice(1)}` : kept;
  return `${value < 0 ? "-" : ""}${mantissa}e${exponent}`;
}
