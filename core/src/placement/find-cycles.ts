/** Which way an app leads back to itself through what it depends on: `a -> b -> a`. Every app of a cycle is a key. */
export function findCycles(
  dependencies: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const cycles = new Map<string, readonly string[]>();
  const done = new Set<string>();
  for (const start of [...dependencies.keys()].sort()) {
    if (!done.has(start)) walk(start, { dependencies, done, cycles });
  }
  return cycles;
}

interface Walk {
  readonly dependencies: ReadonlyMap<string, readonly string[]>;
  readonly done: Set<string>;
  readonly cycles: Map<string, readonly string[]>;
}

/** Depth first without recursion: a chain of apps may be long. */
function walk(start: string, { dependencies, done, cycles }: Walk): void {
  const path: { readonly app: string; readonly next: Iterator<string> }[] = [];
  const onPath = new Map<string, number>();
  const enter = (app: string): void => {
    onPath.set(app, path.length);
    path.push({ app, next: (dependencies.get(app) ?? []).values() });
  };
  enter(start);
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const { value: dependency, done: exhausted } = top.next.next();
    if (exhausted === true || dependency === undefined) {
      path.pop();
      onPath.delete(top.app);
      done.add(top.app);
      continue;
    }
    const seenAt = onPath.get(dependency);
    if (seenAt !== undefined) {
      const cycle = path.slice(seenAt).map(({ app }) => app);
      for (const app of cycle) if (!cycles.has(app)) cycles.set(app, [...cycle, dependency]);
    } else if (!done.has(dependency) && dependencies.has(dependency)) enter(dependency);
  }
}
