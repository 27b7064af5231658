import type { SerializerProtocol } from "@langchain/langgraph-checkpoint";

const NOTHING = new Uint8Array();

const refuseWhatJsonLoses = (key: string, value: unknown): unknown => {
  if (value instanceof Map || value instanceof Set || ArrayBuffer.isView(value))
    throw new TypeError(
      `a checkpoint holds plain JSON: "${key}" is a ${value.constructor.name}; keep it in a row or a blob`,
    );
  return value;
};

/**
 * Plain JSON in and out. Checkpoints can hold a model's words, and LangGraph's own serializer builds
 * LangChain objects from JSON of the right shape; this one builds nothing.
 */
export const plainJson: SerializerProtocol = {
  dumpsTyped: async (data: unknown) =>
    data === undefined
      ? ["undefined", NOTHING]
      : ["json", new TextEncoder().encode(JSON.stringify(data, refuseWhatJsonLoses))],
  loadsTyped: async (type, data) => {
    if (type === "undefined") return undefined;
    if (type !== "json") throw new Error(`a checkpoint of unknown type ${type}`);
    return JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data));
  },
};
