/**
 * What a plain (unquoted) scalar means to Kubernetes, whose YAML is go-yaml's: YAML 1.1 booleans and octals, the 0o of
 * YAML 1.2 beside them, and no base-60 numbers and no dates, which stay text.
 */
export function resolvePlainScalar(source: string): PlainScalar {
  if (WORDS.has(source)) return { kind: "value", value: WORDS.get(source) as null | boolean };
  if (NOT_FINITE.test(source)) return { kind: "not-finite" };
  const first = source.charCodeAt(0);
  if (first === DOT) return LEADING_DOT.test(source) ? finite(Number(source), source) : text(source);
  const startsLikeNumber = (first >= ZERO && first <= NINE) || first === PLUS || first === MINUS;
  return startsLikeNumber ? resolveNumber(source) : text(source);
}

export type PlainScalar =
  | { readonly kind: "value"; readonly value: null | boolean | number | string }
  /** A whole number that a double cannot hold exactly. */
  | { readonly kind: "inexact" }
  /** `.nan` and `.inf`, which JSON does not have. */
  | { readonly kind: "not-finite" };

const WORDS: ReadonlyMap<string, null | boolean> = new Map([
  ...["", "~", "null", "Null", "NULL"].map((word) => [word, null] as const),
  ...["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"].map((word) => [word, true] as const),
  ...["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"].map((word) => [word, false] as const),
]);
const NOT_FINITE = /^([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$/;
const LEADING_DOT = /^\.[0-9]+([eE][-+]?[0-9]+)?$/;
const FLOAT = /^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/;
const INTEGER = /^([-+]?)(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|0[0-7]+|0|[1-9][0-9]*)$/;
const DOT = 46;
const PLUS = 43;
const MINUS = 45;
const ZERO = 48;
const NINE = 57;
const LONGEST_INTEGER = 400;
const LARGEST_UNSIGNED = 2n ** 64n;

function resolveNumber(source: string): PlainScalar {
  const plain = source.replaceAll("_", "");
  // No number of 64 bits is longer, in whatever base; what is takes long to convert and means nothing.
  if (plain.length > LONGEST_INTEGER) return /^[-+]?[1-9][0-9]*$/.test(plain) ? { kind: "inexact" } : text(source);
  const integer = INTEGER.exec(plain);
  if (integer !== null) {
    const digits = integer[2] as string;
    const magnitude = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
    if (magnitude > BigInt(Number.MAX_SAFE_INTEGER)) {
      const decimal = /^[1-9]/.test(digits);
      return decimal || magnitude < LARGEST_UNSIGNED ? { kind: "inexact" } : text(source);
    }
    return { kind: "value", value: integer[1] === "-" ? 0 - Number(magnitude) : Number(magnitude) };
  }
  return FLOAT.test(plain) ? finite(Number(plain), source) : text(source);
}

/** A number too large for a double is text, as it is to go-yaml. Minus zero is zero: JSON does not tell them apart. */
function finite(value: number, source: string): PlainScalar {
  if (!Number.isFinite(value)) return text(source);
  return { kind: "value", value: value === 0 ? 0 : value };
}

function text(value: string): PlainScalar {
  return { kind: "value", value };
}
