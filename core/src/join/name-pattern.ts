import { dnsLabelFault } from "../fleet/label-syntax.ts";

/** Whether a text can be the name of a cluster: a DNS label. */
export function isClusterName(name: string): boolean {
  return dnsLabelFault(name) === undefined;
}

/** Whether names can match it at all: a DNS label in which `*` may stand for any run of characters. */
export function isNamePattern(pattern: string): boolean {
  if (pattern === "*") return true;
  const filled = pattern.replaceAll("*", "x");
  return pattern.length <= 63 && isClusterName(filled);
}

/** Whether the pattern names exactly one cluster. */
export function isExactName(pattern: string): boolean {
  return !pattern.includes("*");
}

/** `edge-*` matches `edge-1`; `*` stands for any run of characters, the empty one included. Linear in the name, whatever the pattern. */
export function matchesNamePattern(name: string, pattern: string): boolean {
  if (isExactName(pattern)) return name === pattern;
  const parts = pattern.split("*");
  const first = parts[0] ?? "";
  const last = parts.at(-1) ?? "";
  if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false;
  const end = name.length - last.length;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
