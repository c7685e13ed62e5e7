import manifest from "../package.json" with { type: "json" };

/** The agent's own version, told to the hub. */
export const AGENT_VERSION: string = manifest.version;
