"""The hand-written LSTM, compared with PyTorch's: outputs, both states and every gradient."""

import math

import pytest
import torch
from torch import nn

from core.memorize.lstm import BACKENDS, Model, MyLSTM, MyLSTMCell

INPUT, HIDDEN, STEPS = 3, 5, 7


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    """Run the test with each backend."""
    return request.param


@pytest.fixture(autouse=True)
def repeatable():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def assert_same(ours: torch.Tensor, theirs: torch.Tensor, tolerance: float) -> None:
    assert ours.dtype == theirs.dtype
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance)


def pull(*results: torch.Tensor) -> None:
    """Call backward on a weighted sum of all results' elements; the weights are the same at every call."""
    generator = torch.Generator().manual_seed(1)
    sum(
        (torch.randn(result.shape, generator=generator, dtype=result.dtype) * result).sum() for result in results
    ).backward()


# One cell


def test_the_cell_loads_the_state_dict_of_pytorch_s_cell():
    theirs = nn.LSTMCell(INPUT, HIDDEN)
    ours = MyLSTMCell(INPUT, HIDDEN)
    ours.load_state_dict(theirs.state_dict())
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, weight in theirs.state_dict().items():
        assert_same(ours.state_dict()[name], weight, 0)


@pytest.mark.parametrize("batch", [1, 4])
def test_the_cell_equals_pytorch_s_over_several_steps(batch):
    theirs = nn.LSTMCell(INPUT, HIDDEN).double()
    ours = MyLSTMCell(INPUT, HIDDEN).double()
    ours.load_state_dict(theirs.state_dict())
    inputs = torch.randn(STEPS, batch, INPUT, dtype=torch.float64)
    for cell in (ours, theirs):
        state = torch.ones(batch, HIDDEN, dtype=torch.float64), torch.full((batch, HIDDEN), -1.0, dtype=torch.float64)
        for x in inputs:
            state = cell(x, state)
        cell.last = [part.detach() for part in state]
        pull(*state)
    for our_state, their_state in zip(ours.last, theirs.last, strict=True):
        assert our_state.shape == (batch, HIDDEN)
        assert_same(our_state, their_state, 1e-12)
    for (name, our_weight), (_, their_weight) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        assert our_weight.grad.abs().max() > 0, name
        assert_same(our_weight.grad, their_weight.grad, 1e-12)


def test_each_gate_does_what_its_name_says():
    """One unit with zero weights: the biases open or close each gate."""

    def step(i: float, f: float, g: float, o: float, c: float) -> tuple[float, float]:
        cell = MyLSTMCell(1, 1)
        with torch.no_grad():
            for parameter in cell.parameters():
                parameter.zero_()
            cell.bias_ih[:] = torch.tensor([i, f, g, o])
            h, c = cell(torch.zeros(1, 1), (torch.zeros(1, 1), torch.tensor([[c]])))
        return h.item(), c.item()

    closed, opened = -100.0, 100.0
    # keeps the cell state and shows it
    assert step(closed, opened, 5, opened, c=0.5) == pytest.approx((math.tanh(0.5), 0.5))
    # overwrites it
    assert step(opened, closed, 0.3, opened, c=0.5) == pytest.approx((math.tanh(math.tanh(0.3)), math.tanh(0.3)))
    # adds to it and shows nothing
    assert step(opened, opened, 0.3, closed, c=0.5) == pytest.approx((0, 0.5 + math.tanh(0.3)))


def test_the_cell_is_initialised_like_pytorch_s():
    cell = MyLSTMCell(30, 100)
    assert {name: tuple(p.shape) for name, p in cell.named_parameters()} == {
        "weight_ih": (400, 30),
        "weight_hh": (400, 100),
        "bias_ih": (400,),
        "bias_hh": (400,),
    }
    for parameter in cell.parameters():
        assert 0.09 < parameter.abs().max() <= 0.1  # U(-1/√100, 1/√100)
        torch.testing.assert_close(parameter.std().item(), 0.1 / math.sqrt(3), rtol=0.1, atol=0)


# Layers over a sequence


