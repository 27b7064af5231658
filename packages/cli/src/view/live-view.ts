import { picoReader, plainText, type RunState, type StoredEvent } from "@headrace/domain";
import type { Command } from "../command.ts";
import type { View } from "../follow.ts";
import { eventLine } from "./event-line.ts";
import { hasBegun, runLines } from "./run-lines.ts";

type Terminal = { write(text: string): void; columns(): number; rows(): number };

const TAIL = 8;
const REDRAW_MS = 200;

/** Redraws one block in place: the run, its tasks, the last events. Nothing scrolls away, nothing flickers. */
export const createLiveView = (terminal: Terminal, leaving: string, command: Command): View => {
  const tail: string[] = [];
  const inPico = picoReader();
  let state: RunState | undefined;
  let drawn = 0;
  const draw = (): void => {
    if (state === undefined) return;
    const width = Math.max(40, terminal.columns());
    const room = Math.max(10, terminal.rows() - 1);
    const all = [
      ...runLines(state, new Date(), command),
      "",
      ...tail,
      "",
      `${hasBegun(state) ? "You can walk away now" : "Ctrl-C leaves this view"}: ${leaving}`,
    ];
    const lines = all.slice(0, room).map((line) => clip(line, width));
    terminal.write(
      `${drawn > 0 ? `\x1b[${drawn}A` : ""}${lines.map((l) => `\x1b[2K${l}\n`).join("")}\x1b[0J`,
    );
    drawn = lines.length;
  };
  const timer = setInterval(draw, REDRAW_MS);
  timer.unref();
  return {
    event(event: StoredEvent, next) {
      state = next;
      const line = eventLine(inPico(event));
      if (line === undefined) return;
      tail.push(line);
      if (tail.length > TAIL) tail.shift();
    },
    close() {
      clearInterval(timer);
      draw();
    },
  };
};

/** Cuts a line that would wrap, since a wrapped line breaks the count of lines to go back. */
const clip = (line: string, width: number): string => {
  const plain = plainText(line);
  return plain.length < width ? plain : `${plain.slice(0, width - 2)}…`;
};
