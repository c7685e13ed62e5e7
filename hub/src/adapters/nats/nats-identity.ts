import { createHash } from "node:crypto";
import { encodeAccount, encodeUser, fmtCreds } from "@nats-io/jwt";
import type { Account } from "@nats-io/jwt";
import { createUser, fromPublic, fromSeed } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";
import type { NatsSeeds } from "../../identity/hub-keys.ts";
import { deriveSeed } from "./derive-seed.ts";
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

/** An account as its claims say. */
export interface AccountClaims {
  readonly id: string;
  readonly name: string;
  readonly nats: Partial<Account>;
}

/**
 * Mints all NATS identities of a fleet from the hub's seeds; holds no connection and no state.
 *
 * Agents live in an account of their own, which imports from the hub's just what an agent may ask and hear. In one
 * account their permissions would not confine them: whoever may read a slice names the subject the answer goes to, and a
 * stream that listens there stores it (the lease, another cluster's slice, a join token).
 */
export class NatsIdentity {
  readonly #operator: KeyPair;
  readonly #account: KeyPair;
  readonly #agents: KeyPair;
  readonly #system: KeyPair;
  readonly #seeds: NatsSeeds;

  constructor(seeds: NatsSeeds) {
    this.#seeds = seeds;
    this.#operator = open(seeds.operator);
    this.#account = open(seeds.account);
    this.#agents = open(deriveSeed(seeds.account, "account", "agents"));
    this.#system = open(seeds.system);
  }

  /** The hub's account, which holds all streams. */
  get accountId(): string {
    return this.#account.getPublicKey();
  }

  get systemAccountId(): string {
    return this.#system.getPublicKey();
  }

  /** Short and stable: names a server as this fleet's. */
  get fleetId(): string {
    return createHash("sha256").update(this.#operator.getPublicKey()).digest("hex").slice(0, 16);
  }

  /** Self-signed; the same text for the same keys. */
  operatorClaims(): string {
    const nats = { type: "operator", system_account: this.systemAccountId };
    return this.#signBootstrap({ id: this.#operator.getPublicKey(), name: "axle", nats });
  }

  /** Accounts as a server first learns them, account id -> token; the same text for the same keys. */
  bootstrapAccounts(): ReadonlyMap<string, string> {
    const system = { id: this.systemAccountId, name: "SYS", nats: { limits: ACCOUNT_LIMITS } };
    const accounts = [...this.accounts({}), system];
    return new Map(
      accounts.map((account) => {
        const nats = { type: "account", ...account.nats };
        return [account.id, this.#signBootstrap({ ...account, nats })];
      }),
    );
  }

  /** The hub's account and the agents', as they should be. */
  accounts(revocations: Revocations): readonly AccountClaims[] {
    return [
      { id: this.accountId, name: "AXLE", nats: { limits: HUB_LIMITS, exports: EXPORTS } },
      {
        id: this.#agents.getPublicKey(),
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
  signAccount(account: AccountClaims): Promise<string> {
    return encodeAccount(account.name, fromPublic(account.id), account.nats, { signer: this.#operator });
  }

  /** Everything in the hub's account. */
  async hubLogin(): Promise<NatsLogin> {
    const user = open(this.#seeds.hub);
    return { jwt: await encodeUser("hub", user, this.#account), seed: this.#seeds.hub.trim() };
  }

  /** May read and push claims of the fleet's accounts, for a minute. */
  async systemLogin(): Promise<NatsLogin> {
    const user = createUser();
    const permissions = {
      pub: { allow: [CLAIMS_UPDATE, ...this.accounts({}).map((account) => claimsLookupOf(account.id))] },
      sub: { allow: ["_INBOX.>"] },
    };
    const jwt = await encodeUser("hub-claims", user, this.#system, permissions, { exp: nowSeconds() + 60 });
    return { jwt, seed: Buffer.from(user.getSeed()).toString("ascii") };
  }

  /** Who a cluster's agent is, whatever token it holds: the key of its revocation. */
  agentUserId(cluster: string): string {
    return this.#agentUser(cluster).getPublicKey();
  }

  /**
   * Credentials (the text of a `.creds` file) for one cluster's agent: it may hear its own bell, read its own slice and
   * packs (which are encrypted), and nothing else (S6). It connects with the inbox prefix `_INBOX_<cluster>`.
   */
  async mintAgentUser(cluster: string, ttlMs: number): Promise<string> {
    const user = this.#agentUser(cluster);
    const permissions = {
      sub: { allow: [bellSubjectOf(cluster), `_INBOX_${cluster}.>`] },
      pub: { allow: [`${SLICE_READS}.${cluster}`, PACK_READS] },
      allowed_connection_types: ["STANDARD", "WEBSOCKET"] as ("STANDARD" | "WEBSOCKET")[],
    };
    const exp = nowSeconds() + Math.ceil(ttlMs / 1_000);
    const jwt = await encodeUser(`agent-${cluster}`, user, this.#agents, permissions, { exp });
    return Buffer.from(fmtCreds(jwt, user)).toString("utf8");
  }

  #agentUser(cluster: string): KeyPair {
    return open(deriveSeed(this.#seeds.account, "user", `agent ${checkToken(cluster)}`));
  }

  /** As the jwt package signs, but with a fixed time of issue: the text depends on the keys alone. */
  #signBootstrap(claims: { id: string; name: string; nats: object }): string {
    const body = {
      name: claims.name,
      sub: claims.id,
      nats: { ...claims.nats, version: 2 },
      aud: "NATS",
      iss: this.#operator.getPublicKey(),
      iat: BOOTSTRAP_ISSUED_AT,
    };
    const jti = createHash("sha256").update(JSON.stringify(body)).digest("base64url");
    const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...body, jti })}`;
    return `${text}.${Buffer.from(this.#operator.sign(Buffer.from(text))).toString("base64url")}`;
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
  { name: "slices", subject: `${SLICE_READS}.*`, type: "service" as const, response_type: "Singleton" as const },
  { name: "packs", subject: PACK_READS, type: "service" as const, response_type: "Singleton" as const },
  { name: "bells", subject: "axle.bell.*", type: "stream" as const },
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

function open(seed: string): KeyPair {
  return fromSeed(Buffer.from(seed.trim(), "ascii"));
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
