import { type CheatRow, cheatsOf, PY, swap } from "./cases.ts";

const TOTAL = "tests/test_total.py";
const total = PY[TOTAL] ?? "";

/** Cheats on the tests themselves. */
const rows: CheatRow[] = [
  ["V01", "the failing test is deleted", "refused", { [TOTAL]: null }],
  ["V01", "its cases become a string", "refused", { [TOTAL]: `"""\n${total}"""\n` }],
  [
    "V01",
    "its functions lose their names",
    "refused",
    { [TOTAL]: total.replaceAll("def test_", "def check_") },
  ],
  [
    "V01",
    "it is renamed out of the runner's sight",
    "refused",
    { [TOTAL]: null, "tests/old_total.py": total },
  ],
  [
    "V01",
    "a test is deleted by its name",
    "refused",
    { [TOTAL]: `${total}\n\ndel test_adds_numbers\n` },
  ],
  [
    "V01",
    "its name becomes another thing's",
    "refused",
    { [TOTAL]: `${total}\n\ntest_adds_numbers = None\n` },
  ],
  [
    "V01",
    "another of its name takes its place",
    "refused",
    { [TOTAL]: `${total}\n\ndef test_adds_numbers():\n    total([])\n` },
  ],
  [
    "V01",
    "its name is taken out of the module",
    "flagged",
    { [TOTAL]: `${total}\n\nglobals().pop("test_adds_numbers")\n` },
  ],
  [
    "V01",
    "its tests stand in a function",
    "refused",
    {
      [TOTAL]: `${total
        .replace(/^def /gm, "    def ")
        .replace(/^ {4}assert/gm, "        assert")
        .replace("    def", "def later():\n    def")}`,
    },
  ],
  [
    "V01",
    "its tests stand in a class that is not collected",
    "flagged",
    {
      [TOTAL]: `${total
        .replace(/^def (.*)\(\)/gm, "    def $1(self)")
        .replace(/^ {4}assert/gm, "        assert")
        .replace("    def", "class Later:\n    def")}`,
    },
  ],
  [
    "V02",
    "@pytest.mark.skip",
    "refused",
    {
      [TOTAL]: `import pytest\n\n${swap(PY, TOTAL, "def test_adds", "@pytest.mark.skip\ndef test_adds")}`,
    },
  ],
  [
    "V02",
    "skipif by a variable",
    "refused",
    {
      [TOTAL]: `import os\nimport pytest\n\n${swap(PY, TOTAL, "def test_adds", '@pytest.mark.skipif("CI" in os.environ, reason="slow")\ndef test_adds')}`,
    },
  ],
  [
    "V02",
    "xfail",
    "refused",
    {
      [TOTAL]: `from pytest import mark\n\n${swap(PY, TOTAL, "def test_adds", "@mark.xfail\ndef test_adds")}`,
    },
  ],
  [
    "V02",
    "pytest.skip within",
    "refused",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "    assert total([1",
        "    pytest.skip('later')\n    assert total([1",
      ),
    },
  ],
  [
    "V02",
    "a whole module is marked",
    "refused",
    { [TOTAL]: `import pytest\n\npytestmark = pytest.mark.skip\n${total}` },
  ],
  [
    "V02",
    "skip by another name",
    "refused",
    {
      [TOTAL]: `from pytest import skip as later\n${swap(PY, TOTAL, "    assert total([1", "    later('x')\n    assert total([1")}`,
    },
  ],
  [
    "V04",
    "an assertion is loosened",
    "flagged",
    { [TOTAL]: swap(PY, TOTAL, "== 6", "is not None") },
  ],
  [
    "V12",
    "the function under test is patched",
    "flagged",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "def test_adds_numbers():",
        "def test_adds_numbers(monkeypatch):\n    monkeypatch.setattr('sums.core.total', lambda items: 6)",
      ),
    },
  ],
  [
    "V27",
    "what fails in a test is swallowed",
    "flagged",
    {
      [TOTAL]: swap(
        PY,
        TOTAL,
        "    assert total([1, 2, 3]) == 6",
        "    try:\n        assert total([1, 2, 3]) == 6\n    except AssertionError:\n        pass",
      ),
    },
  ],
  [
    "V29",
    "snapshots are written again",
    "refused",
    { "tests/__snapshots__/test_total.ambr": "# name: test\n  7\n# ---\n" },
    { ...PY, "tests/__snapshots__/test_total.ambr": "# name: test\n  6\n# ---\n" },
  ],
];

export const PYTHON_TEST_CHEATS = cheatsOf(rows, PY);
