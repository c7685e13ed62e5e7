import type { RegisterOutcome } from "@axle/core/session/messages.ts";
import { Backoff } from "@axle/runtime/backoff.ts";
import { publicKeyOf } from "@axle/runtime/crypto/raw-keys.ts";
import type { Logger } from "@axle/runtime/logger.ts";
import { SayOnce } from "@axle/runtime/say-once.ts";
import { type Sleep, sleep as realSleep } from "@axle/runtime/sleep.ts";
import { HubError } from "../hub-error.ts";
import { acceptKeySet } from "../slice/key-set.ts";
import type { Identity, IdentityStore, RegisteredIdentity } from "./identity.ts";
import { JoinError } from "./join-error.ts";
import { newIdentity } from "./new-identity.ts";
import type { ClusterDescription, HubEndpoint, RegistrationApi } from "./ports.ts";
import { readJoinToken } from "./read-join-token.ts";

export interface JoinOptions {
  readonly store: IdentityStore;
  /** Needed only until the agent has joined. Secret. */
  readonly token: string | undefined;
  /** "" takes the one the token names. */
  readonly name: string;
  readonly agentVersion: string;
  readonly connect: (endpoint: HubEndpoint) => RegistrationApi;
  readonly describeCluster: (signal: AbortSignal) => Promise<ClusterDescription>;
  readonly log: Logger;
  readonly backoff?: Backoff;
  readonly sleep?: Sleep;
}

/**
 * The identity this agent works under: the stored one, or a new one that the hub admits. Killed at any point it goes on as
 * the same agent, because the keys are stored before the hub hears of them and the hub answers the same key the same way.
 * Throws {@link JoinError} when trying again will not help.
 */
export async function joinHub(options: JoinOptions, signal: AbortSignal): Promise<RegisteredIdentity> {
  const { store, token, log } = options;
  const stored = await store.load(signal);
  if (stored !== undefined && isRegistered(stored)) return stored;
  if (token === undefined) {
    throw new JoinError(
      "no-token",
      "this agent has not joined a fleet yet: give it a join token (`axle token create` prints one)",
    );
  }
  const { hubAddress, caPem } = readJoinToken(token);
  const { left, ...identity } = stored ?? newIdentity(options.name);
  if (stored === undefined || left !== undefined) await store.save(identity, signal);
  const api = options.connect({ address: hubAddress, caPem });
  const registered = await register({ ...options, token, identity, api }, signal);
  acceptKeySet(undefined, registered.keySet);
  const { type: _, ...given } = registered;
  const joined = { ...identity, registered: given };
  await store.save(joined, signal);
  log.info({ cluster: registered.name, id: registered.clusterId, hub: hubAddress }, "joined the fleet");
  return joined;
}

type Registering = JoinOptions & { readonly token: string; readonly identity: Identity; readonly api: RegistrationApi };

/** Asks until the hub says yes: it may be away, and a person may have to agree first. */
async function register(
  options: Registering,
  signal: AbortSignal,
): Promise<Extract<RegisterOutcome, { type: "registered" }>> {
  const { api, identity, log, sleep = realSleep, backoff = new Backoff({ longestMs: 30_000 }) } = options;
  const sealPublicKey = publicKeyOf("x25519", Buffer.from(identity.sealPrivateKey, "base64"));
  const saying = new SayOnce(log);
  let waitsFor: string | undefined;
  while (true) {
    signal.throwIfAborted();
    try {
      const { kubeSystemUid, facts } = await options.describeCluster(signal);
      const outcome = await api.register(
        {
          token: options.token,
          name: options.name,
          csrPem: identity.csrPem,
          sealPublicKey: Buffer.from(sealPublicKey).toString("base64"),
          kubeSystemUid,
          agentVersion: options.agentVersion,
          facts,
        },
        signal,
      );
      backoff.reset();
      saying.recovered("the hub answers");
      if (outcome.type === "registered") return outcome;
      if (outcome.reason !== waitsFor) log.warn({ reason: outcome.reason }, "waiting to be admitted to the fleet");
      waitsFor = outcome.reason;
      await sleep(Math.max(1_000, outcome.retryAfterMs), signal);
    } catch (error) {
      if (signal.aborted) throw error;
      if (error instanceof HubError && error.code === "refused") {
        throw new JoinError("refused", error.message, { cause: error });
      }
      saying.failed(error, "cannot register with the hub, trying again until it answers");
      await sleep(backoff.nextMs(), signal);
    }
  }
}

function isRegistered(identity: Identity): identity is RegisteredIdentity {
  return identity.registered !== undefined;
}
