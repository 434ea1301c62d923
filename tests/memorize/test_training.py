"""Memorising: what counts as a character, what is refused, and that the training loop does what it says."""

from copy import copy
from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import memorize
from core.memorize import Alphabet, MemorizeConfig, MemorizeEpoch, char_accuracy, fit, reconstruct
from core.memorize.lstm import Model
from core.text import graphemes
from core.training import Change, Checkpoint, Control, TrainingDiverged

FAMILY = "👨‍👩‍👧‍👦"  # four people, three joiners
WAVE = "👋🏽"  # a hand and its skin tone
FLAG = "🇫🇷"  # two letters
E_ACUTE = "e\u0301"  # a letter and its accent

SMALL = {"hidden_size": 8, "num_layers": 1}

visible = st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40)


# Characters


@pytest.mark.parametrize("character", ["a", "ß", "字", FAMILY, WAVE, FLAG, E_ACUTE, "क्षि", "가"])
def test_a_character_is_what_a_reader_counts_as_one(character):
    assert graphemes(character) == [character]
    assert graphemes(f"x{character}y") == ["x", character, "y"]


@given(visible)
def test_any_sentence_survives_encode_and_decode(sentence):
    alphabet = Alphabet(sentence)
    numbers = alphabet.encode(sentence)
    assert alphabet.decode(numbers) == sentence
    assert len(numbers) == len(graphemes(sentence))
    assert set(numbers) == set(
        range(2, len(alphabet))
    )  # its own characters, all of them, no others, after the two tokens


@pytest.mark.parametrize(
    "sentence", ["مرحبا بالعالم", "שלום עולם", f"ol{E_ACUTE}, {FAMILY}{WAVE} {FLAG}", "สวัสดี", "a\nb\tc"]
)
def test_scripts_of_all_directions_survive_encode_and_decode(sentence):
    alphabet = Alphabet(sentence)
    assert alphabet.decode([Alphabet.START, *alphabet.encode(sentence), Alphabet.END]) == sentence


def test_a_character_that_is_not_in_the_alphabet_has_no_number():
    with pytest.raises(KeyError):
        Alphabet("abc").encode("abd")


def test_one_hot_has_a_single_1_in_each_step_at_the_character_s_number():
    alphabet = Alphabet("aba")
    one_hot = alphabet.one_hot([Alphabet.START, *alphabet.encode("aba")])
    assert one_hot.shape == (4, 1, 4)
    assert one_hot.dtype == torch.float32
    assert one_hot.squeeze(1).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("sentence", "said", "share"),
    [
        ("abcd", "abcd", 1),
        ("abcd", "abxd", 3 / 4),
        ("abcd", "ab", 2 / 4),
        ("abcd", "abcdabcd", 4 / 8),
        ("abcd", "xabc", 0),
        ("abcd", "", 0),
        (f"a{FAMILY}", f"x{FAMILY}", 1 / 2),
    ],
)
def test_char_accuracy_is_the_share_of_right_places_of_the_longer_text(sentence, said, share):
    assert char_accuracy(sentence, said) == share


@given(visible, visible)
def test_char_accuracy_is_1_for_the_sentence_itself_only(sentence, said):
    assert char_accuracy(sentence, sentence) == 1
    assert (char_accuracy(sentence, said) == 1) == (sentence == said)


# What is refused


@pytest.mark.parametrize("sentence", ["", " ", " \n\t ", "\u00a0", "\u200b", "\u200e \u200f", None, 7])
def test_where_nothing_can_be_seen_there_is_nothing_to_memorise(sentence):
    with pytest.raises(ValueError, match="There is nothing to memorise yet: type a sentence"):
        MemorizeConfig(sentence)


def test_a_sentence_may_have_2000_characters_whatever_they_are_made_of():
    for character in ("a", WAVE, FLAG, E_ACUTE):
        MemorizeConfig(character * 2000)
        with pytest.raises(ValueError, match="has 2,001 characters and at most 2,000 are allowed: please shorten it"):
            MemorizeConfig(character * 2001)
    with pytest.raises(ValueError, match="has 5,000 characters"):
        MemorizeConfig("a" * 5000)


def test_one_character_of_endless_accents_is_refused_too():
    with pytest.raises(
        ValueError, match="has 20,001 letters, accents and parts of emoji and at most 16,000 are allowed"
    ):
        MemorizeConfig("a" + "\u0301" * 20_000)


