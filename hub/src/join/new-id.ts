import { randomBytes } from "node:crypto";

const BASE32 = "abcdefghijklmnopqrstuvwxyz234567";

/** A random id that is a DNS label and safe in a subject: a letter for what it is, a dash, ten characters (50 bits). */
export function newId(prefix: "c" | "t"): string {
  const characters = Array.from(randomBytes(10), (byte) => BASE32.charAt(byte & 31));
  return `${prefix}-${characters.join("")}`;
}
