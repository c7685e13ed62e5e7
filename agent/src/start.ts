/**
 * How an image starts the agent: V8 is told to stay small, then everything else is loaded. The agent waits for servers
 * nearly all the time, so code compiled for speed costs it more memory (20 MB of 100) than it saves time.
 */
import { setFlagsFromString } from "node:v8";

const FLAGS = [
  // The young generation stays at the megabyte it begins with: much garbage, little that lasts.
  "--semi-space-growth-factor=1",
  // Interpreted, but for what is called without end: the optimising compiler is left for slices of very many objects.
  "--no-sparkplug",
  "--no-maglev",
  "--invocation-count-for-turbofan=100000",
] as const;

for (const flag of FLAGS) setFlagsFromString(flag);
const { startAgent } = await import("./main.ts");
await startAgent();
