/** Where progress is shown: a part of `process.stderr`. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const lineEveryMs = 20_000;
const redrawEveryMs = 1_000;

/**
 * Shows what is being done and for how long: one line that is redrawn on a terminal, else a line at the start, every 20 s
 * and at the end. Dispose ends it.
 */
export class Progress implements Disposable {
  readonly #output: ProgressOutput;
  readonly #startedAt = performance.now();
  readonly #timer: NodeJS.Timeout;
  #text: string;

  constructor(text: string, output: ProgressOutput) {
    this.#text = text;
    this.#output = output;
    const terminal = output.isTTY === true;
    this.#timer = setInterval(
      () => {
        this.#show();
      },
      terminal ? redrawEveryMs : lineEveryMs,
    );
    this.#timer.unref();
    if (terminal) this.#show();
    else output.write(`axle: ${text} …\n`);
  }

  /** Says something else from now on; on a terminal at once, else with the next line. */
  update(text: string): void {
    if (text === this.#text) return;
    this.#text = text;
    if (this.#output.isTTY === true) this.#show();
  }

  /** The last word on it, in place of the line. */
  finish(text: string): void {
    this[Symbol.dispose]();
    this.#output.write(`axle: ${text} (${formatSeconds(performance.now() - this.#startedAt)})\n`);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    if (this.#output.isTTY === true) this.#output.write("\r\u001B[K");
  }

  #show(): void {
    const line = `axle: ${this.#text} … ${formatSeconds(performance.now() - this.#startedAt)}`;
    this.#output.write(this.#output.isTTY === true ? `\r\u001B[K${line}` : `${line}\n`);
  }
}

/** `42s`, `1m12s`. */
export function formatSeconds(durationMs: number): string {
  const seconds = Math.round(durationMs / 1_000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
}

/** `30 seconds`, `4 minutes`, for estimates. */
export function roughly(seconds: number): string {
  if (seconds < 90) return `${Math.max(10, Math.round(seconds / 10) * 10)} seconds`;
  return `${Math.round(seconds / 60)} minutes`;
}