def run(
    lstm: nn.Module, inputs: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor] | None
) -> dict[str, torch.Tensor]:
    """Return the results and gradients of an LSTM by name; weights in the order of the layers."""
    inputs = inputs.clone().requires_grad_()
    state = state and tuple(part.clone().requires_grad_() for part in state)
    output, (h, c) = lstm(inputs, state) if state else lstm(inputs)
    pull(output, h, c)
    gradients = {"input": inputs.grad} | ({"h0": state[0].grad, "c0": state[1].grad} if state else {})
    weights = {f"weight {number}": weight.grad for number, weight in enumerate(lstm.parameters())}
    return {"output": output.detach(), "h": h.detach(), "c": c.detach()} | gradients | weights


def assert_all_same(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor], tolerance: float) -> None:
    assert list(ours) == list(theirs)
    for name, expected in theirs.items():
        assert ours[name].shape == expected.shape, name
        assert expected.abs().max() > 0, f"{name} is zero, so the comparison means nothing"
        assert_same(ours[name], expected, tolerance)


@pytest.mark.parametrize("with_state", [True, False], ids=["state", "no-state"])
@pytest.mark.parametrize("batch", [1, 3, None], ids=["batch-1", "batch-3", "unbatched"])
@pytest.mark.parametrize("num_layers", [1, 2, 3, 4])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.float64, 1e-12)], ids=["f32", "f64"])
def test_outputs_states_and_gradients_equal_pytorch_s(backend, num_layers, batch, with_state, dtype, tolerance):
    theirs = nn.LSTM(INPUT, HIDDEN, num_layers).to(dtype)
    ours = MyLSTM.from_torch(theirs, backend)
    axis = () if batch is None else (batch,)
    inputs = torch.randn(STEPS, *axis, INPUT, dtype=dtype)
    state = tuple(torch.randn(num_layers, *axis, HIDDEN, dtype=dtype) for _ in "hc") if with_state else None
    our_results = run(ours, inputs, state)
    assert our_results["output"].shape == (STEPS, *axis, HIDDEN)
    assert our_results["h"].shape == our_results["c"].shape == (num_layers, *axis, HIDDEN)
    assert_all_same(our_results, run(theirs, inputs, state), tolerance)


def test_a_longer_and_wider_lstm_equals_pytorch_s(backend):
    theirs = nn.LSTM(20, 64, 2)
    inputs = torch.randn(70, 1, 20)
    ours = run(MyLSTM.from_torch(theirs, backend), inputs, None)
    expected = run(theirs, inputs, None)
    for name, value in expected.items():
        scale = max(1.0, value.abs().max().item())  # gradients of weights are sums over all 70 steps
        assert_same(ours[name] / scale, value / scale, 1e-5)


@pytest.mark.parametrize("part", ["output", "h", "c"])
def test_the_gradient_of_each_result_alone_equals_pytorch_s(backend, part):
    """The other two results then have no gradient."""
    theirs = nn.LSTM(INPUT, HIDDEN, 2).double()
    ours = MyLSTM.from_torch(theirs, backend)
    inputs = torch.randn(STEPS, 2, INPUT, dtype=torch.float64)
    for lstm in (ours, theirs):
        output, (h, c) = lstm(inputs)
        pull({"output": output, "h": h, "c": c}[part])
    for our_weight, their_weight in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_same(our_weight.grad, their_weight.grad, 1e-12)


def test_gradients_equal_finite_differences(backend):
    lstm = MyLSTM(2, 3, 2, backend).double()
    inputs = torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True)
    state = tuple(torch.randn(2, 2, 3, dtype=torch.float64, requires_grad=True) for _ in "hc")

    def results(inputs, h, c, *weights):
        output, state = torch.func.functional_call(lstm, dict(zip(names, weights, strict=True)), (inputs, (h, c)))
        return output, *state

    names = [name for name, _ in lstm.named_parameters()]
    assert torch.autograd.gradcheck(results, (inputs, *state, *lstm.parameters()))


def test_a_sequence_in_two_parts_gives_the_same_result(backend):
    lstm = MyLSTM(INPUT, HIDDEN, 2, backend)
    inputs = torch.randn(STEPS, 2, INPUT)
    whole, last_state = lstm(inputs)
    first, state = lstm(inputs[:3])
    second, state = lstm(inputs[3:], state)
    assert_same(torch.cat([first, second]), whole, 1e-6)
    for ours, theirs in zip(state, last_state, strict=True):
        assert_same(ours, theirs, 1e-6)


