import { eventually } from "./eventually.ts";
import { TestkitError } from "./testkit-error.ts";

/** What keeps a process running and is not a timer: connections, servers, child processes, watches. */
const watchedKinds = /^(TCP|Pipe|Process|FSEvent|UDP|Http|TLS|Statwatcher)/;

/**
 * Remembers what is open now; its dispose fails when more is open then, after a moment's grace. Make it first in a test, so
 * that it is disposed last:
 *
 *     await using _leaks = checkForLeaks();
 */
export function checkForLeaks(options: { timeoutMs?: number } = {}): AsyncDisposable {
  const before = countResources();
  return {
    async [Symbol.asyncDispose]() {
      try {
        await eventually(() => findLeaks(before).length === 0, { timeoutMs: options.timeoutMs ?? 2_000 });
      } catch (cause) {
        throw new TestkitError("leak", `left open at the end: ${findLeaks(before).join(", ")}`, { cause });
      }
    },
  };
}

function findLeaks(before: ReadonlyMap<string, number>): string[] {
  return [...countResources()].flatMap(([kind, count]) => {
    const more = count - (before.get(kind) ?? 0);
    return more > 0 ? [`${more} ${kind}`] : [];
  });
}

function countResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (watchedKinds.test(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
