import { PHASES, PLAIN_ORDER, orderOf } from "@axle/core/manifest/hook.ts";
import type { ObjectOrder, Phase } from "@axle/core/manifest/hook.ts";
import type { ObjectId } from "@axle/core/manifest/object.ts";
import type { DesiredApp } from "../ports.ts";
import { describeId } from "./app-board.ts";
import type { PlannedWrite } from "./app-planner.ts";
import type { ResolvedObject } from "./resolved-app.ts";

export interface AppHook extends ResolvedObject {
  readonly order: ObjectOrder;
}

/** When the objects of an app that say so want to be applied. */
export interface AppOrder {
  /** Applied and kept, in their phase. */
  readonly kept: readonly ResolvedObject[];
  readonly hooks: readonly AppHook[];
  /** Hooks, and what is never applied: changes of these are nobody's drift. */
  readonly unkeptIds: ReadonlySet<ObjectId>;
  /** Of kept objects with annotations; the others are plain. */
  readonly orders: ReadonlyMap<ObjectId, ObjectOrder>;
  /** Annotations that cannot be understood, in words. */
  readonly problems: readonly string[];
}

/** What is applied together: one wave of one phase. */
export interface Step {
  readonly phase: Phase;
  readonly wave: number;
  /** Kept objects that stand here, whether they differ or not. */
  readonly ids: readonly ObjectId[];
  readonly writes: readonly PlannedWrite[];
  readonly hooks: readonly AppHook[];
}

interface GrowingStep extends Step {
  readonly ids: ObjectId[];
  readonly writes: PlannedWrite[];
  readonly hooks: AppHook[];
}

/** Undefined when no object says anything: then none of this costs anything. */
export function orderApp(objects: readonly ResolvedObject[]): AppOrder | undefined {
  const orders = new Map<ObjectId, ObjectOrder>();
  for (const { id, source } of objects) {
    const order = orderOf(source);
    if (order !== undefined) orders.set(id, order);
  }
  if (orders.size === 0) return undefined;
  const hooks = objects.flatMap((object) => {
    const order = orders.get(object.id);
    return order?.isHook === true ? [{ ...object, order }] : [];
  });
  const isKept = ({ id }: ResolvedObject) =>
    phaseOfKept(orders.get(id)) !== undefined && orders.get(id)?.isHook !== true;
  return {
    kept: objects.filter(isKept),
    hooks: hooks.filter(({ order }) => order.onFailure || order.install !== undefined || order.upgrade !== undefined),
    unkeptIds: new Set(objects.filter((object) => !isKept(object)).map(({ id }) => id)),
    orders,
    problems: [...orders].flatMap(([id, { problem }]) =>
      problem === undefined ? [] : [`${describeId(id)}: ${problem}`],
    ),
  };
}

/** What names one revision of an app: hooks run once in each. The commit keeps apart what a hub that lost its store counts anew. */
export function runOf({ revision, commit }: DesiredApp): string {
  return `${revision}@${commit}`;
}

/** The steps of an apply, in order. */
export function toSteps(
  order: AppOrder,
  work: { readonly writes: readonly PlannedWrite[]; readonly hooks: readonly AppHook[]; readonly isNew: boolean },
): readonly Step[] {
  const steps = new Map<string, GrowingStep>();
  const stepOf = (phase: Phase, wave: number) => {
    const key = `${phase} ${wave}`;
    const step: GrowingStep = steps.get(key) ?? { phase, wave, ids: [], writes: [], hooks: [] };
    steps.set(key, step);
    return step;
  };
  const stepOfKept = (id: ObjectId) => {
    const { wave } = order.orders.get(id) ?? PLAIN_ORDER;
    return stepOf(phaseOfKept(order.orders.get(id)) ?? "sync", wave);
  };
  for (const { id } of order.kept) stepOfKept(id).ids.push(id);
  for (const write of work.writes) stepOfKept(write.object.id).writes.push(write);
  for (const hook of work.hooks) {
    const phase = phaseOfHook(hook, work.isNew);
    if (phase !== undefined) stepOf(phase, hook.order.wave).hooks.push(hook);
  }
  const rankOf = ({ phase }: Step) => PHASES.indexOf(phase);
  return [...steps.values()].toSorted((a, b) => rankOf(a) - rankOf(b) || a.wave - b.wave);
}

/** Undefined when the hook does not run at this moment of the app's life. */
export function phaseOfHook({ order }: AppHook, isNew: boolean): Phase | undefined {
  return isNew ? order.install : order.upgrade;
}

/** What is kept is kept from the first revision to the last, whenever it was meant to come. */
function phaseOfKept(order: ObjectOrder | undefined): Phase | undefined {
  const { install, upgrade } = order ?? PLAIN_ORDER;
  return install ?? upgrade;
}
