/**
 * Names in dependency order, ties by name: of all apps whose dependencies are placed, the first by name comes next.
 * Dependencies on apps that are not among `names` do not count, and an app of a cycle comes as if it had none.
 */
export function orderApps(
  names: readonly string[],
  dependenciesOf: (name: string) => readonly string[],
): readonly string[] {
  const waiting = new Set(names.toSorted());
  const ordered: string[] = [];
  while (waiting.size > 0) {
    const [first] = waiting;
    if (first === undefined) break;
    let next = first;
    for (const name of waiting) {
      if (!dependenciesOf(name).some((dependency) => waiting.has(dependency))) {
        next = name;
        break;
      }
    }
    waiting.delete(next);
    ordered.push(next);
  }
  return ordered;
}
