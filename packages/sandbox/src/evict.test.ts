import { describe, expect, it } from "vitest";
import { chooseEvicted, type Keep, type KeptImage } from "./evict.ts";

const DAY = 24 * 60 * 60_000;
const NOW = 1000 * DAY;
const image = (id: string, daysAgo: number, more: Partial<KeptImage> = {}): KeptImage => ({
  id,
  name: `headrace-env:${id}`,
  bytes: 10,
  lastUsed: NOW - daysAgo * DAY,
  inUse: false,
  ...more,
});
const evicted = (images: KeptImage[], keep: Partial<Keep> = {}) =>
  chooseEvicted(images, { days: 30, bytes: 1000, ...keep }, NOW).map(({ id }) => id);

describe("eviction", () => {
  it("takes what nobody asked for within the days, and nothing younger", () => {
    expect(evicted([image("old", 31), image("young", 29)])).toEqual(["old"]);
  });

  it("takes what was used longest ago where there is too much", () => {
    const images = [image("a", 3), image("b", 1), image("c", 2), image("d", 4)];
    expect(evicted(images, { bytes: 25 })).toEqual(["a", "d"]);
  });

  it("goes on to smaller ones behind one that does not fit", () => {
    const images = [image("new", 1), image("huge", 2, { bytes: 90 }), image("small", 3)];
    expect(evicted(images, { bytes: 20 })).toEqual(["huge"]);
  });

  it("takes what nothing names, however young", () => {
    expect(evicted([image("leftover", 0, { name: undefined })])).toEqual(["leftover"]);
  });

  it("takes nothing in use, which yet counts", () => {
    const images = [
      image("old", 99, { inUse: true }),
      image("nameless", 0, { name: undefined, inUse: true }),
      image("other", 100, { bytes: 1 }),
    ];
    expect(evicted(images, { days: 200, bytes: 20 })).toEqual(["other"]);
  });
});
