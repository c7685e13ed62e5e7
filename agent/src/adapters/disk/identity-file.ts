import { readJsonFile, writeJsonFile } from "@axle/runtime/json-file.ts";
import { type Identity, type IdentityStore, parseIdentity } from "../../join/identity.ts";

/** For an agent outside its cluster: a file only its owner can read. */
export class IdentityFile implements IdentityStore {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  load(): Promise<Identity | undefined> {
    return readJsonFile(this.#path, parseIdentity);
  }

  save(identity: Identity): Promise<void> {
    return writeJsonFile(this.#path, identity);
  }
}
