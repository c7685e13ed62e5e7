const CODES = { red: 31, green: 32, yellow: 33, grey: 90, bold: 1 } as const;

export type Colour = keyof typeof CODES;

/** The text in a colour, or as it is. */
export function paint(text: string, colour: Colour | undefined, enabled: boolean): string {
  return enabled && colour !== undefined ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

const BY_WORD: Readonly<Record<string, Colour>> = {
  Healthy: "green",
  Applied: "green",
  Online: "green",
  Suspended: "yellow",
  Progressing: "yellow",
  Applying: "yellow",
  Pending: "yellow",
  Missing: "red",
  Degraded: "red",
  Unknown: "grey",
  Failed: "red",
  Blocked: "red",
  Offline: "red",
  Leaving: "yellow",
  Waiting: "yellow",
  Revoked: "red",
  On: "red",
  held: "yellow",
  error: "red",
  warning: "yellow",
};

/** The colour of a state by its first word: `Offline since …` is red as `Offline` is. */
export function colourOfState(text: string): Colour | undefined {
  return BY_WORD[text.split(/[\s:]/, 1)[0] ?? ""];
}
