import { expect, it } from "vitest";
import { EventBody, EventEnvelope } from "./events.ts";

it("no event's body uses a name of the envelope, which would overwrite it", () => {
  const taken = new Set(Object.keys(EventEnvelope.shape));
  const clashes = EventBody.options.flatMap((option) =>
    Object.keys(option.shape)
      .filter((name) => taken.has(name))
      .map((name) => `${option.shape.type.value}.${name}`),
  );
  expect(clashes).toEqual([]);
});