def test_samples_of_a_batch_are_independent(backend):
    lstm = MyLSTM(INPUT, HIDDEN, 2, backend)
    inputs = torch.randn(STEPS, 3, INPUT)
    together, _ = lstm(inputs)
    for sample in range(3):
        assert_same(lstm(inputs[:, sample])[0], together[:, sample], 1e-6)


def test_gradients_accumulate_and_no_grad_records_nothing(backend):
    lstm = MyLSTM(INPUT, HIDDEN, 1, backend)
    inputs = torch.randn(STEPS, 1, INPUT)
    for _ in range(2):
        pull(lstm(inputs)[0])
    twice = [parameter.grad.clone() for parameter in lstm.parameters()]
    lstm.zero_grad()
    pull(lstm(inputs)[0])
    for parameter, gradient in zip(lstm.parameters(), twice, strict=True):
        assert_same(2 * parameter.grad, gradient, 1e-5)
    with torch.no_grad():
        assert not lstm(inputs)[0].requires_grad


def test_from_torch_copies_the_weights(backend):
    theirs = nn.LSTM(INPUT, HIDDEN, 2)
    ours = MyLSTM.from_torch(theirs, backend)
    before = ours.cells[1].weight_hh.clone()
    with torch.no_grad():
        theirs.weight_hh_l1.add_(1)
    assert_same(ours.cells[1].weight_hh, before, 0)


@pytest.mark.parametrize("layers", [1, 3])
def test_state_dicts_load_in_both_directions(layers):
    ours, theirs = MyLSTM(INPUT, HIDDEN, layers), nn.LSTM(INPUT, HIDDEN, layers)
    inputs = torch.randn(STEPS, 2, INPUT)
    assert not torch.equal(ours(inputs)[0], theirs(inputs)[0])
    ours.load_state_dict(theirs.state_dict())
    assert_same(ours(inputs)[0], theirs(inputs)[0], 1e-6)
    again = MyLSTM(INPUT, HIDDEN, layers)
    again.load_state_dict(ours.state_dict())
    assert_same(again(inputs)[0], theirs(inputs)[0], 1e-6)
    assert_same(again.to_torch()(inputs)[0], theirs(inputs)[0], 1e-6)


def test_a_state_dict_of_another_network_is_rejected():
    ours = MyLSTM(INPUT, HIDDEN, 2)
    for wrong in (nn.LSTM(INPUT, HIDDEN, 1), nn.LSTM(INPUT, HIDDEN, 3), nn.GRU(INPUT, HIDDEN, 2)):
        with pytest.raises(RuntimeError, match=r"Missing|Unexpected|size mismatch"):
            ours.load_state_dict(wrong.state_dict())


@pytest.mark.parametrize(
    "options",
    [
        {"bidirectional": True},
        {"proj_size": 2},
        {"batch_first": True},
        {"num_layers": 2, "dropout": 0.1},
        {"bias": False},
    ],
)
def test_from_torch_rejects_unsupported_options(options):
    with pytest.raises(ValueError, match="one direction, biases, sequence first, no projection and no dropout"):
        MyLSTM.from_torch(nn.LSTM(INPUT, HIDDEN, **options))


@pytest.mark.parametrize(
    ("shape", "states", "sentence"),
    [
        ((STEPS, 2, 4), None, r"input must be \(seq_len, batch, 3\), not \(7, 2, 4\)"),
        ((0, 2, 3), None, r"input must be \(seq_len, batch, 3\), not \(0, 2, 3\)"),
        ((3,), None, r"input must be .* not \(3,\)"),
        ((STEPS, 2, 1, 3), None, r"input must be .* not \(7, 2, 1, 3\)"),
        ((STEPS, 2, 3), (2, 1, 5), r"h and c must be \(2, 2, 5\), not \(2, 1, 5\)"),
        ((STEPS, 2, 3), (1, 2, 5), r"h and c must be \(2, 2, 5\), not \(1, 2, 5\)"),
        ((STEPS, 2, 3), (2, 2, 4), r"h and c must be \(2, 2, 5\), not \(2, 2, 4\)"),
    ],
)
def test_a_wrong_shape_is_rejected(backend, shape, states, sentence):
    state = states and (torch.zeros(states), torch.zeros(states))
    with pytest.raises(ValueError, match=sentence):
        MyLSTM(INPUT, HIDDEN, 2, backend)(torch.zeros(shape), state)


