import { setTimeout as delay } from "node:timers/promises";
import type { AuditEvent } from "@axle/testkit/kube-cluster.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { configMapPath } from "../live-objects.ts";
import { ObjectWatch } from "../watch-object.ts";
import { AgentStand, appFiles } from "./agent-stand.ts";
import { summarise } from "./benchmark.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import { configMaps, namespaceOf } from "./sample-objects.ts";
import type { SampleObject } from "./sample-objects.ts";

const OBJECTS = 1_000;
const CHANGES = 20;
/** Between an object that is changed and the next. */
const SPREAD = 40;
const SETTINGS_CHANGES = 5;
const APPS = 100;
const OBJECTS_PER_APP = 10;
const ROUNDS = 4;
/** Status and events are written behind the work. */
const QUIET_MS = 2_500;
const APP = "thousand";

export const agentFollow: Benchmark = {
  name: "agent-follow",
  about: `the next slice: one of ${OBJECTS} objects changed, none changed, ${APPS} apps changed; requests from the API server's audit log`,
  async run(progress) {
    await using stand = await AgentStand.start({ progress, audit: true });
    progress(`applying ${OBJECTS} objects`);
    await stand.publish(appFiles(APP, thousandAfter(-1)), "feat: a thousand objects");
    const tally = new RequestTally(stand);
    const timeRounds = async (what: string, changed: number): Promise<number[]> => {
      const tookMs: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        tookMs.push(await timeApps(stand, `${changed}-${round}`, changed));
      }
      progress(`${APPS} apps, ${what}: ${tookMs.map((ms) => ms.toFixed(0)).join(" ")} ms`);
      return tookMs;
    };
    await tally.next();

    const tookMs: number[] = [];
    for (let change = 0; change < CHANGES; change++) {
      tookMs.push(await timeChange(stand, change));
      progress(`change ${change + 1} of ${CHANGES}: ${tookMs.at(-1)?.toFixed(0)} ms`);
    }
    const changed = await tally.next();

    progress("slices that change no object");
    for (let change = 0; change < SETTINGS_CHANGES; change++) {
      const files = appFiles(APP, thousandAfter(CHANGES - 1), { timeout: `${100 + change}s` });
      const { "apps/thousand/app.yaml": settings = "" } = files;
      await stand.publish({ "apps/thousand/app.yaml": settings }, `feat: timeout ${change}`);
    }
    const unchanged = await tally.next();

    progress(`adding ${APPS} apps of ${OBJECTS_PER_APP} objects`);
    await stand.publish(hundredAt("first", 1), "feat: a hundred apps");
    const oneOfEachMs = await timeRounds("one object of each", 1);
    const allOfEachMs = await timeRounds("all objects", OBJECTS_PER_APP);
    return [
      { ...summarise("one change of 1,000: from the ring until it is live", "ms", tookMs), goal: { most: 300 } },
      ...countFigures("one change of 1,000", changed, { slices: CHANGES, writes: 1 }),
      ...countFigures("no change of 1,000", unchanged, { slices: SETTINGS_CHANGES, writes: 0 }),
      {
        ...summarise(`one object of each of ${APPS} apps: from the ring until the last is live`, "ms", oneOfEachMs),
        goal: { most: 3_000 },
      },
      summarise(`all ${OBJECTS_PER_APP} objects of each of ${APPS} apps: likewise`, "ms", allOfEachMs),
    ];
  },
};

/** One object gets another value; until a watch shows it. */
async function timeChange(stand: AgentStand, change: number): Promise<number> {
  const index = change * SPREAD;
  using watch = ObjectWatch.open<LiveConfigMap>(stand.cluster, configMapPath(APP, `settings-${index}`));
  const steps = await stand.publish(appFiles(APP, thousandAfter(change)), `feat: change ${change}`);
  const seen = await watch.until(({ data }) => data?.["text"] === `changed ${change}`);
  return seen.atMs - steps.rungAtMs;
}

/** Changes stay, so that each slice differs from the one before in one object. */
function thousandAfter(change: number): readonly SampleObject[] {
  const objects = configMaps(OBJECTS).map((object, at) =>
    at % SPREAD === 0 && at <= change * SPREAD ? { ...object, data: { text: `changed ${at / SPREAD}` } } : object,
  );
  return [namespaceOf(APP), ...objects];
}

/** A hundred apps whose last objects, this many of them, are of this round. */
function hundredAt(round: string, changed: number): Record<string, string> {
  const objects = configMaps(OBJECTS_PER_APP).map((object, at) =>
    at >= OBJECTS_PER_APP - changed ? { ...object, data: { round } } : object,
  );
  const names = Array.from({ length: APPS }, (_, index) => `hundred-${index}`);
  return Object.assign({}, ...names.map((name) => appFiles(name, [namespaceOf(name), ...objects])));
}

/** As many objects of each app get another value; until a watch shows the last object of every app. */
async function timeApps(stand: AgentStand, round: string, changed: number): Promise<number> {
  // In all namespaces at once.
  using watch = ObjectWatch.open<LiveConfigMap>(stand.cluster, `/api/v1/configmaps/settings-${OBJECTS_PER_APP - 1}`);
  const { rungAtMs } = await stand.publish(hundredAt(round, changed), `feat: round ${round}`);
  const there = new Set<string>();
  const { atMs } = await watch.until(({ data, metadata }) => {
    if (data?.["round"] === round) there.add(metadata.uid);
    return there.size === APPS;
  });
  return atMs - rungAtMs;
}

interface RequestCounts {
  readonly writes: number;
  readonly dryRuns: number;
  readonly lists: number;
  /** Of what the agent remembers and tells in the cluster itself, its lease excepted. */
  readonly ownWrites: number;
}

/** Counts the agent's requests from one look to the next. */
class RequestTally {
  readonly #stand: AgentStand;
  #seen = 0;

  constructor(stand: AgentStand) {
    this.#stand = stand;
  }

  /** What was asked since the last time, once the agent is quiet. */
  async next(): Promise<RequestCounts> {
    await delay(QUIET_MS);
    const requests = await this.#stand.agentRequests();
    const fresh = requests.slice(this.#seen).filter(({ requestURI }) => !requestURI.includes("/leases/"));
    this.#seen = requests.length;
    const isOwn = ({ requestURI }: AuditEvent) => requestURI.includes("/axle-system/");
    const writes = fresh.filter(({ verb }) => !["get", "list", "watch"].includes(verb));
    const real = writes.filter(({ requestURI }) => !requestURI.includes("dryRun="));
    return {
      writes: real.filter((event) => !isOwn(event)).length,
      dryRuns: writes.length - real.length,
      lists: fresh.filter(({ verb }) => verb === "list").length,
      ownWrites: real.filter(isOwn).length,
    };
  }
}

function countFigures(
  what: string,
  counts: RequestCounts,
  expected: { readonly slices: number; readonly writes: number },
): Figure[] {
  const { slices } = expected;
  const each = (label: string, total: number): Figure => ({
    label: `${what}: ${label}, each slice`,
    unit: "count",
    value: total / slices,
    samples: slices,
  });
  return [
    { ...each("objects written", counts.writes), goal: { least: expected.writes, most: expected.writes } },
    { ...each("lists", counts.lists), goal: { least: 0, most: 0 } },
    each("dry-runs", counts.dryRuns),
    each("writes of the agent's own records", counts.ownWrites),
  ];
}
