import type { ClusterFile } from "./cluster.ts";
import type { Steps } from "../steps.ts";
import { readDocuments } from "./read-documents.ts";
import type { ContractDocument, DocumentReading } from "./read-documents.ts";

interface Known {
  readonly text: string;
  readonly onlyOurs: boolean;
  readonly reading: DocumentReading;
}

/**
 * What the files of the last contract said, so that a commit costs what it changes: of a thousand Cluster files hardly any
 * differs from one commit to the next. What did not change is the very same object, which those who come after compare by.
 */
export class DocumentMemo {
  #known = new Map<string, Known>();
  #used = new Map<string, Known>();
  readonly #clusters = new WeakMap<ContractDocument, ClusterFile>();

  /** {@link readDocuments}, remembered for as long as the text stays the same. */
  *read(text: string, file: string, onlyOurs: boolean): Steps<DocumentReading> {
    const known = this.#used.get(file) ?? this.#known.get(file);
    const current =
      known !== undefined && known.onlyOurs === onlyOurs && known.text === text
        ? known
        : { text, onlyOurs, reading: yield* readDocuments(text, file, onlyOurs) };
    this.#used.set(file, current);
    return current.reading;
  }

  cluster(document: ContractDocument, read: () => ClusterFile): ClusterFile {
    const known = this.#clusters.get(document);
    if (known !== undefined) return known;
    const made = read();
    this.#clusters.set(document, made);
    return made;
  }

  /** Forgets every file that was not read since the last time. */
  settle(): void {
    this.#known = this.#used;
    this.#used = new Map();
  }
}
