/** `a`, `a or b`, `a, b or c`. */
export function joinWords(words: readonly string[], conjunction: string): string {
  if (words.length < 2) return words[0] ?? "";
  return `${words.slice(0, -1).join(", ")} ${conjunction} ${words.at(-1)}`;
}
