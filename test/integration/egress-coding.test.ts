import { expect, it } from "vitest";
import { ask, startEgress, startUpstream } from "../support/egress-rig.ts";

const CODING = { phase: "coding", hosts: [] } as const;

it("a task reaches no host but registries, and is told how to install without", async () => {
  await using rig = await startEgress(CODING);
  const host = "files.example.com";
  const tunnel = await rig.raw(`CONNECT ${host}:443 HTTP/1.1\r\nHost: ${host}:443\r\n\r\n`);
  const plain = await rig.raw(
    `GET http://${host}/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
  );
  for (const answer of [tunnel, plain])
    expect(answer).toMatch(/^HTTP\/1\.1 403 .*registries only.*--ignore-scripts/s);
  const refused = { phase: "coding", host, outcome: "refused", detail: "no package registry" };
  expect(rig.requests).toMatchObject([refused, refused]);
  expect(rig.dialled).toEqual([]);
});

it("what a task asks registries for carries no more than 2 MB out", async () => {
  await using mirror = await startUpstream((_, response) => response.writeHead(404).end());
  const url = `http://127.0.0.1:${mirror.port}`;
  const registries = [
    { name: "mirror", kind: "npm", url, scopes: ["@x"], placeholders: [] },
  ] as const;
  await using rig = await startEgress({ ...CODING, registries });
  const path = `/mirror/${"a".repeat(1900)}`;
  let status = 404;
  for (let asked = 0; status === 404 && asked < 1500; asked += 1)
    status = (await ask(rig.port, path)).status;
  expect(status).toBe(403);
  expect(rig.requests.at(-1)).toMatchObject({ outcome: "refused", detail: "sent too much in all" });
  const sent = rig.requests.reduce((sum, { bytesUp }) => sum + bytesUp, 0);
  expect(sent).toBeLessThan(2.1 * 2 ** 20);
});

it("a private registry that is asked as a host is told by its endpoint", async () => {
  const acme = { name: "acme", kind: "npm", url: "https://npm.acme.example/x/" } as const;
  const registries = [{ ...acme, scopes: ["@acme"], placeholders: [] }];
  for (const phase of ["setup", "coding"] as const) {
    await using rig = await startEgress({ phase, registries });
    const answer = await rig.raw("CONNECT npm.acme.example:443 HTTP/1.1\r\n\r\n");
    expect(answer).toMatch(
      /^HTTP\/1\.1 403 .*its packages are at http:\/\/127\.0\.0\.1:3128\/acme\//,
    );
    expect(rig.requests).toMatchObject([{ host: "npm.acme.example", outcome: "refused" }]);
  }
});
