import type { Logger } from "@axle/runtime/logger.ts";
import type { Service } from "@axle/runtime/service.ts";
import { sleep } from "@axle/runtime/sleep.ts";
import type { HubKeys } from "./hub-keys.ts";
import { readOrIssueServerCertificate } from "./server-certificate.ts";
import type { TlsPair } from "./server-certificate.ts";

const CHECK_EVERY_MS = 12 * 60 * 60_000;

export interface ServerCertificateRenewalOptions {
  readonly keys: Pick<HubKeys, "folder" | "ca" | "server">;
  readonly hosts: readonly string[];
  readonly onRenewed: (pair: TlsPair) => void;
  readonly now: () => number;
  readonly log: Logger;
}

/** Keeps the server certificate of a hub that runs for months from ending. */
export class ServerCertificateRenewal implements Service {
  readonly name = "server-certificate-renewal";
  readonly #options: ServerCertificateRenewalOptions;

  constructor(options: ServerCertificateRenewalOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { keys, hosts, onRenewed, now, log } = this.#options;
    let current = keys.server.certificatePem;
    while (true) {
      try {
        await sleep(CHECK_EVERY_MS, signal);
      } catch {
        return;
      }
      try {
        const pair = await readOrIssueServerCertificate({ folder: keys.folder, ca: keys.ca, hosts, nowMs: now() });
        if (pair.certificatePem === current) continue;
        current = pair.certificatePem;
        onRenewed(pair);
        log.info("server certificate renewed");
      } catch (error) {
        log.error({ error }, "server certificate not renewed, trying again later");
      }
    }
  }
}
