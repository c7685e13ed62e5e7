import { pushAndWatch } from "./change-one-field.ts";
import type { JourneyStep } from "./step.ts";

export const revertCommit: JourneyStep = {
  title: "git revert rolls back",
  does: "git revert HEAD and push",
  async play(fleet, report) {
    await fleet.checkout.revert();
    await pushAndWatch(fleet, report, "welcome");
  },
};
