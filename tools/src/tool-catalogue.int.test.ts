import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Tool, toolCatalogue } from "./tool-catalogue.ts";

const goModuleOf = ({ goFolder = "go" }: Tool) => readFile(join(import.meta.dirname, "..", goFolder, "go.mod"), "utf8");

describe.each(toolCatalogue.map((tool) => [tool.name, tool] as const))("%s", (_name, tool) => {
  test("is a tool of our Go module, in the version the catalogue says", async () => {
    const goModule = await goModuleOf(tool);
    expect(goModule).toMatch(new RegExp(`^(\\t|tool )${tool.goPackage}$`, "m"));
    const modulePath = goModule
      .matchAll(/^\t(\S+) (v\S+)( \/\/ indirect)?$/gm)
      .find(([, path = ""]) => tool.goPackage === path || tool.goPackage.startsWith(`${path}/`));
    expect(modulePath?.[2]).toBe(`v${tool.version}`);
  });

  test("has an official release for Linux with a checksum beside it", () => {
    for (const arch of ["amd64", "arm64"]) {
      const release = tool.release({ os: "linux", arch });
      expect(release?.url).toMatch(/^https:\/\//);
      expect(release?.url).toContain(arch);
      expect(release?.url).toContain(tool.version);
      expect(release?.checksumUrl).toMatch(/^https:\/\//);
    }
  });
});