@pytest.mark.parametrize(
    ("shape", "state", "sentence"),
    [
        ((STEPS, 4), None, r"input must be \(seq_len, 3\), not \(7, 4\)\."),
        ((0, 3), None, r"input must be \(seq_len, 3\), not \(0, 3\)\."),
        ((STEPS, 3), [(2, 4), (2, 4)], r"h and c must be \(2, 5\), not \(2, 4\) and \(2, 4\)\."),
        ((STEPS, 3), [(2, 5), (5,)], r"h and c must be \(2, 5\), not \(2, 5\) and \(5,\)\."),
        ((STEPS, 3), [(2, 1, 5), (2, 1, 5)], r"h and c must be \(2, 5\), not \(2, 1, 5\) and \(2, 1, 5\)\."),
    ],
)
def test_without_a_batch_axis_errors_show_the_caller_s_shapes(backend, shape, state, sentence):
    state = state and tuple(torch.zeros(part) for part in state)
    with pytest.raises(ValueError, match=sentence):
        MyLSTM(INPUT, HIDDEN, 2, backend)(torch.zeros(shape), state)


@pytest.mark.parametrize("shape", [(STEPS, 2, 3), (STEPS, 3)], ids=["batch", "unbatched"])
@pytest.mark.parametrize("parts", [0, 1, 3])
def test_a_state_that_is_not_a_pair_is_rejected(backend, shape, parts):
    state = (torch.zeros(2, *shape[1:-1], 5),) * parts
    with pytest.raises(ValueError, match=rf"state must be a pair \(h, c\), but it has length {parts}\."):
        MyLSTM(INPUT, HIDDEN, 2, backend)(torch.zeros(shape), state)
    with pytest.raises(ValueError, match=r"state must be a pair \(h, c\), but it is a Tensor\."):
        MyLSTM(INPUT, HIDDEN, 2, backend)(torch.zeros(shape), torch.zeros(2, *shape[1:-1], 5))


def test_an_unknown_backend_is_rejected():
    with pytest.raises(ValueError, match="The backend must be one of torch, bptt, but it is 'cuda'"):
        MyLSTM(INPUT, HIDDEN, backend="cuda")


# The whole model


def test_the_model_has_the_documented_shapes():
    model = Model(input_size=6, hidden_size=HIDDEN, output_size=4, num_layers=3)
    state = model.init_hidden_cell(batch_size=2)
    assert [part.shape for part in state] == [(3, 2, HIDDEN)] * 2
    assert not any(part.any() for part in state)
    assert state[0].data_ptr() != state[1].data_ptr()  # changing h must not change c
    assert model.init_hidden_cell()[0].shape == (3, 1, HIDDEN)
    logits, (h, c) = model(torch.randn(STEPS, 2, 6), state)
    assert logits.shape == (STEPS, 2, 4)
    assert h.shape == c.shape == (3, 2, HIDDEN)


def test_the_model_is_its_lstm_followed_by_its_linear_layer(backend):
    model = Model(INPUT, HIDDEN, 4, 2, backend)
    inputs, state = torch.randn(STEPS, 1, INPUT), model.init_hidden_cell()
    logits, (h, c) = model(inputs, state)
    hidden, (expected_h, expected_c) = model.lstm(inputs, state)
    assert_same(logits, hidden @ model.linear.weight.T + model.linear.bias, 1e-6)
    assert_same(h, expected_h, 0)
    assert_same(c, expected_c, 0)


def test_states_have_the_model_s_type(backend):
    model = Model(INPUT, HIDDEN, 4, 2, backend).double()
    state = model.init_hidden_cell()
    assert state[0].dtype == torch.float64
    logits, _ = model(torch.randn(STEPS, 1, INPUT, dtype=torch.float64), state)
    assert logits.dtype == torch.float64


def test_states_are_on_the_model_s_device():
    """The meta device, which has shapes only, stands for any device other than the CPU."""
    model = Model(INPUT, HIDDEN, 4, 2).to("meta")
    assert model.init_hidden_cell()[0].device.type == "meta"
    logits, _ = model(torch.zeros(STEPS, 1, INPUT, device="meta"), model.init_hidden_cell())
    assert logits.device.type == "meta"
