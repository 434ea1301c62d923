"""Characters as code in Markdown: nothing in a text can end the code and begin something else."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pages.ui.memorize.symbols import as_code


@given(st.text("`ab![](x) ", min_size=1, max_size=20))
def test_a_text_cannot_end_its_code(text):
    code = as_code(text)
    fence = re.match("`+", code)[0]
    assert code.endswith(fence)
    inside = code[len(fence) : -len(fence)]
    assert all(len(run) != len(fence) for run in re.findall("`+", inside)), "a run of this length would end the code"


def test_code_with_backticks_has_a_longer_fence():
    assert as_code("a b") == "`a␣b`"
    assert as_code("x``![a](b)") == "``` x``![a](b) ```"
