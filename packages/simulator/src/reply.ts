import { createHash } from "node:crypto";
import type { UserId } from "@headrace/domain";
import type { ApiError } from "./api-error.ts";
import type { UsageTold } from "./conditions.ts";
import type { MessagesRequest } from "./wire.ts";

type TextBlock = { type: "text"; text: string };
type ToolUseBlock = {
  type: "tool_use";
  id: string;
  name: string;
  input: Record<string, unknown>;
};

/** One question to the model, as a player sees it. */
export type Question = {
  request: MessagesRequest;
  userId: UserId;
  /** `metadata.user_id` as it came */
  user: string;
  turn: number;
};

/** How a stream breaks off. */
export type Broken = {
  /** with its connection, in silence, or with an error in the stream */
  how: "cut" | "stall" | ApiError;
  /** so many of its events come (negative: all but so many), or this share of them */
  after: number | { share: number };
};

export type Reply = {
  content: (TextBlock | ToolUseBlock)[];
  stopReason: string;
  /** silence before the first byte, milliseconds */
  firstByteMs?: number;
  /** silence before the content, milliseconds */
  delayMs?: number;
  broken?: Broken | undefined;
  usage?: UsageTold | undefined;
};

/** Who answers. Rejects with `ApiError` for an answer that is an error. */
export interface Player {
  play(question: Question, signal: AbortSignal): Promise<Reply>;
}

export const digest = (...parts: unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 24);

/** The same question always gets the same tool-call ids. */
export const toolUseId = ({ user, turn }: Question, index: number): string =>
  `toolu_${digest(user, turn, index)}`;

export const defaultStopReason = (content: Reply["content"]): string =>
  content.some((block) => block.type === "tool_use") ? "tool_use" : "end_turn";
