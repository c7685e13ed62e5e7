/** The hub's composition root: config -> keys -> NATS -> what agents and people meet -> the loop -> run until stopped. */
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { createLogger } from "@axle/runtime/logger.ts";
import { Metrics } from "@axle/runtime/metrics.ts";
import { runUntilStopped } from "@axle/runtime/run-until-stopped.ts";
import { acquireProcessLock } from "@axle/tools/process-lock.ts";
import { openFront } from "./compose/open-front.ts";
import { openNats } from "./compose/open-nats.ts";
import { openRepository } from "./compose/open-repository.ts";
import type { HubConfig } from "./config.ts";
import { Wake } from "./cycle/wake.ts";
import { readInstanceId } from "./instance-id.ts";
import { writeClientFile } from "./identity/client-file.ts";
import { openHubKeys } from "./identity/hub-keys.ts";
import { ServerCertificateRenewal } from "./identity/server-certificate-renewal.ts";
import { Leader } from "./leader.ts";
import { Poker } from "./poker.ts";

/** Where a hub that is up can be reached, and the file that lets people in. */
export interface HubAddresses {
  readonly grpc: string;
  readonly http: string;
  readonly clientFile: string;
}

/**
 * Runs a hub until the signal aborts or the process is told to stop. Rejects with what makes it impossible to run. `onUp`
 * is told once it answers.
 */
export async function runHub(
  given: HubConfig,
  signal: AbortSignal,
  onUp?: (addresses: HubAddresses) => void,
): Promise<void> {
  const config = { ...given, data: resolve(given.data) };
  const { env, stderr } = process;
  const log = createLogger({ destination: stderr, level: config.logLevel, format: config.logFormat });
  const [advertised = "127.0.0.1"] = config.advertise;
  const listen = config.listen ?? (config.advertise.length > 0 ? "0.0.0.0" : "127.0.0.1");

  await mkdir(config.data, { recursive: true });
  await using stack = new AsyncDisposableStack();
  stack.use(
    await acquireProcessLock({
      directory: join(config.data, "lock"),
      doing: "running the hub",
      onWait: (holder) => log.warn({ pid: holder.pid }, "another hub runs on this data folder, waiting for it to end"),
      signal,
    }),
  );
  const keys = await openHubKeys({ dataDir: config.data, hosts: config.advertise, nowMs: Date.now() });
  const sendSignal = process.kill.bind(process);
  const nats = await openNats({ config, keys, listen, advertised, env, sendSignal, log, signal });
  stack.use(nats.connection);
  const wake = new Wake();
  const onReady = (): void => wake.poke("render", Date.now());
  const { repository, renderer, sources, shownUrl } = stack.use(await openRepository({ config, env, signal, onReady }));

  const metrics = new Metrics({ processMetrics: true });
  const front = await openFront({
    config,
    keys,
    nats,
    repositoryUrl: shownUrl,
    listen,
    advertised,
    metrics,
    log,
    signal,
  });
  const { desk, directory, view, grpc, http } = front;
  const lead = {
    connection: nats.connection,
    holder: `${hostname()}/${process.pid}`,
    instance: await readInstanceId(config.data),
  };
  const retention = { keepMs: config.keepSourcesMs, rememberMs: config.rememberSourcesMs };
  const leader = new Leader({ lead, repository, sources, retention, renderer, keys, directory, view, desk, wake, log });
  const poker = new Poker({ wake, pollMs: config.pollMs, directory, view, reader: desk });
  const renewal = new ServerCertificateRenewal({
    keys,
    hosts: config.advertise,
    onRenewed: (pair) => {
      grpc.useCertificate(pair);
      http.useCertificate(pair);
      nats.reload();
    },
    now: Date.now,
    log,
  });

  const address = `${advertised}:${grpc.port}`;
  const client = await writeClientFile(config.data, {
    address,
    caPem: keys.ca.certificatePem,
    token: keys.adminToken,
  });
  log.info({ grpc: address, http: http.port, nats: nats.servers, client, repository: shownUrl }, "hub is up");
  const scheme = config.httpPlain ? "http" : "https";
  onUp?.({ grpc: address, http: `${scheme}://${advertised}:${http.port}`, clientFile: client });
  const groups = [[grpc, http], [leader, poker, renewal, ...front.services], nats.services];
  await runUntilStopped(groups, { process, log, signal });
}
