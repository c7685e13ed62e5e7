import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "@axle/testkit/eventually.ts";
import { configMapPath, read } from "../live-objects.ts";
import type { LiveConfigMap } from "../live-objects.ts";
import { editFile } from "./sample.ts";
import { claim, preciseNowMs } from "./step.ts";
import type { JourneyStep } from "./step.ts";

const THEME = `apiVersion: v1
kind: ConfigMap
metadata:
  name: theme
  namespace: banner
data:
  colour: teal
`;
const FROM = "apps/banner/manifests/text.yaml";

export const moveObject: JourneyStep = {
  title: "An object moves to another app",
  does: "move the ConfigMap theme from banner to shop and push",
  async play(fleet, report) {
    const path = configMapPath("banner", "theme");
    const members = [...fleet.members.values()];
    const before = await Promise.all(members.map(({ cluster }) => read<LiveConfigMap>(cluster, path)));

    const text = await readFile(join(fleet.checkout.directory, FROM), "utf8");
    const [kept = ""] = text.split("---\n");
    await fleet.checkout.write({ [FROM]: kept, "apps/shop/base/theme.yaml": THEME });
    await editFile(fleet, "apps/shop/base/kustomization.yaml", {
      from: "  - settings.yaml\n",
      to: "  - settings.yaml\n  - theme.yaml\n",
    });
    const commit = await fleet.checkout.commit("refactor: the theme belongs to shop");
    await fleet.checkout.push();
    const pushedMs = preciseNowMs();

    let slowestMs = 0;
    for (const [index, { name, cluster }] of members.entries()) {
      const after = await eventually(
        async () => {
          const object = await read<LiveConfigMap>(cluster, path);
          return object.metadata.labels?.["axle.dev/app"] === "shop" && object;
        },
        { what: `theme owned by shop on ${name}`, timeoutMs: 30_000 },
      );
      slowestMs = Math.max(slowestMs, preciseNowMs() - pushedMs);
      claim(after.metadata.uid === before[index]?.metadata.uid, `theme on ${name} is the same object as before`);
    }
    await fleet.applied(commit);
    for (const [index, { name, cluster }] of members.entries()) {
      const settled = await read<LiveConfigMap>(cluster, path);
      claim(settled.metadata.uid === before[index]?.metadata.uid, `theme on ${name} outlived the prune`);
      report.observed(`${name}: theme has the same UID and belongs to shop (${settled.metadata.uid})`);
    }
    report.headline(`same UID on all, ${Math.round(slowestMs)} ms from push to handed over`);
  },
};
