import type { Addressed } from "./match-credential.ts";

/** A value in the file of credentials itself, or in one it names, which is read at each use. */
export type SecretSource =
  | { readonly type: "text"; readonly text: string }
  | { readonly type: "file"; readonly path: string };

/** How to come by a login; files are not read yet. */
export type LoginSource =
  | { readonly type: "ssh"; readonly privateKey: SecretSource; readonly knownHosts: SecretSource }
  | { readonly type: "basic"; readonly username: SecretSource; readonly password: SecretSource }
  | { readonly type: "bearer"; readonly token: SecretSource }
  | ({ readonly type: "githubApp"; readonly privateKey: SecretSource } & GitHubInstallation);

export interface GitHubInstallation {
  readonly appId: string;
  readonly installationId: number;
  /** Without a slash at the end. */
  readonly apiUrl: string;
}

/** What the file of credentials says of one address. */
export interface CredentialEntry extends Addressed {
  /** As written; holds no secret. */
  readonly url: string;
  readonly login: LoginSource | undefined;
  readonly ca: SecretSource | undefined;
}