@pytest.mark.parametrize(
    ("sentence", "position", "code"),
    [
        ("\x00", 1, "0000"),
        ("bell\x07", 5, "0007"),
        ("a\rb", 2, "000D"),
        ("a\x7fb", 2, "007F"),
        ("ab\x85", 3, "0085"),
        (f"{FAMILY}{WAVE}\x1b[31m", 3, "001B"),  # counted as a reader counts
        ("half \ud83d", 6, "D83D"),
    ],
)
def test_a_control_character_is_refused_by_its_position(sentence, position, code):
    with pytest.raises(ValueError, match=rf"Character {position} is an invisible control character \(U\+{code}\)"):
        MemorizeConfig(sentence)


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("hidden_size", 0, "The hidden size must be a whole number from 1 to 512, but it is 0."),
        ("hidden_size", 513, "The hidden size must be a whole number from 1 to 512, but it is 513."),
        ("hidden_size", 8.0, "The hidden size must be a whole number from 1 to 512, but it is 8.0."),
        ("num_layers", 7, "The number of layers must be a whole number from 1 to 6, but it is 7."),
        ("lr", 0, "The learning rate must be a number from 1e-06 to 10, but it is 0."),
        ("lr", float("nan"), "The learning rate must be a number from 1e-06 to 10, but it is nan."),
        ("lr", "fast", "The learning rate must be a number from 1e-06 to 10, but it is 'fast'."),
        ("epochs", 0, "The number of epochs must be a whole number from 1 to 5,000, but it is 0."),
        ("epochs", True, "The number of epochs must be a whole number from 1 to 5,000, but it is True."),
        ("seed", -1, "The seed must be a whole number from 0 to 2,147,483,647, but it is -1."),
        ("backend", "", "The backend must be one of autograd, bptt, but it is ''."),
    ],
)
def test_a_wrong_field_is_named_with_what_it_may_be(field, value, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the whole sentence is compared below)
        MemorizeConfig("hello", **{field: value})
    assert str(error.value) == sentence


# Reconstruction


def say_step_by_step(model: Model, alphabet: Alphabet, most: int) -> str:
    """Free-running generation once more: on torch's own LSTM, with the whole history fed in for every character."""
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    history, said = [Alphabet.START], ""
    while len(history) <= most:
        inputs = torch.zeros(len(history), 1, len(alphabet))
        for step, number in enumerate(history):
            inputs[step, 0, number] = 1
        number = int(model.linear(lstm(inputs)[0][-1, 0]).argmax())
        if number == Alphabet.END:
            break
        history.append(number)
        said += alphabet.symbols[number - 2] if number > Alphabet.END else ""
    return said


def test_reconstruction_is_free_running_greedy_and_step_by_step(monkeypatch):
    """Before, while and after a sentence is learned, what the model says is what an independent loop makes it say."""
    checked = []

    def checked_reconstruct(model, alphabet, most):
        said = reconstruct(model, alphabet, most)
        with torch.no_grad():
            checked.append((said, say_step_by_step(model, alphabet, most)))
        return said

    monkeypatch.setattr(memorize, "reconstruct", checked_reconstruct)
    monkeypatch.setattr(memorize, "GENERATION_INTERVAL", 5)
    sentence = f"to be or not to be {FAMILY}"
    *_, last = events(sentence, hidden_size=24, lr=0.02, epochs=120)
    assert len(checked) > 10
    assert [said for said, _ in checked] == [expected for _, expected in checked]
    assert len({said for said, _ in checked}) > 5  # it said many things before it knew
    assert last.reconstruction == checked[-1][0] == sentence


def test_reconstruction_ends_after_its_bound_when_the_end_token_never_comes():
    alphabet = Alphabet("ab")
    model = Model(len(alphabet), 4, len(alphabet), 1)
    with torch.no_grad():
        model.linear.weight.zero_()
        model.linear.bias[:] = torch.tensor([0.0, 0, 1, 0])  # always "a"
        assert reconstruct(model, alphabet, 7) == "aaaaaaa"
        model.linear.bias[:] = torch.tensor([0.0, 1, 0, 0])  # always the end
        assert reconstruct(model, alphabet, 7) == ""


# The training loop


def events(sentence: str = "hello", control: Control | None = None, **fields):
    run = fit(MemorizeConfig(sentence, **(SMALL | {"epochs": 12} | fields)), control)
    return [event for event in run if not isinstance(event, Checkpoint)]


def test_the_same_config_gives_the_same_events_and_another_seed_others():
    assert events(seed=3) == events(seed=3)
    assert [event.loss for event in events(seed=3)] != [event.loss for event in events(seed=4)]


def test_who_follows_step_by_step_gets_a_reconstruction_every_time_and_the_same_curve():
    def reconstructions(control: Control) -> tuple[int, list[float]]:
        history = events("hello world", control, lr=0.05, epochs=60)
        return len({event.reconstruction for event in history}), [event.loss for event in history]

    (now_and_then, curve), (every_time, same_curve) = map(reconstructions, (Control(), Control(watched=True)))
    assert every_time > now_and_then
    assert curve == same_curve


