"""weights.pt: it fits both LSTMs, a saved model can be loaded, and any other file is rejected."""

import io
import pickle
import zipfile

import pytest
import torch

from core.memorize import Alphabet, weights_file
from core.memorize.lstm import Model, MyLSTM
from core.memorize.weights_file import from_file, to_file

SENTENCE = "안녕 👋🏽, hello"


@pytest.fixture(params=[1, 2])
def trained(request) -> tuple[Model, Alphabet]:
    alphabet = Alphabet(SENTENCE)
    return Model(len(alphabet), 6, len(alphabet), request.param), alphabet


def test_a_file_loads_into_both_lstms_with_torch_alone(trained):
    model, alphabet = trained
    saved = torch.load(io.BytesIO(to_file(model, alphabet)), weights_only=True)
    inputs = alphabet.one_hot([Alphabet.START, *alphabet.encode(SENTENCE)])
    expected, _ = model.lstm(inputs)
    for cls in (MyLSTM, torch.nn.LSTM):
        lstm = cls(**saved["sizes"])
        lstm.load_state_dict(saved["lstm"])
        torch.testing.assert_close(lstm(inputs)[0], expected, atol=1e-6, rtol=0)
    linear = torch.nn.Linear(6, len(alphabet))
    linear.load_state_dict(saved["linear"])
    assert torch.equal(linear.weight, model.linear.weight)


def test_saving_and_loading_gives_the_same_model(trained):
    model, alphabet = trained
    loaded = from_file(to_file(model, alphabet))
    assert loaded.symbols == alphabet.symbols
    inputs = alphabet.one_hot(alphabet.encode(SENTENCE))
    expected, _ = model(inputs, model.init_hidden_cell())
    again = loaded.model()
    assert torch.equal(again(inputs, again.init_hidden_cell())[0], expected)


def as_file(content: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file)
    return file.getvalue()


class Trap:
    """Would run code if it were unpickled."""

    def __reduce__(self):
        return exec, ("import core.memorize.weights_file; core.memorize.weights_file.trapped = True",)


def content(**changes) -> dict:
    alphabet = Alphabet("ab")
    good = torch.load(io.BytesIO(to_file(Model(4, 3, 4, 1), alphabet)), weights_only=True)
    return good | changes


def other_lstm(hidden_size: int, layers: int) -> dict:
    return dict(torch.nn.LSTM(4, hidden_size, layers).state_dict())


SIZES = {"input_size": 4, "hidden_size": 3, "num_layers": 1}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"hello",
        b"PK\x03\x04 not really a zip archive",
        pickle.dumps({"symbols": ["a"]}),
        as_file(Trap()),
        as_file([1, 2]),
        as_file({}),
        as_file({"symbols": ["a", "b"]}),
        as_file(content(extra=1)),
        as_file(content(symbols=["a", "a"])),
        as_file(content(symbols=[1, 2])),
        as_file(content(symbols=["a", "b", "c"])),
        as_file(content(sizes=SIZES | {"hidden_size": 4})),
        as_file(content(sizes=SIZES | {"num_layers": 2})),
        as_file(content(sizes=SIZES | {"hidden_size": 100_000})),
        as_file(content(sizes=SIZES | {"hidden_size": 3.0})),
        as_file(content(sizes={})),
        as_file(content(lstm=other_lstm(4, 1))),
        as_file(content(lstm=other_lstm(3, 2))),
        as_file(content(lstm={})),
        as_file(content(linear={"weight": torch.full((4, 3), torch.nan), "bias": torch.zeros(4)})),
        as_file(content(linear={"weight": "heavy", "bias": torch.zeros(4)})),
    ],
)
def test_any_other_file_is_rejected_and_no_code_in_it_runs(data):
    with pytest.raises(ValueError, match=r"not a weights\.pt from this page"):
        from_file(data)
    assert not hasattr(weights_file, "trapped")


def test_the_trap_works_without_weights_only():
    """Check that the test above can fail."""
    torch.load(io.BytesIO(as_file(Trap())), weights_only=False)
    assert weights_file.trapped
    del weights_file.trapped


def test_the_bound_on_the_unpacked_size_counts_before_anything_is_loaded(monkeypatch):
    file = to_file(Model(5, 8, 5, 1), Alphabet("abc"))
    assert from_file(file).sizes["hidden_size"] == 8
    monkeypatch.setattr(weights_file, "MAX_BYTES", 2_000)
    monkeypatch.setattr(torch, "load", lambda *arguments, **options: pytest.fail("It was loaded."))
    with pytest.raises(ValueError, match=r"not a weights\.pt"):
        from_file(file)


@pytest.mark.slow
def test_a_file_that_unpacks_to_too_much_is_rejected():
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(100 * 1024**2))
    assert len(bomb.getvalue()) < 200_000
    with pytest.raises(ValueError, match=r"not a weights\.pt"):
        from_file(bomb.getvalue())
