import { createHash } from "node:crypto";
import type { NatsSeeds } from "../../identity/hub-keys.ts";
import { formatCreds, signClaims } from "./claims-token.ts";
import { deriveNkey, newUserKey, openNkey } from "./nkey.ts";
import type { Nkey } from "./nkey.ts";
import { bellSubjectOf, checkToken, PACK_STREAM, STATE_STREAM } from "./subjects.ts";

/** User public key -> Unix seconds: tokens of the user issued then or before are void. */
export type Revocations = Readonly<Record<string, number>>;

/** Who a connection logs in as. */
export interface NatsLogin {
  readonly jwt: string;
  readonly seed: string;
}

const UNLIMITED = -1;
/** Issue time of the claims in a server's configuration: older than any that is pushed, so a restart never undoes a revocation. */
const BOOTSTRAP_ISSUED_AT = 1;

/** What we set of an account; compared as canonical JSON. */
export interface AccountSettings {
  readonly limits: Readonly<Record<string, number | boolean>>;
  readonly exports?: readonly Readonly<Record<string, string>>[];
  readonly imports?: readonly Readonly<Record<string, string>>[];
  readonly revocations?: Revocations;
}

/** An account as its claims say. */
export interface AccountClaims {
  readonly id: string;
  readonly name: string;
  readonly nats: AccountSettings;
}

/**
 * Mints all NATS identities of a fleet from the hub's seeds; holds no connection and no state.
 *
 * Agents live in an account of their own, which imports from the hub's just what an agent may ask and hear. In one
 * account their permissions would not confine them: whoever may read a slice names the subject the answer goes to, and a
 * stream that listens there stores it (the lease, another cluster's slice, a join token).
 */
export class NatsIdentity {
  readonly #operator: Nkey;
  readonly #account: Nkey;
  readonly #agents: Nkey;
  readonly #system: Nkey;
  readonly #hub: Nkey;

  constructor(seeds: NatsSeeds) {
    this.#operator = openNkey(seeds.operator);
    this.#account = openNkey(seeds.account);
    this.#agents = deriveNkey(seeds.account, "account", "agents");
    this.#system = openNkey(seeds.system);
    this.#hub = openNkey(seeds.hub);
  }

  /** The hub's account, which holds all streams. */
  get accountId(): string {
    return this.#account.id;
  }

  get systemAccountId(): string {
    return this.#system.id;
  }

