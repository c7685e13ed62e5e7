import type { JourneyStep } from "./step.ts";
import { breakCommit } from "./break-commit.ts";
import { changeOneField } from "./change-one-field.ts";
import { deployFirst } from "./deploy-first.ts";
import { editByHand } from "./edit-by-hand.ts";
import { moveObject } from "./move-object.ts";
import { removeApp } from "./remove-app.ts";
import { revertCommit } from "./revert-commit.ts";

/** What the demo plays and the first whole-fleet test checks, in this order: each step stands on the one before. */
export const JOURNEY: readonly JourneyStep[] = [
  deployFirst,
  changeOneField,
  editByHand,
  revertCommit,
  moveObject,
  removeApp,
  breakCommit,
];
