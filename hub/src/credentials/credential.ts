/** What the hub shows to a server to be let in, with every secret read and every token fetched. Never logged. */
export type Login =
  | { readonly type: "basic"; readonly username: string; readonly password: string }
  | { readonly type: "bearer"; readonly token: string }
  | { readonly type: "ssh"; readonly privateKey: string; readonly knownHosts: string };

/** What the hub's configuration has for one address. */
export interface Credential {
  /** Address of the entry, for messages: it holds no secret. */
  readonly from: string;
  /** Undefined where an entry only names a certificate authority. */
  readonly login: Login | undefined;
  /** Certificate authorities to trust for this address instead of the machine's. */
  readonly caPem: string | undefined;
}

/** Where credentials come from; the same for Git, LFS and charts. */
export interface CredentialSource {
  /**
   * What to show to the server at this address; undefined for nothing. Ask again for each call and for each address a server
   * redirects to: secrets rotate, and what is meant for one address is not for another. Throws CredentialError.
   */
  credentialFor(url: string, signal: AbortSignal): Promise<Credential | undefined>;
  /** The server did not take it: what was fetched and kept (a token of a GitHub App) is fetched anew next time. */
  refused(credential: Credential): void;
}

/** Nobody has anything to show: everything is public. */
export const NO_CREDENTIALS: CredentialSource = {
  credentialFor: () => Promise.resolve(undefined),
  refused: () => undefined,
};

/** Value of the HTTP header `authorization`; undefined where there is none to send. */
export function authorizationOf(login: Login | undefined): string | undefined {
  switch (login?.type) {
    case "basic":
      return `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
    case "bearer":
      return `Bearer ${login.token}`;
    case "ssh":
    case undefined:
      return undefined;
  }
}
