"""A neuron, a layer or a network: every matrix of a training step, and training without zero_grad()."""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import streamlit as st

from core.autograd import functional as F
from core.autograd.examples import NETWORKS, Batch, Example, train
from core.autograd.faults import never_zeroed
from core.autograd.gradcheck import numeric_gradient
from core.autograd.nn import Linear
from core.autograd.tensor import Tensor
from pages.ui.autograd.graph import format_number
from pages.ui.charts import learning_curves, show_live_chart
from pages.ui.code_view import show_code
from pages.ui.kept import keep

LEARNING_RATES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0]
STEPS = 40
STYLE = """<style>
.katex-display { overflow-x: auto; overflow-y: hidden; padding: 0.2rem 0; margin: 0; }
</style>"""
LOGITS = (
    "X: one row per example. Logits: one number per class; softmax turns them into probabilities. One-hot: 1 for the "
    "correct class, 0 for the others. n: the number of examples."
)
FORMULAS = {
    "Neuron": r"\text{out} = \mathrm{relu}(x\,W + b) \qquad \text{loss} = (\text{out} - 2)^2",
    "Layer": r"\text{logits} = \mathrm{relu}(X\,W + b) \qquad \text{loss} = \text{cross-entropy}(\text{logits})",
    "Network": (
        r"\text{hidden} = \mathrm{relu}(X\,W_1 + b_1) \qquad \text{logits} = \text{hidden}\,W_2 + b_2 \qquad "
        r"\text{loss} = \text{cross-entropy}(\text{logits})"
    ),
}
CROSS_ENTROPY = (
    r"\text{cross-entropy} = -\frac{1}{n} \sum_{\text{rows}} \ln p_{\text{correct class}}, \qquad "
    r"p = \mathrm{softmax}(\text{logits}), \qquad \frac{\partial\,\text{loss}}{\partial\,\text{logits}} = "
    r"\frac{p - \text{one-hot}}{n}"
)


VIEWS = ["Matrices", "One step", "Without zero_grad()"]
MODEL, LEARNING_RATE, SEED = "Neuron", 0.1, 1
DEFAULTS = {"network": MODEL, "network_view": VIEWS[0], "network_lr": LEARNING_RATE, "network_seed": SEED}


def show() -> None:
    """Show the chosen model with all its matrices, a gradient step, or training without zero_grad()."""
    with st.sidebar, keep(DEFAULTS):
        kind, view, lr, seed = settings()
    make, batch = NETWORKS[kind]

    def new_network() -> Example:
        return make(np.random.default_rng(seed))

    st.html(STYLE)
    st.latex(FORMULAS[kind])
    network, x = new_network(), Tensor(batch.x)
    results = network.results(x, batch.targets)
    results["loss"].backward()
    if view == "Matrices":
        if kind != "Neuron":
            st.latex(CROSS_ENTROPY)
            st.caption(LOGITS)
        st.markdown(
            "The forward pass computes the **values** from top to bottom. The backward pass computes the **gradients** "
            "of the loss (∂) from bottom to top. A gradient has the same shape as its value: each number says how fast "
            "the loss grows with the value at the same place."
        )
        matrices(network, batch, x, results)
    elif view == "One step":
        gradient_step(network, batch, results["loss"], lr)
    else:
        zero_grad_demo(new_network, batch, lr)
    show_code(make, Linear, F.linear, F.relu, F.cross_entropy, train)


def settings() -> tuple[str, str, float, int]:
    """Show the settings, and return the model, the view, the learning rate and the seed."""
    kind = st.segmented_control(
        "Model",
        list(NETWORKS),
        default=MODEL,
        required=True,
        key="network",
        bind="query-params",
        help="**Neuron**: two inputs, one output, one example. **Layer**: three such outputs, four examples. "
        "**Network**: two layers, four examples.",
    )
    view = st.radio("Show", VIEWS, key="network_view", bind="query-params")
    lr = st.select_slider(
        "Learning rate",
        LEARNING_RATES,
        LEARNING_RATE,
        format_func=lambda lr: f"{lr:g}",
        key="network_lr",
        bind="query-params",
        help="How far a step moves each parameter: the learning rate times the parameter's gradient.",
    )
    seed = st.number_input(
        "Seed",
        0,
        9999,
        SEED,
        key="network_seed",
        bind="query-params",
        help="Another seed gives other random initial weights.",
    )
    return kind, view, lr, seed


def matrices(network: Example, batch: Batch, x: Tensor, results: dict[str, Tensor]) -> None:
    """Show a row per Tensor: its name, role, shape, values and gradient."""
    tensor_row("x", "input, one row per example", x)
    shape = " × ".join(map(str, batch.targets.shape))
    matrix_row("targets", "desired output", shape, latex(batch.targets.reshape(-1, 1)), None)
    for name, parameter in network.named_parameters():
        tensor_row(name, "parameter (changed by training)", parameter)
    for name, tensor in results.items():
        tensor_row(name, f"result of `{tensor.operation}`", tensor)


def tensor_row(name: str, role: str, tensor: Tensor) -> None:
    """Show a Tensor with its gradient."""
    shape = " × ".join(map(str, tensor.shape)) or "number"
    matrix_row(name, role, shape, latex(tensor.data), None if tensor.grad is None else latex(tensor.grad))


