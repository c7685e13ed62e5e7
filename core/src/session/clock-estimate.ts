/** How far the hub's clock is ahead of the agent's, from heartbeats that came back. */
export interface ClockEstimate {
  readonly offsetMs: number;
  readonly roundTripMs: number;
}

/** The newest measurements, oldest first. */
export type ClockSamples = readonly ClockEstimate[];

/** Old ones are dropped, so that an agent whose clock is set is right again after as many heartbeats. */
const KEPT_SAMPLES = 8;

/** Adds what one heartbeat measured; one that came back before it was sent (a clock was set meanwhile) counts for nothing. */
export function addSample(
  samples: ClockSamples,
  times: { readonly sentAtMs: number; readonly hubAtMs: number; readonly receivedAtMs: number },
): ClockSamples {
  const roundTripMs = times.receivedAtMs - times.sentAtMs;
  if (roundTripMs < 0) return samples;
  const offsetMs = Math.round(times.hubAtMs - times.sentAtMs - roundTripMs / 2);
  return [...samples, { offsetMs, roundTripMs }].slice(-KEPT_SAMPLES);
}

/** The sample with the shortest round trip: its error is at most half of that. Undefined before the first. */
export function bestEstimate(samples: ClockSamples): ClockEstimate | undefined {
  return samples.reduce<ClockEstimate | undefined>(
    (best, sample) => (best === undefined || sample.roundTripMs <= best.roundTripMs ? sample : best),
    undefined,
  );
}
