import { createAccount, createOperator, createUser } from "@nats-io/nkeys";
import { expect, test } from "vitest";
import { mergeRevocations } from "./account-claims.ts";
import { readClaims } from "./claims-token.ts";
import { NatsIdentity } from "./nats-identity.ts";
import { renderServerConfig } from "./server-config.ts";

const seedOf = (key: { getSeed(): Uint8Array }) => Buffer.from(key.getSeed()).toString("ascii");
const seeds = {
  operator: seedOf(createOperator()),
  account: seedOf(createAccount()),
  system: seedOf(createAccount()),
  hub: seedOf(createUser()),
};
const identity = new NatsIdentity(seeds);
const tls = { certFile: "/keys/server.crt", keyFile: "/keys/server.key" };

function jwtIn(creds: string): string {
  return /BEGIN NATS USER JWT-+\n(.+)\n/.exec(creds)?.[1] ?? "";
}

test("S6: an agent's token holds exactly its own bell, inbox, slice and packs, and ends in time", () => {
  const claims = readClaims(jwtIn(identity.mintAgentUser("c1", 3_600_000)));
  expect(claims?.nats["sub"]).toEqual({ allow: ["axle.bell.c1", "_INBOX_c1.>"] });
  expect(claims?.nats["pub"]).toEqual({
    allow: ["$JS.API.DIRECT.GET.AXLE.axle.slice.c1", "$JS.API.DIRECT.GET.PACKS.axle.pack.>"],
  });
  expect(claims?.nats["resp"]).toBeUndefined();
  expect(claims?.sub).toBe(identity.agentUserId("c1"));
  expect((claims?.exp ?? 0) - (claims?.iat ?? 0)).toBe(3_600);
});

test.each(["*", ">", "a.b", "a b", "", "a".repeat(200), "c1\n"])(
  "S6: no token is minted for the cluster id %j",
  (id) => {
    expect(() => identity.mintAgentUser(id, 1_000)).toThrow(/cannot be a key/);
  },
);

test("S5: a server's configuration holds no seed, and is the same text for the same keys", () => {
  const options = { host: "127.0.0.1", port: 4222, tls, storeDir: "/data" };
  const config = renderServerConfig(identity, options);
  for (const seed of Object.values(seeds)) expect(config).not.toContain(seed);
  expect(renderServerConfig(new NatsIdentity(seeds), options)).toBe(config);
});

test("text in a configuration cannot break out of its quotes", () => {
  const storeDir = '/data"\n}\noperator: evil';
  const config = renderServerConfig(identity, { host: "127.0.0.1", port: 4222, tls, storeDir });
  expect(config).not.toContain("\noperator: evil");
});

test("S10: of two revocations of one user the later one holds, and none is forgotten", () => {
  expect(mergeRevocations({ a: 5, b: 1 }, { a: 3, c: 7 })).toEqual({ a: 5, b: 1, c: 7 });
  expect(mergeRevocations(undefined, {})).toEqual({});
});