def test_runs_side_by_side_do_not_disturb_each_other_or_the_global_randomness():
    alone = events(), events("world", seed=1)
    state = torch.get_rng_state()
    configs = MemorizeConfig("hello", **SMALL, epochs=12), MemorizeConfig("world", **SMALL, epochs=12, seed=1)
    first, second = zip(*zip(*map(fit, configs), strict=True), strict=True)
    assert (list(first[:-1]), list(second[:-1])) == alone
    assert torch.equal(torch.get_rng_state(), state)


def test_events_count_the_epochs_and_hold_plain_values():
    history = events(epochs=7)
    assert [event.epoch for event in history] == list(range(7))
    for event in history:
        assert [type(value) for value in vars(event).values()] == [int, float, float, str, float]
        assert 0 <= event.char_accuracy <= 1


def test_every_event_s_accuracy_is_that_of_its_reconstruction():
    for event in events(epochs=40, lr=0.05):
        assert event.char_accuracy == char_accuracy("hello", event.reconstruction)


def test_losses_and_weights_are_those_of_pytorch_s_lstm_trained_by_teacher_forcing():
    """The first ten losses, computed once more: torch's LSTM, targets one place ahead of the inputs, Adam."""
    sentence, steps = "banana", 10
    ours = events(sentence, epochs=steps, num_layers=2, lr=0.03, seed=5)
    alphabet = Alphabet(sentence)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        start = Model(len(alphabet), 8, len(alphabet), 2)
    lstm, linear = torch.nn.LSTM(len(alphabet), 8, 2), start.linear
    for layer, cell in enumerate(start.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    optimizer = torch.optim.Adam([*lstm.parameters(), *linear.parameters()], lr=0.03)
    spoken = [alphabet.numbers[symbol] for symbol in "banana"]
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *spoken]].unsqueeze(1)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(linear(lstm(inputs)[0][:, 0]), torch.tensor([*spoken, Alphabet.END]))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [event.loss for event in ours] == pytest.approx(losses, abs=1e-4)


def test_the_learning_rate_can_be_changed_while_it_runs():
    control = Control()
    history, changes, run = [], [], fit(MemorizeConfig("hello", **SMALL, lr=0.01, epochs=9), control)
    for event in run:
        match event:
            case MemorizeEpoch():
                history.append(event)
                control.changes = {2: {"lr": 0.5}, 5: {}}.get(event.epoch, control.changes)
            case Change():
                changes.append(event)
    assert changes == [Change(3, "lr", 0.5), Change(6, "lr", 0.01)]
    assert [event.lr for event in history] == [0.01] * 3 + [0.5] * 3 + [0.01] * 3
    untouched = events(epochs=9, lr=0.01)
    assert [event.loss for event in history[:4]] == [
        event.loss for event in untouched[:4]
    ]  # before the step it changes
    assert history[4].loss != untouched[4].loss


def test_nothing_is_computed_before_it_is_asked_for():
    run = fit(MemorizeConfig("hello", **SMALL, epochs=5000))
    assert len(list(islice(run, 3))) == 3
    run.close()


def test_a_loss_that_explodes_ends_the_run_with_a_sentence():
    class Reckless(Control):
        def apply(self, config):
            reckless = copy(config)
            object.__setattr__(reckless, "lr", 3e37)  # which the config itself would refuse
            return reckless

    run = fit(MemorizeConfig("hello", **SMALL, epochs=50), Reckless())
    with pytest.raises(
        TrainingDiverged, match=r"At epoch \d+ the loss became (NaN|infinite).*Try a learning rate"
    ) as error:
        list(run)
    assert "for example 3e+36" in str(error.value)


@pytest.mark.parametrize("sentence", ["x", FAMILY, f"{WAVE}{FAMILY}{WAVE}", "مرحبا", f"caf{E_ACUTE} 🇫🇷🇩🇪", "a\nb"])
def test_short_sentences_of_every_kind_come_back_whole(sentence):
    last = events(sentence, hidden_size=16, lr=0.05, epochs=60)[-1]
    assert last.reconstruction == sentence
    assert last.char_accuracy == 1


def test_the_report_s_sentence_comes_back_whole():
    *_, last, _ = fit(MemorizeConfig())
    assert last.epoch == 299
    assert last.reconstruction == "hello pytorch, how long can a rnn cell remember? show me your limit!"
    assert last.char_accuracy == 1
    assert last.loss <= 0.01


def test_a_run_until_known_ends_with_the_first_whole_sentence():
    whole, until = (events("hello", lr=0.05, epochs=200, stop_when_learned=known) for known in (False, True))
    assert [event.loss for event in until] == [event.loss for event in whole[: len(until)]]
    assert until[-1].reconstruction == "hello"
    assert events("hello", lr=0.05, epochs=len(until) - 2)[-1].reconstruction != "hello", "it did not know it before"
    assert len(events("hello", lr=1e-5, epochs=12, stop_when_learned=True)) == 12


