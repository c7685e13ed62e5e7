import { paint } from "@axle/cli/output/colour.ts";
import { formatDuration } from "@axle/cli/output/time.ts";
import type { StepReport } from "./journey/step.ts";

/** What one step of the demo came to. */
interface StepResult {
  readonly number: number;
  readonly title: string;
  readonly isTrue: boolean;
  headline: string;
}

/** The demo's output: steps with what was seen and how long it took, and a table at the end. */
export class DemoScreen {
  readonly #out: NodeJS.WriteStream;
  readonly #colour: boolean;
  readonly #results: StepResult[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
    this.#colour = out.isTTY && !process.env["NO_COLOR"];
  }

  line(text = ""): void {
    this.#out.write(`${text}\n`);
  }

  started(what: string, tookMs: number): void {
    this.#row(what, tookMs);
  }

  /** Plays one step under its heading. Resolves to whether its claims were seen to be true. */
  async step(title: string, does: string, play: (report: StepReport) => Promise<void>): Promise<boolean> {
    const number = this.#results.length + 1;
    this.line(`\n${paint(`${number}. ${title}`, "bold", this.#colour)}\n   ${paint(does, "grey", this.#colour)}`);
    let headline = "";
    const report: StepReport = {
      observed: (text, tookMs) => this.#row(text, tookMs),
      quote: (text) => this.line(text.trimEnd().replace(/^/gm, "     | ")),
      headline: (text) => {
        headline = text;
      },
    };
    const startedMs = performance.now();
    try {
      await play(report);
      this.#results.push({ number, title, isTrue: true, headline });
      this.line(`   ${paint("seen to be true", "green", this.#colour)}, step took ${since(startedMs)}`);
      return true;
    } catch (error) {
      this.#results.push({ number, title, isTrue: false, headline: error instanceof Error ? error.message : "" });
      this.failure(error);
      return false;
    }
  }

  failure(error: unknown): void {
    this.line(`   ${paint("failed:", "red", this.#colour)} ${error instanceof Error ? error.message : String(error)}`);
  }

  /** The table of all steps. */
  summary(): void {
    this.line(`\n${paint("Summary", "bold", this.#colour)}`);
    const width = Math.max(...this.#results.map(({ title }) => title.length));
    for (const { number, title, isTrue, headline } of this.#results) {
      const verdict = paint(isTrue ? "true  " : "FAILED", isTrue ? "green" : "red", this.#colour);
      this.line(`  ${number}  ${title.padEnd(width)}  ${verdict}  ${headline}`);
    }
  }

  #row(text: string, tookMs: number | undefined): void {
    const time = tookMs === undefined ? "" : formatDuration(tookMs);
    this.line(`   ${time.padStart(9)}  ${text}`);
  }
}

function since(startedMs: number): string {
  return formatDuration(performance.now() - startedMs);
}
