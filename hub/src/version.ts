import manifest from "../package.json" with { type: "json" };

/** As agents and people see it. */
export const HUB_VERSION: string = manifest.version;
