import { z } from "zod";
import { CONTRACT_SCHEMAS } from "./contract-schemas.ts";
import type { ContractKind } from "./contract-schemas.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const SCHEMAS = new Map<ContractKind, JsonSchema>();

/** The JSON Schema of a kind, generated from what the parser itself uses: for editors, and for telling where a field belongs. */
export function jsonSchemaOf(kind: ContractKind): JsonSchema {
  const held = SCHEMAS.get(kind);
  if (held !== undefined) return held;
  const schema = z.toJSONSchema(CONTRACT_SCHEMAS[kind], { io: "input", target: "draft-2020-12" }) as JsonSchema;
  SCHEMAS.set(kind, schema);
  return schema;
}
