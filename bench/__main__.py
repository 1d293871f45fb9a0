"""All parts of the benchmark of the engine, one after the other, into one page."""

import sys
from argparse import ArgumentDefaultsHelpFormatter, ArgumentParser
from pathlib import Path

from bench import cost, draws, procedures, service
from bench.part import add_common, add_data, keep_memory
from bench.report import PAGE, command_line, page

PARTS = (draws.PART, procedures.PART, service.PART, cost.PART)
COMMON = ("store", "model", "data")


def main() -> None:
    """Measure, and write the page."""
    parser = ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    minutes = sum(part.seconds for part in PARTS) / 60
    parser.add_argument("--minutes", type=float, default=minutes, help="shared by the parts")
    parser.add_argument("--counts", type=Path, help="as of bench.procedures")
    parser.add_argument("--out", type=Path, default=PAGE, help="page to write")
    add_common(parser)
    add_data(parser)
    options = parser.parse_args()
    keep_memory()
    common = ["--quick"] if options.quick else []
    for name in COMMON:
        if (value := getattr(options, name)) != parser.get_default(name):
            common += [f"--{name}", str(value)]
    sections = []
    for part in PARTS:
        arguments = list(common)
        if options.minutes != minutes:
            arguments += ["--seconds", f"{part.seconds * options.minutes / minutes:.0f}"]
        if part is procedures.PART and options.counts is not None:
            arguments += ["--counts", str(options.counts)]
        sections.append(part.section(arguments))
        print(sections[-1].markdown(), flush=True)
    text = page(sections, command=command_line("bench", sys.argv[1:]))
    options.out.write_text(text)
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()
