"""Home: what this is, a door to each page, and the data on this machine."""

import streamlit as st

from core.classify.datasets import DATASETS
from pages.ui import streamlit_internals
from pages.ui.dataset_status import location_label

DOORS = [
    (
        "memorize",
        ":material/short_text: Memorize",
        "Type a sentence. An **LSTM**, written by hand in PyTorch, learns which character follows which, "
        "and says the sentence back by itself.",
    ),
    (
        "classify",
        ":material/image: Classify",
        "Choose pictures. A **multilayer perceptron** on a hand-written NumPy autograd learns to tell them apart, "
        "while its loss and accuracy grow on the page.",
    ),
    (
        "autograd",
        ":material/account_tree: Autograd",
        "Open the engine. A formula becomes a **graph**, the gradient flows back through it, and every step of it "
        "can be checked.",
    ),
]

streamlit_internals.ensure_run_from_app()
st.title("How networks learn")
st.markdown(
    "Watch two neural networks learn that you can read line by line: everything that moves on these pages is computed "
    "by a few hundred lines of Python, and each page shows the lines it runs."
)
for column, (page, label, text) in zip(st.columns(3, gap="medium"), DOORS, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(label)
        st.markdown(text)
        st.page_link(f"pages/{page}.py", label="Open", icon=":material/arrow_forward:")

st.subheader("Pictures on this machine")
st.table(
    [
        {
            "Data set": info.title,
            "Pictures": f"{info.train_size:,} to learn from, {info.test_size:,} to test with",
            "Where": location_label(info),
        }
        for info in DATASETS.values()
    ]
)
