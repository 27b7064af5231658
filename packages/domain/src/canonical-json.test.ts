import { expect, it } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

it("writes equal values as equal text, whatever order their keys were set in", () => {
  expect(canonicalJson({ b: [1, { z: null, y: true }], a: "x" })).toBe(
    '{"a":"x","b":[1,{"y":true,"z":null}]}',
  );
  expect(canonicalJson({ "10": 1, "9": 2, é: 3, Z: 4 })).toBe('{"10":1,"9":2,"Z":4,"é":3}');
});

it("leaves undefined members out and reads back as JSON does", () => {
  const value = { a: undefined, b: [undefined, -0, 1e21, 0.1], c: 'quote " and \ud800' };
  expect(canonicalJson(value)).toBe('{"b":[null,0,1e+21,0.1],"c":"quote \\" and \\ud800"}');
  expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
});

it("keeps a key that names an object's prototype as data", () => {
  const hostile = JSON.parse('{"__proto__":{"x":1},"constructor":2}');
  expect(canonicalJson(hostile)).toBe('{"__proto__":{"x":1},"constructor":2}');
});