def matrix_row(name: str, role: str, shape: str, values: str, gradient: str | None) -> None:
    """Show a name with its role and shape, and the values and the gradient in LaTeX."""
    with st.container(border=True):
        title, left, right = st.columns([3, 4, 4], vertical_alignment="center")
        title.markdown(f"**{name}** :gray[{shape}]  \n{role}")
        left.latex(values)
        if gradient:
            right.latex(r"\partial = " + gradient)
        else:
            right.caption("no gradient (fixed)")


def latex(array: np.ndarray) -> str:
    """Return a number or a matrix in LaTeX; a vector becomes a matrix with one row."""
    if array.ndim == 0:
        return format_number(float(array))
    # + 0.0 turns -0 into 0
    lines = (r" & ".join(f"{number + 0.0:.3g}" for number in line) for line in np.atleast_2d(array))
    return r"\begin{bmatrix}" + r" \\ ".join(lines) + r"\end{bmatrix}"


def gradient_step(network: Example, batch: Batch, loss: Tensor, lr: float) -> None:
    """Take a gradient step and show the predicted and the actual change of the loss. The network is changed."""

    def loss_now() -> float:
        return network(Tensor(batch.x), batch.targets).item()

    gradients = [(p.data, p.grad) for p in network.parameters() if p.grad is not None]
    if not any(gradient.any() for _, gradient in gradients):
        st.info(
            "This neuron is dead: its z is negative, so relu outputs 0 and passes no gradient. It will never learn. "
            "Try other initial weights (another seed).",
            icon=":material/power_off:",
        )
    error = max(np.abs(gradient - numeric_gradient(loss_now, values)).max() for values, gradient in gradients)
    predicted_change = -lr * sum(float((gradient**2).sum()) for _, gradient in gradients)
    network.update(lr)
    after = loss_now()
    st.markdown(
        "**One step against the gradient** moves every parameter p (every number in the weights and biases) a little "
        "in the direction in which the loss falls fastest. The **learning rate** lr says how far."
    )
    st.latex(
        r"p \leftarrow p - \text{lr} \cdot \frac{\partial\,\text{loss}}{\partial p} \qquad\Rightarrow\qquad "
        r"\Delta\,\text{loss} \approx -\text{lr} \cdot \sum_p \left(\frac{\partial\,\text{loss}}{\partial p}\right)^2"
    )
    with st.container(horizontal=True, gap="large"):
        st.metric("Loss before", f"{loss.item():.4f}", width="content")
        st.metric("Predicted change", f"{predicted_change:+.4f}", width="content")
        st.metric("Actual change", f"{after - loss.item():+.4f}", width="content")
        st.metric("Loss after", f"{after:.4f}", width="content")
    st.caption(
        "The prediction is exact only for tiny steps: the longer the step, the more the curvature of the loss matters. "
        f"Largest deviation of the gradients above from finite differences: {error:.0e}."
    )


def zero_grad_demo(new_network: Callable[[], Example], batch: Batch, lr: float) -> None:
    """Plot the loss over some steps with zero_grad() and without."""
    correct, faulty = (loop(new_network(), batch, lr, STEPS) for loop in (train, never_zeroed.train))
    frames = {
        name: pd.DataFrame({"x": range(len(losses)), "y": losses})
        for name, losses in (("with zero_grad()", correct), ("without", faulty))
    }
    left, right = st.columns([3, 2], gap="large")
    text = zero_grad_text(correct, faulty)
    with left:
        chart = learning_curves(frames, "Step", "Loss")
        show_live_chart(chart, ended=True, alt=f"Loss over {STEPS} training steps. {text}")
    right.markdown(
        "`backward()` *adds* to the gradients. Without `zero_grad()`, `update()` follows the sum of **all gradients "
        "since the start**, which is not the gradient of the present loss:"
    )
    right.latex(r"p \leftarrow p - \text{lr} \cdot (g_1 + g_2 + \dots + g_t)")
    right.markdown(f"**Here:** {text}")


def zero_grad_text(correct: list[float], faulty: list[float]) -> str:
    """Return what the two curves show, in words."""
    if not all(map(math.isfinite, (*correct, *faulty))):
        return "With so large a learning rate, the loss becomes infinite. Choose a smaller one."
    if max(correct) == min(correct) and max(faulty) == min(faulty):
        return "Neither loss changes: all gradients are 0. Try another seed."
    after = f"After {len(correct) - 1} steps, the loss is {rounded(correct[-1])} with zero_grad()"
    ends = f"{after} and {rounded(faulty[-1])} without"
    if max(correct) > correct[0]:
        return f"The learning rate is too large: the loss rises even with zero_grad(). {ends}."
    lowest = faulty.index(min(faulty))
    peak = max(faulty[lowest:])
    if peak > max(2 * faulty[lowest], 0.05 * faulty[0]):
        return (
            f"Without zero_grad(), the loss falls to {rounded(faulty[lowest])} at step {lowest} and climbs to "
            f"{rounded(peak)} again: the old gradients push the parameters past the minimum, like a ball that rolls "
            f"without friction. {ends}."
        )
    if faulty[-1] < correct[-1]:
        return (
            f"{ends}: the sum of the gradients takes longer steps, and in this case that helps. It is not a rule: the "
            "model Neuron with seed 1 and learning rate 0.1 runs past its minimum."
        )
    return f"{ends}."


def rounded(loss: float) -> str:
    """Return a loss with three digits."""
    return f"{loss:.3g}" if abs(loss) > 1e-9 else "almost 0"
