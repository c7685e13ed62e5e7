import type { NatsAccess } from "@axle/core/session/messages.ts";
import { connect, headers, type NatsConnection, nkeys } from "@nats-io/transport-node";

// The server under test asks for no credentials; the client still needs some that parse.
const seed = new TextDecoder().decode(nkeys.createUser().getSeed());
const creds = `-----BEGIN NATS USER JWT-----
e30.e30.e30
------END NATS USER JWT------

-----BEGIN USER NKEY SEED-----
${seed}
------END USER NKEY SEED------
`;

/** To servers that ask for no credentials. */
export const accessTo = (...servers: string[]): NatsAccess => ({
  servers,
  caPem: "",
  creds,
  expiresAtMs: Number.MAX_SAFE_INTEGER,
});

/** The hub's side of NATS: its streams, and what it publishes there. For tests. */
export class SliceStreams implements AsyncDisposable {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  static async start(url: string): Promise<SliceStreams> {
    const hub = new SliceStreams(await connect({ servers: url }));
    const republish = { src: "axle.slice.*", dest: "axle.bell.{{wildcard(1)}}", headers_only: true };
    await hub.#create({
      name: "AXLE",
      subjects: ["axle.slice.>"],
      max_msgs_per_subject: 1,
      allow_direct: true,
      republish,
    });
    await hub.#create({ name: "PACKS", subjects: ["axle.pack.>"], max_msgs_per_subject: 1, allow_direct: true });
    return hub;
  }

  async publish(subject: string, data: string | Uint8Array): Promise<number> {
    const header = headers();
    header.set("Axle-Content", "x");
    const answer = await this.#connection.request(subject, data, { headers: header, timeout: 5_000 });
    return answer.json<{ seq: number }>().seq;
  }

  async #create(config: Record<string, unknown>): Promise<void> {
    const answer = await this.#connection.request(
      `$JS.API.STREAM.CREATE.${String(config["name"])}`,
      JSON.stringify(config),
    );
    const said: unknown = answer.json();
    if (typeof said === "object" && said !== null && "error" in said) throw new Error(JSON.stringify(said.error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.close();
  }
}
