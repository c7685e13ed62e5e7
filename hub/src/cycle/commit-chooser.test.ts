import { expect, test } from "vitest";
import { CommitChooser, type InForce } from "./commit-chooser.ts";
import type { ReadCommit } from "./commit-reader.ts";

const signal = new AbortController().signal;
const head = { commit: "new", rewritten: false };
const inForce: InForce = { accepted: "old" };

/** A chooser over commits of which these wait for something outside of them; what is read is noted. */
function chooserOf(blocked: ReadonlySet<string>): { readonly chooser: CommitChooser; readonly read: string[] } {
  const read: string[] = [];
  const chooser = new CommitChooser({
    reader: {
      read: async (commit) => {
        read.push(commit);
        const contract = { fleet: {}, problems: [{ severity: "error", code: "source", message: `${commit} waits` }] };
        return {
          snapshot: { commit, subject: commit },
          contract,
          isBlocked: blocked.has(commit),
        } as unknown as ReadCommit;
      },
    },
    commitProblemOf: () => undefined,
    isMissing: () => false,
  });
  return { chooser, read };
}

test("S3: nothing is planned from a commit whose apps are hidden, be it the head or the one in force, whatever woke the hub", async () => {
  const { chooser } = chooserOf(new Set(["new", "old"]));
  for (const mayHaveCome of [true, false, false, true, false]) {
    const choice = await chooser.choose({ head, mayHaveCome }, inForce, signal);
    expect(choice.read, String(mayHaveCome)).toBeUndefined();
    expect(choice.problems.map(({ message }) => message)).toEqual(["new waits"]);
  }
});

test("while a head waits the commit in force is planned from, and the head looked at when something may have come", async () => {
  const waiting = new Set(["new"]);
  const { chooser, read } = chooserOf(waiting);
  const chosen = async (mayHaveCome: boolean) =>
    (await chooser.choose({ head, mayHaveCome }, inForce, signal)).read?.snapshot.commit;
  expect(await chosen(true)).toBe("old");
  expect(await chosen(false)).toBe("old");
  expect(read).toEqual(["new", "old", "old"]);
  waiting.clear();
  expect(await chosen(false)).toBe("old");
  expect(await chosen(true)).toBe("new");
});

test("S3: with nothing in force a head that waits is planned from by nobody", async () => {
  const { chooser } = chooserOf(new Set(["new"]));
  for (const mayHaveCome of [true, false]) {
    const choice = await chooser.choose({ head, mayHaveCome }, { accepted: "" }, signal);
    expect(choice.read).toBeUndefined();
  }
});
