/**
 * `npm run demo`: a fleet of three real clusters on this machine, and what it does, step by step. Exits 0 only when every
 * step was seen to be true on the API servers. `--keep` leaves the fleet running and says how to look around.
 */
import { DemoScreen } from "./demo-screen.ts";
import { FleetStand, hubDataOf } from "./fleet-stand.ts";
import { JOURNEY } from "./journey/journey.ts";
import { ENVIRONMENTS } from "./journey/sample.ts";

const keep = process.argv.includes("--keep");
const screen = new DemoScreen(process.stdout);
const stopped = Promise.withResolvers<number>();
let isStopping = false;
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.on(name, () => {
    // The second one does not wait for anything; every process we started ends with us all the same.
    if (isStopping) process.exit(130);
    isStopping = true;
    stopped.resolve(130);
  });
}

const owned = new AsyncDisposableStack();
const played = run();
// What still waits when somebody presses Ctrl-C fails while its fleet is taken away; that is no news.
played.catch(() => undefined);
const code = await Promise.race([played, stopped.promise]).catch((error: unknown) => {
  screen.failure(error);
  return 1;
});
if (keep && !isStopping) await stopped.promise;
screen.line("\nending everything that was started");
await owned.disposeAsync();
process.exit(code);

/** The whole demo; gives the exit code. */
async function run(): Promise<number> {
  screen.line("Starting a fleet: everything is real and runs on this machine");
  const fleet = owned.use(
    await FleetStand.start({
      clusters: ENVIRONMENTS.map(({ name }) => name),
      empty: true,
      progress: (what, tookMs) => screen.started(what, tookMs),
    }),
  );
  let isTrue = true;
  for (const { title, does, play } of JOURNEY) {
    isTrue = await screen.step(title, does, (report) => play(fleet, report));
    // Each step stands on the one before.
    if (!isTrue) break;
  }
  screen.summary();
  if (!isTrue) screen.line(`\nWhat the processes wrote last:\n${fleet.logs()}`);
  if (keep) showAround(fleet);
  return isTrue ? 0 : 1;
}

function showAround(fleet: FleetStand): void {
  const lines = [
    "",
    "The fleet goes on running until you press Ctrl-C. In another terminal:",
    "",
    `  export AXLE_CLIENT=${hubDataOf(fleet.folder)}`,
    "  npx axle status",
    "  npx axle timeline",
    "",
    `  git clone ${fleet.repository.url}      # change something and push it`,
    "",
    ...[...fleet.members.values()].map(
      ({ cluster }) => `  export KUBECONFIG=${cluster.kubeconfigPath}   # ${cluster.name}`,
    ),
    "  kubectl get deployments,configmaps --all-namespaces --selector axle.dev/app",
    "  kubectl get axleagents,axleinventories --all-namespaces",
  ];
  screen.line(lines.join("\n"));
}
