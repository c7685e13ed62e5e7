import { sha256Hex } from "@axle/runtime/crypto/digests.ts";
import { SourceError } from "../../sources/source-error.ts";
import type { ChartLimits } from "./chart-limits.ts";
import type { HttpReader, ReadAnswer, ReadRequest } from "./http-reader.ts";
import { refuseChanged } from "./packaged-chart.ts";
import type { PackagedChart, WantedChart } from "./packaged-chart.ts";
import { MANIFEST_TYPES, readChartManifest } from "./registry-manifest.ts";
import { answerChallenge } from "./registry-login.ts";
import { statusError } from "./status-error.ts";

export interface ChartRegistriesOptions {
  readonly http: Pick<HttpReader, "get" | "credentialFor" | "refused">;
  readonly limits: ChartLimits;
}

/** A chart in a registry. */
export interface RegistryChart {
  /** `oci://registry.example.com/charts`, without the name. */
  readonly repository: string;
  readonly name: string;
  readonly tag: string;
  /** Nothing of the hub's is shown: somebody else's index named the registry. */
  readonly isAnonymous: boolean;
}

/** One repository of a registry, as it is asked. */
interface Place {
  /** `https://registry.example.com/v2/charts/podinfo` */
  readonly url: string;
  readonly host: string;
  /** `charts/podinfo` */
  readonly repository: string;
  /** The address credentials are looked up by. */
  readonly address: string;
  readonly isAnonymous: boolean;
}

/**
 * Charts in OCI registries, as `helm push` puts them there (OCI distribution specification): the manifest by its tag, then
 * the package by the digest the manifest names; both are checked against their digests. (Rejected: `helm pull`, which would
 * need the credentials in files and the network where charts are rendered.)
 */
export class ChartRegistries {
  readonly #options: ChartRegistriesOptions;

  constructor(options: ChartRegistriesOptions) {
    this.#options = options;
  }

  /** Throws SourceError. */
  async fetch(wanted: WantedChart, chart: RegistryChart, signal: AbortSignal): Promise<PackagedChart> {
    const { limits } = this.#options;
    const { tag } = chart;
    const place = await this.#placeOf(chart, signal);
    // A token that let us read the manifest is good for the package, too.
    const session: Session = { authorization: undefined };
    const ask = { url: `${place.url}/manifests/${encodeURIComponent(tag)}`, maxBytes: limits.documentBytes };
    const what = `${place.repository} with the tag ${tag}`;
    const manifest = await this.#get({ ...ask, accept: MANIFEST_TYPES.join(", ") }, { place, session, what }, signal);
    refuseWrong(manifest, { what: "the manifest", host: place.host, said: manifest.headers["docker-content-digest"] });
    const layer = readChartManifest(manifest.body);
    refuseChanged(wanted, layer.digest);
    if (layer.bytes > limits.packageBytes) {
      const message = `the package has ${layer.bytes} bytes; ${limits.packageBytes} are the limit`;
      throw new SourceError("too-large", message);
    }
    const blob = { url: `${place.url}/blobs/${layer.digest}`, maxBytes: layer.bytes };
    const answer = await this.#get(blob, { place, session, what: layer.digest }, signal);
    refuseWrong(answer, { what: "the package", host: place.host, said: layer.digest });
    return { bytes: answer.body, digest: layer.digest };
  }

  /** Registries speak TLS, unless the credentials have an entry for the same place with `http://`. */
  async #placeOf(chart: RegistryChart, signal: AbortSignal): Promise<Place> {
    const base = URL.parse(chart.repository.replace(/^oci:/, "https:"));
    if (base === null) throw new SourceError("unsupported", `"${chart.repository}" is no address`);
    const repository = `${base.pathname.replaceAll(/^\/+|\/+$/g, "")}/${chart.name}`.replace(/^\//, "");
    if (!/^[a-z0-9]+(?:[._/-]+[a-z0-9]+)*$/.test(repository)) {
      throw new SourceError(
        "unsupported",
        `"${repository}" is no name that a registry can have: lower case, digits, . _ - /`,
      );
    }
    const host = base.host === "docker.io" ? "registry-1.docker.io" : base.host;
    const plain = `http://${host}/${repository}`;
    const scheme = (await this.#options.http.credentialFor(plain, signal)) === undefined ? "https" : "http";
    const address = `oci://${base.host}/${repository}`;
    const { isAnonymous } = chart;
    return { url: `${scheme}://${host}/v2/${repository}`, host, repository, address, isAnonymous };
  }

  async #get(
    ask: ReadRequest,
    { place, session, what }: { readonly place: Place; readonly session: Session; readonly what: string },
    signal: AbortSignal,
  ): Promise<ReadAnswer> {
    const { http, limits } = this.#options;
    const { isAnonymous } = place;
    const known = { ...ask, credentialUrl: place.address, isAnonymous };
    const { authorization } = session;
    let answer = await http.get({ ...known, ...(authorization !== undefined && { authorization }) }, signal);
    const challenge = answer.headers["www-authenticate"];
    if (answer.status === 401 && challenge !== undefined && authorization === undefined) {
      const context = { http, host: place.host, repository: place.repository, maxBytes: limits.documentBytes };
      const credential = isAnonymous ? undefined : answer.credential;
      session.authorization = await answerChallenge(challenge, { context, credential }, signal);
      answer = await http.get({ ...known, authorization: session.authorization }, signal);
    }
    if (answer.status === 401 && !isAnonymous) http.refused(answer.credential);
    if (answer.status === 404) throw new SourceError("not-found", `${place.host} has no ${what}`);
    const hasLogin = !isAnonymous && answer.credential?.login !== undefined;
    const error = statusError(answer.status, `${place.host}/${place.repository}`, hasLogin);
    if (error !== undefined) throw error;
    return answer;
  }
}

/** Of a version: tags hold no `+`. */
export function tagOf(version: string): string {
  return version.replaceAll("+", "_");
}

interface Session {
  /** What the registry took last. */
  authorization: string | undefined;
}

function refuseWrong(
  { body }: ReadAnswer,
  { what, host, said }: { readonly what: string; readonly host: string; readonly said: string | undefined },
): void {
  if (said === undefined || !said.startsWith("sha256:")) return;
  const found = `sha256:${sha256Hex(body)}`;
  if (found === said) return;
  throw new SourceError(
    "unsafe",
    `${what} that ${host} sends is ${found}, and ${said} by its name: it was changed on the way`,
  );
}
