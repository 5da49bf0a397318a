"""The programs in the READMEs do what is said there."""

import pathlib
import re

import pytest

HERE = pathlib.Path(__file__).resolve().parent
READMES = [HERE.parent / "README.md", HERE.parents[2] / "README.md"]


def programs():
    for readme in READMES:
        for number, source in enumerate(re.findall(r"^```python\n(.*?)^```", readme.read_text(), re.S | re.M)):
            yield pytest.param(source, id=f"{readme.parent.name}-{number}")


@pytest.mark.parametrize("source", list(programs()))
def test_the_program_runs_as_it_is_printed(source, program):
    if "\ndef test_" in f"\n{source}":
        # A test: for pytest to run.
        source = (
            "import pathlib, pytest, sys\n"
            f"pathlib.Path('test_it.py').write_text({source!r})\n"
            "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider', 'test_it.py']))\n"
        )
    said = program(source)
    # What a line is said to print is printed.
    for printed in re.findall(r"^print\(.*?#> (.*)$", source, re.M):
        assert printed in said


def test_each_readme_has_a_program():
    for readme in READMES:
        assert "```python\n" in readme.read_text()
