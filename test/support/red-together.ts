import { type Conversation, codes } from "./script.ts";

/** A gate that takes one part and no more: two changes that each add one are green alone and red together. */
export const ONE_PART = {
  "checks/one.sh": 'test "$(ls parts 2>/dev/null | wc -l)" -le 1 || { echo two parts; exit 1; }\n',
};

/** A coder who adds a part named after the task. */
export const addsPart = (task: string): Conversation =>
  codes(task, { [`parts/${task}.txt`]: `${task}\n` });

/** The second attempt at such a task, told of the gate that was red after merging: makes one list of all parts. */
export const makesOneList = (task: string, list: string): Conversation => ({
  role: "coder",
  task,
  attempt: 2,
  turns: [
    {
      contains: ["two parts", "after merging"],
      calls: [
        { bash: { command: "rm parts/*" } },
        { write: { path: "list.txt", content: list } },
        { submit_change: { summary: "one list instead of two parts" } },
      ],
    },
  ],
});