  /** Short and stable: names a server as this fleet's. */
  get fleetId(): string {
    return createHash("sha256").update(this.#operator.id).digest("hex").slice(0, 16);
  }

  /** Self-signed; the same text for the same keys. */
  operatorClaims(): string {
    const nats = { type: "operator", system_account: this.systemAccountId } as const;
    return signClaims({ name: "axle", sub: this.#operator.id, iat: BOOTSTRAP_ISSUED_AT, nats }, this.#operator);
  }

  /** Accounts as a server first learns them, account id -> token; the same text for the same keys. */
  bootstrapAccounts(): ReadonlyMap<string, string> {
    const system = { id: this.systemAccountId, name: "SYS", nats: { limits: ACCOUNT_LIMITS } };
    const accounts = [...this.accounts({}), system];
    return new Map(accounts.map((account) => [account.id, this.#signAccount(account, BOOTSTRAP_ISSUED_AT)]));
  }

  /** The hub's account and the agents', as they should be. */
  accounts(revocations: Revocations): readonly AccountClaims[] {
    return [
      { id: this.accountId, name: "AXLE", nats: { limits: HUB_LIMITS, exports: EXPORTS } },
      {
        id: this.#agents.id,
        name: "AGENTS",
        nats: {
          limits: ACCOUNT_LIMITS,
          imports: EXPORTS.map(({ name, subject, type }) => ({ name, subject, type, account: this.accountId })),
          revocations: { ...revocations },
        },
      },
    ];
  }

  /** An account as pushed to running servers: newer than the bootstrap claims. */
  signAccount(account: AccountClaims): string {
    return this.#signAccount(account, nowSeconds());
  }

  /** Everything in the hub's account. */
  hubLogin(): NatsLogin {
    const token = signUser({ name: "hub", user: this.#hub, permissions: {} }, this.#account);
    return { jwt: token, seed: this.#hub.seed };
  }

  /** May read and push claims of the fleet's accounts, for a minute. */
  systemLogin(): NatsLogin {
    const user = newUserKey();
    const permissions = {
      pub: { allow: [CLAIMS_UPDATE, ...this.accounts({}).map((account) => claimsLookupOf(account.id))] },
      sub: { allow: ["_INBOX.>"] },
    };
    const token = signUser({ name: "hub-claims", user, permissions, ttlMs: 60_000 }, this.#system);
    return { jwt: token, seed: user.seed };
  }

  /** Who a cluster's agent is, whatever token it holds: the key of its revocation. */
  agentUserId(cluster: string): string {
    return this.#agentUser(cluster).id;
  }

  /**
   * Credentials (the text of a `.creds` file) for one cluster's agent: it may hear its own bell, read its own slice and
   * packs (which are encrypted), and nothing else (S6). It connects with the inbox prefix `_INBOX_<cluster>`.
   * `voidMs`: what was issued until then is revoked, so these are dated later.
   */
  mintAgentUser(cluster: string, ttlMs: number, voidMs = 0): string {
    const user = this.#agentUser(cluster);
    const permissions = {
      sub: { allow: [bellSubjectOf(cluster), `_INBOX_${cluster}.>`] },
      pub: { allow: [`${SLICE_READS}.${cluster}`, PACK_READS] },
      allowed_connection_types: ["STANDARD", "WEBSOCKET"],
    };
    const request = { name: `agent-${cluster}`, user, permissions, ttlMs, after: secondsOf(voidMs) };
    return formatCreds(signUser(request, this.#agents), user);
  }

  #agentUser(cluster: string): Nkey {
    return deriveNkey(this.#account.seed, "user", `agent ${checkToken(cluster)}`);
  }

  #signAccount(account: AccountClaims, iat: number): string {
    const nats = { type: "account", ...account.nats } as const;
    return signClaims({ name: account.name, sub: account.id, iat, nats }, this.#operator);
  }
}

/** Where servers take new claims. */
export const CLAIMS_UPDATE = "$SYS.REQ.CLAIMS.UPDATE";

export function claimsLookupOf(accountId: string): string {
  return `$SYS.REQ.ACCOUNT.${accountId}.CLAIMS.LOOKUP`;
}

const SLICE_READS = `$JS.API.DIRECT.GET.${STATE_STREAM}.axle.slice`;
const PACK_READS = `$JS.API.DIRECT.GET.${PACK_STREAM}.axle.pack.>`;

/** All that crosses from the hub's account to the agents'. */
const EXPORTS = [
  { name: "slices", subject: `${SLICE_READS}.*`, type: "service", response_type: "Singleton" },
  { name: "packs", subject: PACK_READS, type: "service", response_type: "Singleton" },
  { name: "bells", subject: "axle.bell.*", type: "stream" },
];

const ACCOUNT_LIMITS = {
  subs: UNLIMITED,
  data: UNLIMITED,
  payload: UNLIMITED,
  imports: UNLIMITED,
  exports: UNLIMITED,
  wildcards: true,
  conn: UNLIMITED,
  leaf: UNLIMITED,
};

const HUB_LIMITS = {
  ...ACCOUNT_LIMITS,
  mem_storage: UNLIMITED,
  disk_storage: UNLIMITED,
  streams: UNLIMITED,
  consumer: UNLIMITED,
  mem_max_stream_bytes: UNLIMITED,
  disk_max_stream_bytes: UNLIMITED,
};

interface UserRequest {
  readonly name: string;
  readonly user: Nkey;
  readonly permissions: Readonly<Record<string, unknown>>;
  /** For ever when left out. */
  readonly ttlMs?: number;
  /** Unix seconds it is issued after. */
  readonly after?: number;
}

function signUser(request: UserRequest, account: Nkey): string {
  const { name, user, permissions, ttlMs, after = 0 } = request;
  const iat = Math.max(nowSeconds(), after + 1);
  const nats = { type: "user", subs: UNLIMITED, data: UNLIMITED, payload: UNLIMITED, ...permissions } as const;
  const expiry = ttlMs === undefined ? {} : { exp: iat + Math.ceil(ttlMs / 1_000) };
  return signClaims({ name, sub: user.id, iat, ...expiry, nats }, account);
}

function nowSeconds(): number {
  return secondsOf(Date.now());
}

function secondsOf(ms: number): number {
  return Math.floor(ms / 1_000);
}
