import { afterAll, beforeAll, describe, it } from "vitest";
import { FleetStand } from "./fleet-stand.ts";
import { JOURNEY } from "./journey/journey.ts";
import { ENVIRONMENTS } from "./journey/sample.ts";

describe.sequential("one commit after the other reaches three real clusters", () => {
  let fleet: FleetStand;
  let broken = "";
  const silent = { observed: () => undefined, quote: () => undefined, headline: () => undefined };

  beforeAll(async () => {
    fleet = await FleetStand.start({ clusters: ENVIRONMENTS.map(({ name }) => name), empty: true });
  });

  afterAll(async () => {
    if (broken !== "") console.log(fleet.logs());
    await fleet[Symbol.asyncDispose]();
  });

  for (const { title, does, play } of JOURNEY) {
    it(`${title}: ${does}`, async ({ skip }) => {
      // Each step stands on the one before: what follows a failure says nothing.
      if (broken !== "") skip(`"${broken}" failed`);
      broken = title;
      await play(fleet, silent);
      broken = "";
    });
  }
});
