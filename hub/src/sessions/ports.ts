import type { CloseCode } from "@axle/core/session/hub-session.ts";
import type { AgentMessage, HubMessage } from "@axle/core/session/messages.ts";
import type { SliceNumber } from "@axle/core/slice/slice.ts";

/** What was published for each cluster. Implemented by the loop. */
export interface PublishedSlices {
  /** Undefined while there is none. */
  expected(clusterId: string): SliceNumber | undefined;
  /** Told after slices were stored; returns what ends it. */
  onPublished(listener: (clusterIds: readonly string[]) => void): () => void;
}

/** The way to one connected agent. Implemented by adapters/grpc. */
export interface AgentLink {
  /** Where it comes from, for logs and audit. */
  readonly from: string;
  send(message: HubMessage): void;
  /** Ends the stream; nothing is sent afterwards. */
  close(code: CloseCode, reason: string): void;
}

/** What the transport tells. */
export interface AgentEvents {
  receive(message: AgentMessage): void;
  /** The stream is over. */
  ended(): void;
  /** The transport cannot go on with what it heard. */
  cut(code: CloseCode, reason: string): void;
}
