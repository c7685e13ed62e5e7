import { eventually } from "@axle/testkit/eventually.ts";
import type { FleetStand } from "../fleet-stand.ts";
import { configMapPath, read } from "../live-objects.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { pushAndWatch } from "./change-one-field.ts";
import { editFile, SETTINGS_FILE } from "./sample.ts";
import { claim } from "./step.ts";
import type { JourneyStep } from "./step.ts";

export const breakCommit: JourneyStep = {
  title: "A broken commit changes nothing",
  does: "misspell a field of an App, change a greeting in the same commit, push; then mend it",
  async play(fleet, report) {
    const before = await stateOf(fleet);
    await editFile(fleet, "apps/banner/app.yaml", { from: "  source:", to: "  sorce:" });
    await editFile(fleet, SETTINGS_FILE, { from: "GREETING: welcome", to: "GREETING: good day" });
    const broken = await fleet.checkout.commit("feat(shop): a polite greeting");
    await fleet.checkout.push();
    const problems = await eventually(
      async () => {
        const seen = await fleet.client.getFleet();
        return seen.head === broken && seen.accepted !== broken && seen.problems;
      },
      { what: "the hub refusing the commit" },
    );
    claim(
      problems.some(({ place }) => place?.file === "apps/banner/app.yaml" && place.line > 0),
      "the error names the file and the line",
    );
    const status = await fleet.axle("status");
    claim(status.code === 1, "`axle status` exits 1 while a commit is refused");
    report.quote(status.stdout.split("\n\n")[0] ?? "");
    claim(JSON.stringify(await stateOf(fleet)) === JSON.stringify(before), "no slice and no object changed");
    report.observed("no cluster got a new slice, and every greeting is the old one");

    await editFile(fleet, "apps/banner/app.yaml", { from: "  sorce:", to: "  source:" });
    await fleet.checkout.commit("fix(banner): source");
    await pushAndWatch(fleet, report, "good day");
    report.headline("refused with file and line, nothing changed; mended by the next commit");
  },
};

async function stateOf(fleet: FleetStand): Promise<unknown> {
  const clusters = await fleet.client.listClusters("");
  return Promise.all(
    [...fleet.members.values()].map(async ({ name, cluster }) => {
      const { data, metadata } = await read<LiveConfigMap>(cluster, configMapPath("shop", "settings"));
      const expected = clusters.find((each) => each.name === name)?.expected;
      return { name, expected, data, resourceVersion: metadata.resourceVersion };
    }),
  );
}
