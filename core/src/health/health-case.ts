import type { KubeObject } from "../manifest/object.ts";
import type { Health } from "../status/report.ts";

/** For tests of health: builders of objects with a status, and the row of a table. */
export interface HealthCase {
  readonly says: string;
  readonly object: KubeObject;
  readonly health: Health | undefined;
  readonly message?: RegExp;
}

export type Part = Readonly<Record<string, unknown>>;

export const CREATED = "2026-01-01T00:00:00Z";

export function object(apiVersion: string, kind: string, ...[parts, metadata]: readonly [Part, Part?]): KubeObject {
  return {
    apiVersion,
    kind,
    metadata: { name: "x", generation: 2, creationTimestamp: CREATED, ...metadata },
    ...parts,
  };
}

export function condition(type: string, status: string, more: Part = {}): Part {
  return { type, status, ...more };
}
