import { randomBytes } from "node:crypto";
import { fromUsd, Submission } from "@headrace/domain";

/** A valid submission of an imaginary repository, different each time, with bytes that look like its pack. */
export const sampleSubmission = (): { submission: Submission; pack: Uint8Array } => {
  const name = randomBytes(4).toString("hex");
  const submission = Submission.parse({
    title: `A tool (${name})`,
    spec: "# A tool\n\n## Acceptance\n- it prints hello\n",
    requirements: [
      { id: "req-1", text: "it prints hello", span: { from: 4, to: 4 }, source: "listed" },
    ],
    base: randomBytes(20).toString("hex"),
    repo: { path: `/home/user/${name}`, name },
    policy: {
      gates: [{ name: "test", run: "npm test" }],
      setup: ["npm ci"],
      protected: [],
      from: { gates: "detected", setup: "detected" },
    },
    budget: fromUsd(20),
    model: { kind: "provider" },
  });
  return { submission, pack: Buffer.concat([Buffer.from("PACK"), randomBytes(4096)]) };
};
