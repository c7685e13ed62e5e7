/**
 * Whether a path fits a glob: `*` and `?` stay within a segment, `**` as a whole segment stands for any number of them.
 * Not a regular expression on purpose: the globs come from the repository, and a backtracking engine could be kept busy
 * for years. This takes at most the product of both lengths.
 */
export function matchesGlob(glob: string, path: string): boolean {
  return matchesWildcards(glob.split("/"), path.split("/"), {
    isStar: (segment) => segment === "**",
    fits: (pattern, segment) => matchesWildcards(Array.from(pattern), Array.from(segment), CHARACTERS),
  });
}

interface Alphabet {
  /** Stands for any number of units. */
  isStar(unit: string): boolean;
  fits(pattern: string, unit: string): boolean;
}

const CHARACTERS: Alphabet = {
  isStar: (character) => character === "*",
  fits: (pattern, character) => pattern === "?" || pattern === character,
};

/** Greedy: only the last star ever has to give back. */
function matchesWildcards(pattern: readonly string[], units: readonly string[], alphabet: Alphabet): boolean {
  let at = 0;
  let next = 0;
  let star = -1;
  let starTook = 0;
  while (next < units.length) {
    const expected = pattern[at];
    if (expected !== undefined && alphabet.isStar(expected)) {
      star = at;
      starTook = next;
      at += 1;
    } else if (expected !== undefined && alphabet.fits(expected, units[next] as string)) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      starTook += 1;
      next = starTook;
      at = star + 1;
    } else return false;
  }
  return pattern.slice(at).every((rest) => alphabet.isStar(rest));
}
