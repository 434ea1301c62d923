"""A neuron, a layer, a network: every matrix of a training step, and what forgetting zero_grad() does."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from core.autograd import functional as F
from core.autograd.examples import NETWORKS, Batch, train
from core.autograd.faults import never_zeroed
from core.autograd.gradcheck import numeric_gradient
from core.autograd.nn import Linear, Module
from core.autograd.tensor import Tensor
from pages.ui.autograd.graph import short
from pages.ui.charts import learning_curves
from pages.ui.code_view import show_code

LEARNING_RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
STEPS = 40
FORMULAS = {
    "A neuron": r"\text{out} = \mathrm{relu}(x\,W + b) \qquad \text{loss} = (\text{out} - 2)^2",
    "A layer": r"\text{logits} = \mathrm{relu}(X\,W + b) \qquad \text{loss} = \text{cross-entropy}(\text{logits})",
    "A network": (
        r"\text{hidden} = \mathrm{relu}(X\,W_1 + b_1) \qquad \text{logits} = \text{hidden}\,W_2 + b_2 \qquad "
        r"\text{loss} = \text{cross-entropy}(\text{logits})"
    ),
}
CROSS_ENTROPY = (
    r"\text{cross-entropy} = -\frac{1}{n} \sum_{\text{rows}} \ln p_{\text{right class}}, \qquad "
    r"p = \mathrm{softmax}(\text{logits}), \qquad \frac{\partial\,\text{loss}}{\partial\,\text{logits}} = "
    r"\frac{p - \text{one-hot}}{n}"
)


def show() -> None:
    kind = st.segmented_control(
        "What to open", list(NETWORKS), default="A layer", required=True, key="network", bind="query-params"
    )
    left, right = st.columns(2, gap="large")
    with left:
        lr = st.select_slider(
            "Learning rate",
            LEARNING_RATES,
            0.1,
            format_func=lambda lr: f"{lr:g}",
            key="network_lr",
            bind="query-params",
        )
    with right:
        seed = st.number_input("Seed of the first weights", 0, 9999, 1, key="network_seed", bind="query-params")
    make, batch = NETWORKS[kind]

    def fresh() -> Module:
        return make(np.random.default_rng(seed))

    st.latex(FORMULAS[kind])
    if kind != "A neuron":
        st.latex(CROSS_ENTROPY)
    network, x = fresh(), Tensor(batch.x)
    results = network(x, batch.targets)
    results["loss"].backward()

    st.subheader("Forward and backward, in matrices")
    st.markdown(
        "Top to bottom: the **values**, as the forward pass calculates them. Bottom to top: the **gradients** of the "
        "loss, as the backward pass does. A gradient always has the shape of its value."
    )
    matrices(network, batch, x, results)
    one_step(network, batch, results["loss"], lr)
    forgotten(kind, fresh, batch, lr)
    show_code(make, Linear, F.linear, F.relu, F.cross_entropy, train)


def matrices(network: Module, batch: Batch, x: Tensor, results: dict[str, Tensor]) -> None:
    """A row for each Tensor: what it is, its shape, its values and its gradient."""
    st.html("<style>.katex-display { overflow-x: auto; overflow-y: hidden; padding: 0.2rem 0; }</style>")
    row("x", "the input: a row for each example", x)
    shapes = " × ".join(map(str, batch.targets.shape))
    targets = latex(batch.targets.reshape(-1, 1))
    row_of("targets", "what should come out", f"{shapes}", targets, None)
    for name, parameter in network.named_parameters():
        row(name, "learned", parameter)
    for name, tensor in results.items():
        row(name, f"by `{tensor.operation}`", tensor)


def row(name: str, what: str, tensor: Tensor) -> None:
    shape = " × ".join(map(str, tensor.shape)) or "one number"
    row_of(name, what, shape, latex(tensor.data), None if tensor.grad is None else latex(tensor.grad))


def row_of(name: str, what: str, shape: str, values: str, gradient: str | None) -> None:
    with st.container(border=True):
        title, left, right = st.columns([1, 2, 2], vertical_alignment="center")
        title.markdown(f"**{name}**  \n{what}  \n:gray[{shape}]")
        left.latex(values)
        if gradient:
            right.latex(r"\partial = " + gradient)
        else:
            right.caption("no gradient: it is given, not learned")


def latex(array: np.ndarray) -> str:
    """A number or a matrix; a vector is a matrix of one row."""
    if array.ndim == 0:
        return short(float(array))
    # + 0.0 turns -0 into 0
    lines = (r" & ".join(f"{number + 0.0:.3g}" for number in line) for line in np.atleast_2d(array))
    return r"\begin{bmatrix}" + r" \\ ".join(lines) + r"\end{bmatrix}"


def one_step(network: Module, batch: Batch, loss: Tensor, lr: float) -> None:
    """A gradient step: how much it should change the loss, and how much it did. The network is changed."""

    def loss_now() -> float:
        return network(Tensor(batch.x), batch.targets)["loss"].item()

    parameters = network.parameters()
    if not any(p.grad.any() for p in parameters):
        st.info(
            "This neuron is dead: its z is negative, so relu gives 0 and lets no gradient pass. It will never learn. "
            "Other first weights (another seed) may live.",
            icon=":material/power_off:",
        )
    error = max(np.abs(p.grad - numeric_gradient(loss_now, p.data)).max() for p in parameters)
    promised = -lr * sum(float((p.grad**2).sum()) for p in parameters)
    network.update(lr)
    after = loss_now()
    st.subheader("One step against the gradient")
    st.latex(
        r"p \leftarrow p - \text{lr} \cdot \frac{\partial\,\text{loss}}{\partial p} \qquad\Rightarrow\qquad "
        r"\Delta\,\text{loss} \approx -\text{lr} \cdot \sum_p \left(\frac{\partial\,\text{loss}}{\partial p}\right)^2"
    )
    with st.container(horizontal=True, gap="large"):
        st.metric("Loss before", f"{loss.item():.4f}", width="content")
        st.metric("Promised change", f"{promised:+.4f}", width="content")
        st.metric("Real change", f"{after - loss.item():+.4f}", width="content")
        st.metric("Loss after", f"{after:.4f}", width="content")
    st.caption(
        "The promise holds for tiny steps; the longer the step, the more the loss bends away from it. "
        f"Of all gradients above, none is further than {error:.0e} from its finite difference."
    )


def forgotten(kind: str, fresh: Callable[[], Module], batch: Batch, lr: float) -> None:
    """The loss over some steps with zero_grad() and without."""
    st.subheader("And if zero_grad() is forgotten?")
    curves = {
        name: pd.DataFrame({"x": range(STEPS + 1), "y": loop(fresh(), batch, lr, STEPS)})
        for name, loop in {"with zero_grad()": train, "forgotten": never_zeroed.train}.items()
    }
    left, right = st.columns([3, 2], gap="large")
    left.altair_chart(learning_curves(curves, "Step", "Loss"), width="stretch")
    right.markdown(
        "`backward()` *adds* to the gradients. Forgotten once, `update()` follows the sum of **all gradients since the "
        "start**, and that is no gradient of this loss any more."
    )
    right.latex(r"p \leftarrow p - \text{lr} \cdot (g_1 + g_2 + \dots + g_t)")
    right.markdown(
        "The parameters gather speed like a ball without friction. While all gradients point the same way, that looks "
        "fast; but nothing brakes at the bottom of the valley. "
        + ("This neuron's" if kind == "A neuron" else "Open **A neuron**: its")
        + " valley is near, and it rolls past it, up the other side, and back."
    )
