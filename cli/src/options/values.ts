import { InvalidArgumentError } from "commander";
import { parseDuration } from "../output/time.ts";

const LABEL_KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** For a repeatable `--label k=v`, also `k=v,k2=v2`. */
export function collectLabels(text: string, before: Readonly<Record<string, string>> = {}): Record<string, string> {
  const labels: Record<string, string> = { ...before };
  for (const part of text.split(",")) {
    const at = part.indexOf("=");
    const [key, value] = [part.slice(0, Math.max(0, at)).trim(), part.slice(at + 1).trim()];
    if (at < 1 || !LABEL_KEY.test(key) || !LABEL_VALUE.test(value)) {
      throw new InvalidArgumentError(`"${part}" is no label; write key=value, e.g. env=prod.`);
    }
    labels[key] = value;
  }
  return labels;
}

/** For an option that may be repeated. */
export function collectTexts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `90s`, `15m`, `24h`, `7d` to milliseconds. */
export function durationMs(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError("Write a duration such as 90s, 15m, 24h or 7d.");
  return ms;
}

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError("Write a whole number, 1 or more.");
  return Number(text);
}

/** `1.37`, `v1.37.0`: what Kubernetes calls its versions, always with the letter. */
export function kubernetesVersion(text: string): string {
  const numbers = /^v?(\d+\.\d+(?:\.\d+)?(?:[-+][0-9A-Za-z.+-]+)?)$/.exec(text)?.[1];
  if (numbers === undefined) throw new InvalidArgumentError("Write a version of Kubernetes such as v1.37.0.");
  return `v${numbers}`;
}
