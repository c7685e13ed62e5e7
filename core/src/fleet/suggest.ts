/** The candidate somebody most likely meant, or undefined when none is near. */
export function suggest(written: string, candidates: Iterable<string>): string | undefined {
  const folded = fold(written);
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(folded.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = fold(candidate) === folded ? 0 : editDistance(folded, fold(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** ` Did you mean "x"?` or nothing. */
export function didYouMean(written: string, candidates: Iterable<string>): string {
  const suggestion = suggest(written, candidates);
  return suggestion === undefined ? "" : `; did you mean "${suggestion}"?`;
}

/** `match_labels`, `MatchLabels` and `match-labels` are all matchLabels. */
function fold(text: string): string {
  return text.replaceAll(/[-_ ]/g, "").toLowerCase();
}

/** Insertions, deletions, replacements and swapped neighbours (optimal string alignment). */
export function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 20) return Math.max(a.length, b.length);
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(at(last, j) + 1, at(row, j - 1) + 1, at(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, at(before, j - 2) + 1);
      row.push(cost);
    }
    before = last;
    last = row;
  }
  return at(last, b.length);
}

function at(row: readonly number[], index: number): number {
  return row[index] as number;
}
