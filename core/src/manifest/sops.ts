import { decodeBytes } from "../join/base64url.ts";
import type { KubeObject } from "./object.ts";

/** How SOPS begins a value it encrypted. */
const ENCRYPTED = "ENC[";
/** The whole of one. */
const VALUE = /^ENC\[AES256_GCM,data:[^,\]]*,iv:[^,\]]*,tag:[^,\]]*,type:\w+\]$/;

/**
 * SOPS's checksum over all values of the document an object was encrypted in, names and labels too; undefined for what
 * SOPS did not encrypt. Made anew at every encryption, so equal checksums mean one document; documents that were
 * encrypted together, in one file, share it.
 */
export function sopsMacOf(object: KubeObject): string | undefined {
  const section = object["sops"];
  const mac = isRecord(section) ? section["mac"] : undefined;
  return isEncrypted(mac) ? mac : undefined;
}

/**
 * Whether an object has values that SOPS encrypted one by one, and not the section that says how to open them: it stood
 * beside, as in a `List` that was encrypted as a whole, or was taken away. Nobody can open it any more.
 */
export function lacksSopsSection(object: KubeObject): boolean {
  return !isRecord(object["sops"]) && holdsEncrypted(object);
}

function holdsEncrypted(value: unknown): boolean {
  if (typeof value === "string") return VALUE.test(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some(holdsEncrypted);
}

/** Keys of a Secret under which a whole file stands that SOPS encrypted. */
export function encryptedFilesIn(object: KubeObject): readonly string[] {
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return [];
  return membersOf(object["data"]).flatMap(([key, value]) =>
    typeof value === "string" && isEncryptedFile(decodeBase64(value)) ? [key] : [],
  );
}

/**
 * Whether a Secret has values that anybody who reads the repository can read. Of one with SOPS's section some may stand in
 * the clear, as its rules allow, but not all. A value may also be a whole encrypted file, as kustomize's generators make
 * them. An empty Secret is filled by others, and what a render makes anew each time (`generated`, as JSON pointers)
 * stands in no repository.
 */
export function isPlainSecret(object: KubeObject, generated: ReadonlySet<string> = new Set()): boolean {
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return false;
  const written = (field: string) => membersOf(object[field]).filter(([key]) => !generated.has(pointerTo(field, key)));
  const values = [...valuesOf(written("data"), decodeBase64), ...valuesOf(written("stringData"), (text) => text)];
  if (values.length === 0) return false;
  return isRecord(object["sops"]) ? !values.some(isEncrypted) : !values.every(isEncryptedFile);
}

function membersOf(map: unknown): readonly (readonly [string, unknown])[] {
  return isRecord(map) ? Object.entries(map) : [];
}

function pointerTo(field: string, key: string): string {
  return `/${field}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function valuesOf(
  members: readonly (readonly [string, unknown])[],
  decode: (text: string) => string,
): readonly string[] {
  return members.flatMap(([, value]) => {
    if ((value ?? "") === "") return [];
    // What is no text is refused by the API server, and is in the clear all the same.
    const text = typeof value === "string" ? value : "";
    return [isEncrypted(text) ? text : decode(text)];
  });
}

/** Letters beyond ASCII come out garbled, which is of no account here. */
function decodeBase64(text: string): string {
  // Kustomize breaks long ones into lines.
  const encoded = text.replaceAll(/\s/g, "").replaceAll("+", "-").replaceAll("/", "_");
  return decodeBytes(encoded.replace(/=+$/, "")) ?? text;
}

function isEncrypted(value: unknown): value is string {
  return typeof value === "string" && value.startsWith(ENCRYPTED);
}

/** Whether a file's text is SOPS's work. YAML and JSON have a section for the checksum, files of lines (`.env`, `.ini`) a line. */
export function isEncryptedFile(text: string): boolean {
  const hasSection = /^\s*["']?sops["']?\s*:/m.test(text) || /["']sops["']\s*:/.test(text);
  const hasMac = /["']?mac["']?\s*:\s*["']?ENC\[/.test(text);
  return (
    (hasSection && hasMac) || /^sops_mac\s*=\s*["']?ENC\[/m.test(text) || /^\[sops\]$[^]*^mac\s*=\s*ENC\[/m.test(text)
  );
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