# Other cells, other sentences


def test_mylstm_and_pytorch_s_lstm_begin_with_the_same_weights_and_learn_the_same():
    ours, theirs = (events("banana", cell=cell, epochs=30, num_layers=2, lr=0.02) for cell in ("MyLSTM", "nn.LSTM"))
    assert [event.loss for event in ours] == pytest.approx([event.loss for event in theirs], abs=1e-3)
    assert ours[0].loss == pytest.approx(theirs[0].loss, abs=1e-6)


@pytest.mark.parametrize(("cell", "layer"), [("GRU", torch.nn.GRU), ("RNN", torch.nn.RNN)])
def test_other_cells_learn_as_pytorch_s_layer_does(cell, layer):
    """Its first ten losses, computed once more with PyTorch's layer alone."""
    config = MemorizeConfig("banana", cell=cell, **SMALL, lr=0.02, epochs=10)
    alphabet, model = Alphabet("banana"), memorize.make_model(config)
    plain, linear = layer(len(alphabet), 8, 1), model.linear
    plain.load_state_dict(model.lstm.layers.state_dict())
    optimizer = torch.optim.Adam([*plain.parameters(), *linear.parameters()], lr=0.02)
    numbers = alphabet.encode("banana")
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *numbers]]
    losses = []
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(linear(plain(inputs)[0]), torch.tensor([*numbers, Alphabet.END]))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ours = [event.loss for event in fit(config) if isinstance(event, MemorizeEpoch)]
    assert ours == pytest.approx(losses, abs=1e-5)


@pytest.mark.parametrize("cell", ["MyLSTM", "nn.LSTM", "GRU", "RNN"])
def test_every_cell_memorises_and_its_checkpoint_gives_the_model_back(cell):
    config = MemorizeConfig("hello", cell=cell, hidden_size=16, num_layers=2, lr=0.03, epochs=80)
    *_, last, end = fit(config)
    assert last.reconstruction == "hello"
    assert reconstruct(memorize.restore_model(config, end), Alphabet("hello"), 20) == "hello"


def test_a_cell_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match=r"The cell must be one of MyLSTM, nn\.LSTM, GRU, RNN, but it is 'LSTM'"):
        MemorizeConfig("hello", cell="LSTM")


@pytest.mark.parametrize("cell", ["MyLSTM", "nn.LSTM", "GRU"])
def test_weights_go_on_with_another_sentence(cell):
    """Characters of both sentences keep what was learned about them; new ones begin as they are drawn."""
    before = MemorizeConfig("abcd 👋🏽", cell=cell, hidden_size=16, num_layers=2, lr=0.03, epochs=80)
    *_, end = fit(before)
    after = replace(before, sentence="xc👋🏽ab", epochs=1)
    old, new, drawn = (
        memorize.restore_model(before, end),
        memorize.restore_model(after, end),
        memorize.make_model(after),
    )
    numbers_before, numbers_after = Alphabet(before.sentence).numbers, Alphabet(after.sentence).numbers
    for symbol in ("a", "b", "c", "👋🏽"):
        assert torch.equal(new.linear.weight[numbers_after[symbol]], old.linear.weight[numbers_before[symbol]])
    assert torch.equal(new.linear.weight[numbers_after["x"]], drawn.linear.weight[numbers_after["x"]])
    one_hot = {
        name: Alphabet(sentence).one_hot(Alphabet(sentence).encode("ab👋🏽c"))
        for name, sentence in (("old", before.sentence), ("new", after.sentence))
    }
    expected, _ = old.lstm(one_hot["old"], old.init_hidden_cell())
    hidden, _ = new.lstm(one_hot["new"], new.init_hidden_cell())
    torch.testing.assert_close(hidden, expected, atol=1e-6, rtol=0)
    assert next(fit(after, checkpoint=end.weights())).loss != next(fit(after)).loss


def test_a_checkpoint_that_is_none_is_refused():
    with pytest.raises(ValueError, match="no checkpoint of a memorised sentence"):
        next(fit(MemorizeConfig("hello", **SMALL), checkpoint=Checkpoint({}, {})))


def test_weights_of_another_size_are_refused():
    *_, end = fit(MemorizeConfig("hello", **SMALL, epochs=1))
    for other in ({"hidden_size": 9}, {"num_layers": 2}, {"cell": "GRU"}):
        with pytest.raises(ValueError, match="These weights belong to another network"):
            next(fit(MemorizeConfig("world", **(SMALL | other), epochs=1), checkpoint=end.weights()))
