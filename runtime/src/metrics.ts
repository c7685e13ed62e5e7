import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";

interface MetricOptions<Label extends string> {
  /** Without the prefix: `slices_published_total`. */
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly Label[];
}

/** The process's metrics, in one registry of its own (no global one, so that two hubs can live in one test). */
export class Metrics {
  readonly #registry = new Registry();
  readonly #prefix: string;

  constructor(options: { prefix?: string; processMetrics?: boolean } = {}) {
    this.#prefix = options.prefix ?? "axle_";
    if (options.processMetrics === true) collectDefaultMetrics({ register: this.#registry });
  }

  counter<Label extends string = never>(options: MetricOptions<Label>): Counter<Label> {
    return new Counter(this.#complete(options));
  }

  /** `collect` is asked when metrics are read. */
  gauge<Label extends string = never>(
    options: MetricOptions<Label> & { readonly collect?: (gauge: Gauge<Label>) => void },
  ): Gauge<Label> {
    const { collect, ...rest } = options;
    if (collect === undefined) return new Gauge(this.#complete(rest));
    return new Gauge({
      ...this.#complete(rest),
      collect(this: Gauge<Label>) {
        collect(this);
      },
    });
  }

  histogram<Label extends string = never>(
    options: MetricOptions<Label> & { readonly buckets?: readonly number[] },
  ): Histogram<Label> {
    const { buckets, ...rest } = options;
    return new Histogram({ ...this.#complete(rest), ...(buckets === undefined ? {} : { buckets: [...buckets] }) });
  }

  /** Prometheus text format. */
  async text(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #complete<Label extends string>(options: MetricOptions<Label>) {
    return {
      name: `${this.#prefix}${options.name}`,
      help: options.help,
      labelNames: [...(options.labels ?? [])],
      registers: [this.#registry],
    };
  }
}
