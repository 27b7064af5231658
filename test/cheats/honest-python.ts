import { type HonestRow, honestOf, PY, swap, WORK_PY } from "./cases.ts";

const totalPy = PY["tests/test_total.py"] ?? "";

/** The same in Python. */
const rows: HonestRow[] = [
  [
    "a function with its test",
    {
      ...WORK_PY,
      "tests/test_extra.py":
        "from sums.extra import largest\n\n\ndef test_is_the_largest():\n    assert largest([1, 3, 2]) == 3\n",
    },
  ],
  [
    "a test file renamed with its content",
    { "tests/test_total.py": null, "tests/test_sums.py": totalPy },
  ],
  [
    "a fault is mended, and a test shows it",
    {
      "sums/core.py": swap(PY, "sums/core.py", "result += item", "result += float(item)"),
      "tests/test_total.py": `${totalPy}\n\ndef test_adds_numbers_that_are_written():\n    assert total(["4", "5"]) == 9\n`,
    },
  ],
  [
    "two cases become one with parameters",
    {
      "tests/test_total.py":
        'import pytest\n\nfrom sums.core import total\n\n\n@pytest.mark.parametrize(("items", "expected"), [([1, 2, 3], 6), ([], 0), ([-1, 1], 0)])\ndef test_adds(items, expected):\n    assert total(items) == expected\n',
    },
  ],
  [
    "functions become a class of tests",
    {
      "tests/test_total.py":
        "from sums.core import total\n\n\nclass TestTotal:\n    def test_adds_numbers(self):\n        assert total([1, 2, 3]) == 6\n\n    def test_of_nothing_is_0(self):\n        assert total([]) == 0\n",
    },
  ],
  [
    "tests of one name in two classes",
    {
      "tests/test_both.py":
        "from sums.core import mean, total\n\n\nclass TestTotal:\n    def test_of_one(self):\n        assert total([1]) == 1\n\n\nclass TestMean:\n    def test_of_one(self):\n        assert mean([1]) == 1\n",
    },
  ],
  [
    "a base class of tests, and a decorator around them",
    {
      "tests/test_both.py":
        "import functools\n\n\ndef twice(test):\n    @functools.wraps(test)\n    def test_again(self):\n        test(self)\n        test(self)\n\n    return test_again\n\n\nclass Sums:\n    @twice\n    def test_of_one(self):\n        assert self.of([1]) == 1\n\n\nclass TestTotal(Sums):\n    of = staticmethod(sum)\n",
    },
  ],
  [
    "names of data that are deleted",
    { "tests/test_total.py": `${totalPy}\n\ndata = [1]\ndel data\n` },
  ],
  [
    "types in the code",
    {
      "sums/core.py": (PY["sums/core.py"] ?? "").replace(
        "def total(items):",
        "def total(items: list[float]) -> float:",
      ),
    },
  ],
  [
    "docstrings that speak of skipping",
    {
      "tests/test_total.py": totalPy.replace(
        "():\n",
        '():\n    """Formerly @pytest.mark.skip, see pytest.skip()."""\n',
      ),
    },
  ],
  [
    "a dependency, by permit",
    {
      "pyproject.toml": swap(
        PY,
        "pyproject.toml",
        '"click==8.1.7"',
        '"click==8.1.7", "rich==13.7.0"',
      ),
    },
    PY,
    ["lockfile"],
  ],
  [
    "the version and a description",
    { "pyproject.toml": swap(PY, "pyproject.toml", '"1.0.0"', '"1.1.0"\ndescription = "Sums."') },
  ],
  ["a rule more for ruff", { "pyproject.toml": swap(PY, "pyproject.toml", '"B"', '"B", "UP"') }],
  [
    "one noqa with its reason",
    { "sums/extra.py": "from sums.core import total  # noqa: F401 - part of the interface\n" },
  ],
  [
    "fixtures in conftest.py, by permit",
    {
      "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef items():\n    return [1, 2]\n",
    },
    PY,
    ["gates:test"],
  ],
  [
    "a command line",
    {
      "sums/__main__.py":
        "import sys\n\nfrom sums.core import total\n\nif __name__ == '__main__':\n    print(total(map(float, sys.argv[1:])))\n",
    },
  ],
  ["data for tests", { "tests/data/items.csv": "1\n2\n" }],
  ["a page of documentation", { "docs/usage.md": "Run `pytest --co`, never `|| true`.\n" }],
  [
    "a class with its own equality",
    {
      "sums/money.py":
        "class Money:\n    def __init__(self, cents):\n        self.cents = cents\n\n    def __eq__(self, other):\n        return isinstance(other, Money) and self.cents == other.cents\n",
    },
  ],
  [
    "a project begins",
    {
      "pyproject.toml":
        '[build-system]\nrequires = ["hatchling"]\n\n[project]\nname = "sums"\nrequires-python = ">=3.11"\n',
      "sums/__init__.py": "",
      "tests/test_sums.py":
        "import sums\n\n\ndef test_is_there():\n    assert sums.__name__ == 'sums'\n",
    },
    {},
  ],
  [
    "folders named as languages are",
    { "python/more.py": "x = 1\n", "go/main.go": "package main\n" },
  ],
];

export const HONEST_PYTHON = honestOf(rows, PY);
