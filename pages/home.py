"""Home: what the dashboard is, a link to each page, and the available datasets."""

import streamlit as st

from core.classify.datasets import DATASETS
from pages.ui import streamlit_internals
from pages.ui.dataset_status import location_label

PAGES = [
    (
        "memorize",
        ":material/short_text: Memorize",
        "Type a sentence. An **LSTM**, written by hand in PyTorch, learns to predict the next character, and then "
        "generates the sentence on its own.",
    ),
    (
        "classify",
        ":material/image: Classify",
        "Choose a dataset. A **multilayer perceptron** on a hand-written NumPy autograd learns to classify its images, "
        "while the page shows its loss and accuracy.",
    ),
    (
        "autograd",
        ":material/account_tree: Autograd",
        "Look inside the autograd engine. A formula becomes a **graph**, and gradients flow back through it, one step "
        "at a time. Find faults and solve exercises.",
    ),
]

streamlit_internals.ensure_run_from_app()
st.title("How networks learn")
st.markdown(
    "Watch two neural networks learn. Everything on these pages is computed by a few hundred lines of Python, and each "
    "page shows its code."
)
for column, (page, label, text) in zip(st.columns(3, gap="medium"), PAGES, strict=True):
    with column.container(border=True, height="stretch"):
        st.subheader(label)
        st.markdown(text)
        st.page_link(f"pages/{page}.py", label="Open", icon=":material/arrow_forward:")

st.subheader("Datasets")
st.table(
    [
        {
            "Dataset": info.title,
            "Images": f"{info.train_size:,} for training, {info.test_size:,} for testing",
            "Location": location_label(info),
        }
        for info in DATASETS.values()
    ]
)
