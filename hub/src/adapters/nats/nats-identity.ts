import { createHash } from "node:crypto";
import { encodeAccount, encodeUser, fmtCreds } from "@nats-io/jwt";
import { createUser, fromSeed } from "@nats-io/nkeys";
import type { KeyPair } from "@nats-io/nkeys";
import type { NatsSeeds } from "../../identity/hub-keys.ts";
import { agentSeedOf } from "./agent-seed.ts";
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

/** Mints all NATS identities of a fleet from the hub's seeds; holds no connection and no state. */
export class NatsIdentity {
  readonly #operator: KeyPair;
  readonly #account: KeyPair;
  readonly #system: KeyPair;
  readonly #seeds: NatsSeeds;

  constructor(seeds: NatsSeeds) {
    const open = (seed: string) => fromSeed(Buffer.from(seed.trim(), "ascii"));
    this.#seeds = seeds;
    this.#operator = open(seeds.operator);
    this.#account = open(seeds.account);
    this.#system = open(seeds.system);
  }

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
    const claims = { name: "axle", sub: this.#operator.getPublicKey() };
    return signBootstrap(
      { ...claims, nats: { type: "operator", system_account: this.systemAccountId } },
      this.#operator,
    );
  }

  systemAccountClaims(): string {
    const nats = { type: "account", limits: { ...ACCOUNT_LIMITS } };
    return signBootstrap({ name: "SYS", sub: this.systemAccountId, nats }, this.#operator);
  }

  /** The account as a server first learns it, without revocations; the same text for the same keys. */
  bootstrapAccountClaims(): string {
    const nats = { type: "account", limits: { ...ACCOUNT_LIMITS, ...JETSTREAM_LIMITS } };
    return signBootstrap({ name: "AXLE", sub: this.accountId, nats }, this.#operator);
  }

  /** The account as pushed to running servers: newer than the bootstrap claims. */
  accountClaims(revocations: Revocations): Promise<string> {
    const limits = { ...ACCOUNT_LIMITS, ...JETSTREAM_LIMITS };
    return encodeAccount(
      "AXLE",
      this.#account,
      { limits, revocations: { ...revocations } },
      { signer: this.#operator },
    );
  }

  /** Everything in the fleet's account. */
  async hubLogin(): Promise<NatsLogin> {
    const user = fromSeed(Buffer.from(this.#seeds.hub.trim(), "ascii"));
    return { jwt: await encodeUser("hub", user, this.#account), seed: this.#seeds.hub.trim() };
  }

  /** May read and push claims of the fleet's account, for a minute. */
  async systemLogin(): Promise<NatsLogin> {
    const user = createUser();
    const permissions = {
      pub: { allow: ["$SYS.REQ.CLAIMS.UPDATE", `$SYS.REQ.ACCOUNT.${this.accountId}.CLAIMS.LOOKUP`] },
      sub: { allow: ["_INBOX.>"] },
    };
    const jwt = await encodeUser("hub-claims", user, this.#system, permissions, { exp: nowSeconds() + 60 });
    return { jwt, seed: Buffer.from(user.getSeed()).toString("ascii") };
  }

  /** Who a cluster's agent is, whatever token it holds: the key of its revocation. */
  agentUserId(cluster: string): string {
    return fromSeed(Buffer.from(agentSeedOf(this.#seeds.account, checkToken(cluster)), "ascii")).getPublicKey();
  }

  /**
   * Credentials (the text of a `.creds` file) for one cluster's agent: it may hear its own bell, read its own slice and
   * packs (which are encrypted), and nothing else (S6). It connects with the inbox prefix `_INBOX_<cluster>`.
   */
  async mintAgentUser(cluster: string, ttlMs: number): Promise<string> {
    const user = fromSeed(Buffer.from(agentSeedOf(this.#seeds.account, checkToken(cluster)), "ascii"));
    const permissions = {
      sub: { allow: [bellSubjectOf(cluster), `_INBOX_${cluster}.>`] },
      pub: {
        allow: [
          `$JS.API.DIRECT.GET.${STATE_STREAM}.axle.slice.${cluster}`,
          `$JS.API.DIRECT.GET.${PACK_STREAM}.axle.pack.>`,
        ],
      },
      allowed_connection_types: ["STANDARD", "WEBSOCKET"] as ("STANDARD" | "WEBSOCKET")[],
    };
    const exp = nowSeconds() + Math.ceil(ttlMs / 1_000);
    const jwt = await encodeUser(`agent-${cluster}`, user, this.#account, permissions, { exp });
    return Buffer.from(fmtCreds(jwt, user)).toString("utf8");
  }
}

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

const JETSTREAM_LIMITS = {
  mem_storage: UNLIMITED,
  disk_storage: UNLIMITED,
  streams: UNLIMITED,
  consumer: UNLIMITED,
  mem_max_stream_bytes: UNLIMITED,
  disk_max_stream_bytes: UNLIMITED,
};

interface BootstrapClaims {
  readonly name: string;
  readonly sub: string;
  readonly nats: Readonly<Record<string, unknown>>;
}

/** As `encode` of the jwt package does, but with a fixed time of issue: the text depends on the keys alone. */
function signBootstrap(claims: BootstrapClaims, signer: KeyPair): string {
  const body = {
    ...claims,
    nats: { ...claims.nats, version: 2 },
    aud: "NATS",
    iss: signer.getPublicKey(),
    iat: BOOTSTRAP_ISSUED_AT,
  };
  const jti = createHash("sha256").update(JSON.stringify(body)).digest("base64url");
  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ typ: "JWT", alg: "ed25519-nkey" })}.${part({ ...body, jti })}`;
  return `${text}.${Buffer.from(signer.sign(Buffer.from(text))).toString("base64url")}`;
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000);
}
