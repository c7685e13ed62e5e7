import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { KeySet } from "@axle/core/session/key-set.ts";
import { publicKeyOf } from "@axle/runtime/crypto/raw-keys.ts";
import type { RawKeyPair } from "@axle/runtime/crypto/raw-keys.ts";
import { generateSigningKey } from "@axle/runtime/crypto/signing.ts";
import { createAccount, createOperator, createUser, fromSeed } from "@nats-io/nkeys";
import { CertificateAuthority, newKeyPem } from "./certificate-authority.ts";
import { IdentityError } from "./identity-error.ts";
import { KeyFolder } from "./key-folder.ts";
import { signingKeyId, signKeySet } from "./key-set.ts";
import { readOrIssueServerCertificate } from "./server-certificate.ts";
import type { TlsPair } from "./server-certificate.ts";

/** Every secret of the hub, from files in one folder and never from the store. */
export interface HubKeys {
  /** Where they are. */
  readonly folder: KeyFolder;
  readonly ca: CertificateAuthority;
  readonly server: TlsPair;
  /** Signs slices. */
  readonly signing: RawKeyPair & { readonly id: string };
  readonly keySet: KeySet;
  readonly nats: NatsSeeds;
  /** 32 bytes: keys of packs are derived from it. */
  readonly packMaster: Uint8Array;
  /** What push hooks are authenticated with. */
  readonly hookSecret: string;
  /** Bearer token of the API until roles exist. */
  readonly adminToken: string;
}

/** Seeds in nkeys' text form. */
export interface NatsSeeds {
  readonly operator: string;
  readonly account: string;
  readonly system: string;
  /** The hub's own user. */
  readonly hub: string;
}

/**
 * Makes all keys on first start and loads them afterwards, from `<dataDir>/keys`. `hosts` are the names and addresses
 * agents, people and NATS clients reach the hub by. Throws {@link IdentityError}.
 */
export async function openHubKeys(options: {
  dataDir: string;
  hosts: readonly string[];
  nowMs: number;
}): Promise<HubKeys> {
  const folder = await KeyFolder.open(join(options.dataDir, "keys"));
  const caKeyPem = await folder.readOrCreate("ca.key", newKeyPem);
  const ca = await CertificateAuthority.load({
    keyPem: caKeyPem,
    certificatePem: await folder.readOrCreate("ca.crt", () => CertificateAuthority.selfSign(caKeyPem, options.nowMs)),
  });
  const signing = await readSigningKey(folder, "signing.key");
  const root = await readSigningKey(folder, "root.key");
  return {
    folder,
    ca,
    server: await readOrIssueServerCertificate({ folder, ca, hosts: options.hosts, nowMs: options.nowMs }),
    signing: { ...signing, id: signingKeyId(signing.publicKey) },
    keySet: signKeySet(signing, root),
    nats: {
      operator: await readSeed(folder, "nats-operator.seed", createOperator),
      account: await readSeed(folder, "nats-account.seed", createAccount),
      system: await readSeed(folder, "nats-system.seed", createAccount),
      hub: await readSeed(folder, "nats-hub.seed", createUser),
    },
    packMaster: decodeKey(
      "pack-master.key",
      await folder.readOrCreate("pack-master.key", () => encodeKey(randomBytes(32))),
    ),
    hookSecret: await readToken(folder, "hook.secret"),
    adminToken: await readToken(folder, "admin.token"),
  };
}

async function readSigningKey(folder: KeyFolder, name: string): Promise<RawKeyPair> {
  const text = await folder.readOrCreate(name, () => encodeKey(generateSigningKey().privateKey));
  const privateKey = decodeKey(name, text);
  return { privateKey, publicKey: publicKeyOf("ed25519", privateKey) };
}

async function readSeed(folder: KeyFolder, name: string, create: () => { getSeed(): Uint8Array }): Promise<string> {
  const text = await folder.readOrCreate(name, () => `${new TextDecoder().decode(create().getSeed())}\n`);
  const seed = text.trim();
  try {
    fromSeed(new TextEncoder().encode(seed));
  } catch (error) {
    throw new IdentityError("unreadable", `${name}: is not an nkeys seed`, { cause: error });
  }
  return seed;
}

async function readToken(folder: KeyFolder, name: string): Promise<string> {
  const token = (await folder.readOrCreate(name, () => `${randomBytes(32).toString("base64url")}\n`)).trim();
  if (token.length < 16) throw new IdentityError("unreadable", `${name}: holds no secret of at least 16 characters`);
  return token;
}

function encodeKey(bytes: Uint8Array): string {
  return `${Buffer.from(bytes).toString("base64")}\n`;
}

function decodeKey(name: string, text: string): Uint8Array {
  const bytes = Buffer.from(text.trim(), "base64");
  if (bytes.length !== 32) throw new IdentityError("unreadable", `${name}: is not a key of 32 bytes in base64`);
  return bytes;
}
