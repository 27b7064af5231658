import { z } from "zod";
import { Id } from "./ids.ts";

/** Lines of the spec file, 1-based and inclusive. */
export const Span = z.object({
  from: z.number().int().positive(),
  to: z.number().int().positive(),
});
export type Span = z.infer<typeof Span>;

/** `line 4`, `lines 4-6` */
export const spanWords = ({ from, to }: Span): string =>
  from === to ? `line ${from}` : `lines ${from}-${to}`;

/** One checkable statement, with the sentence of the spec it came from. */
export const Requirement = z.object({
  id: Id,
  text: z.string().min(1).max(4000),
  span: Span,
  /** `listed`: an item of an acceptance list; `proposed`: quoted by the planner from prose */
  source: z.enum(["listed", "proposed"]),
});
export type Requirement = z.infer<typeof Requirement>;
