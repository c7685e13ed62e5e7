/** One line a process wrote, with the stream it came from. */
export interface LogLine {
  readonly stream: "stdout" | "stderr";
  readonly text: string;
}

const longestLineChars = 4_000;

/**
 * The newest lines of a process, up to a limit; older ones are dropped and counted.
 * A bounded ring, because a chatty server that runs for an hour must not fill the memory of who watches it.
 */
export class LogRing {
  readonly #limit: number;
  readonly #lines: LogLine[] = [];
  readonly #partial = { stdout: "", stderr: "" };
  #dropped = 0;

  constructor(limit = 2_000) {
    this.#limit = limit;
  }

  /** Takes a piece of output and returns the lines it completed; the rest waits for the next piece. */
  push(stream: LogLine["stream"], chunk: string): readonly LogLine[] {
    const pieces = (this.#partial[stream] + chunk).split("\n");
    this.#partial[stream] = (pieces.pop() ?? "").slice(0, longestLineChars);
    const lines = pieces.map((text) => ({ stream, text: text.slice(0, longestLineChars) }));
    this.#lines.push(...lines);
    const surplus = this.#lines.length - this.#limit;
    if (surplus > 0) {
      this.#lines.splice(0, surplus);
      this.#dropped += surplus;
    }
    return lines;
  }

  /** All lines held, oldest first, including one that is not finished yet. */
  lines(): readonly LogLine[] {
    const unfinished = (["stdout", "stderr"] as const)
      .filter((stream) => this.#partial[stream] !== "")
      .map((stream) => ({ stream, text: this.#partial[stream] }));
    return [...this.#lines, ...unfinished];
  }

  /** The newest `count` lines as text, for error messages. */
  tail(count = 20): string {
    const texts = this.lines().map((line) => line.text);
    const hidden = this.#dropped + Math.max(0, texts.length - count);
    const head = hidden > 0 ? [`(${hidden} earlier lines)`] : [];
    return [...head, ...texts.slice(-count)].join("\n");
  }
}
