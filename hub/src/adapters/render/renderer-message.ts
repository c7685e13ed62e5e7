import { basename } from "node:path";
import type { Place } from "@axle/core/fleet/problem.ts";
import { RenderError, placeOf } from "./render-error.ts";
import { joinPath, type SnapshotIndex } from "./snapshot-index.ts";
import { templatePath } from "./helm-output.ts";

export interface MessageContext {
  readonly index: SnapshotIndex;
  /** What was rendered, a path without links. */
  readonly folder: string;
  /** File to name when the message names none. */
  readonly file: string;
}

/** Gives a failure of kustomize or helm the place it names, and a message without paths of this machine. */
export function explainFailure(error: unknown, context: MessageContext): unknown {
  if (!(error instanceof RenderError)) return error;
  const message = cleanMessage(error.message, context.index.snapshot.root);
  if (error.code !== "renderer")
    return new RenderError(error.code, message, { place: error.place ?? placeOf(context.file), cause: error });
  const missing = /found in Chart\.yaml, but missing in charts\/ directory: (.+)/.exec(message)?.[1];
  if (missing !== undefined) {
    const place = placeOf(context.file);
    return new RenderError("dependency", missing.trim(), { place, cause: error });
  }
  return new RenderError("renderer", message, { place: findPlace(message, context), cause: error });
}

/** People read the beginning, where the place is, and the end, where the cause is. */
const SHOWN_CHARACTERS = { start: 3_000, end: 1_000 } as const;

/** Paths become relative to the repository, whether seen from a jail or not; advice about flags nobody passed is dropped. */
export function cleanMessage(message: string, root: string): string {
  const jailed = new RegExp(`(?<![\\w./-])/${basename(root)}(?=/|\\b)`, "g");
  return shorten(
    message
      // Kustomize shows whole objects, which may hold secrets, and where they are in its memory.
      .replaceAll(/\[?\{"apiVersion".*$/gm, "…")
      // What helm logs on the way says nothing of what went wrong.
      .replaceAll(/^level=(DEBUG|INFO|WARN) msg=.*\n?/gm, "")
      .replaceAll(/^(WARNING|W\d{4}|walk\.go:\d+:).*\n/gm, "")
      .replaceAll(root, "/repository"),
  )
    .replaceAll(/(\/[\w.-]+)*\/run\/run-\w{6}\b\/?/g, "")
    .replaceAll(jailed, "/repository")
    .replaceAll("/repository/", "")
    .replaceAll("/repository", ".")
    .replaceAll(/0x[0-9a-f]{6,}/g, "…")
    .replace(/\n*Use --debug flag to render out invalid YAML\s*$/, "")
    .trim()
    .replace(/^Error: /, "")
    .trim();
}

/** What a chart says when it fails is the chart's to choose, and it stands in the state, in logs and in every status. */
function shorten(message: string): string {
  const { start, end } = SHOWN_CHARACTERS;
  const text = message.trim();
  return text.length <= start + end ? text : `${text.slice(0, start)} … ${text.slice(-end)}`;
}

/** The innermost place of a message: helm and kustomize write outer ones first. */
function findPlace(message: string, { index, folder, file }: MessageContext): Place {
  const inTemplate = [...message.matchAll(/([\w.@-]+(?:\/[\w.@-]+)*\.(?:ya?ml|tpl|json|txt)):(\d+)(?::(\d+))?/g)].at(
    -1,
  );
  if (inTemplate?.[1] !== undefined) {
    const path = existing(inTemplate[1], { index, folder, file });
    if (path !== undefined) return placeOf(path, Number(inTemplate[2]), Number(inTemplate[3] ?? 0));
  }
  // "yaml: line 4: … in File: cm.yaml" of kustomize; the line is one of that file.
  const inFile = /\bin File: (\S+)/.exec(message)?.[1];
  if (inFile !== undefined) {
    const path = existing(inFile, { index, folder, file });
    if (path !== undefined) return placeOf(path, Number(/line (\d+)/.exec(message)?.[1] ?? 0));
  }
  for (const [named] of [...message.matchAll(/[\w.@-]+(?:\/[\w.@-]+)*\.(?:ya?ml|tpl|json)/g)].toReversed()) {
    const path = existing(named, { index, folder, file });
    if (path !== undefined) return placeOf(path);
  }
  return placeOf(file);
}

/** Messages name files from the root, from the folder, or with the chart's name before them. */
function existing(named: string, { index, folder, file }: MessageContext): string | undefined {
  const candidates = [named, joinPath(folder, named), templatePath(named, folder, index)];
  return candidates.find((path) => path !== file && index.find(path).type === "file");
}
