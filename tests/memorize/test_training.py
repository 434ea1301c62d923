"""Memorising: characters, rejected sentences and settings, generated text, and the training loop."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core import memorize
from core.memorize import (
    Alphabet,
    MemorizeConfig,
    MemorizeEpoch,
    char_accuracy,
    check_sentence,
    fit,
    generate_text,
    restore_model,
    training,
)
from core.memorize import config as config_module
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
def test_a_character_is_what_readers_count_as_one(character):
    assert graphemes(character) == [character]
    assert graphemes(f"x{character}y") == ["x", character, "y"]


@given(visible)
def test_any_sentence_survives_encode_and_decode(sentence):
    alphabet = Alphabet(sentence)
    token_ids = alphabet.encode(sentence)
    assert alphabet.decode(token_ids) == sentence
    assert len(token_ids) == len(graphemes(sentence))
    assert set(token_ids) == set(range(2, len(alphabet))), "every id after the two special tokens is used"


@pytest.mark.parametrize(
    "sentence", ["مرحبا بالعالم", "שלום עולם", f"ol{E_ACUTE}, {FAMILY}{WAVE} {FLAG}", "สวัสดี", "a\nb\tc"]
)
def test_scripts_of_all_directions_survive_encode_and_decode(sentence):
    alphabet = Alphabet(sentence)
    assert alphabet.decode([Alphabet.START, *alphabet.encode(sentence), Alphabet.END]) == sentence


def test_a_character_that_is_not_in_the_alphabet_cannot_be_encoded():
    with pytest.raises(KeyError):
        Alphabet("abc").encode("abd")


def test_one_hot_has_a_single_1_in_each_step_at_the_token_id():
    alphabet = Alphabet("aba")
    one_hot = alphabet.one_hot([Alphabet.START, *alphabet.encode("aba")])
    assert one_hot.shape == (4, 1, 4)
    assert one_hot.dtype == torch.float32
    assert one_hot.squeeze(1).tolist() == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize(
    ("sentence", "generated", "accuracy"),
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
def test_char_accuracy_is_the_fraction_of_correct_positions_of_the_longer_text(sentence, generated, accuracy):
    assert char_accuracy(sentence, generated) == accuracy


@given(visible, visible)
def test_char_accuracy_is_1_only_for_the_sentence_itself(sentence, generated):
    assert char_accuracy(sentence, sentence) == 1
    assert (char_accuracy(sentence, generated) == 1) == (sentence == generated)


# Rejected sentences and settings


@pytest.mark.parametrize("sentence", ["", " ", " \n\t ", "\u00a0", "\u200b", "\u200e \u200f", None, 7])
def test_a_sentence_without_a_visible_character_is_rejected(sentence):
    with pytest.raises(ValueError, match=r"There is nothing to memorise yet\. Type a sentence"):
        MemorizeConfig(sentence)


def test_a_sentence_may_have_2000_characters_of_any_kind():
    for character in ("a", WAVE, FLAG, E_ACUTE):
        MemorizeConfig(character * 2000)
        with pytest.raises(ValueError, match=r"has 2,001 characters and at most 2,000 are allowed\. Please shorten it"):
            MemorizeConfig(character * 2001)
    with pytest.raises(ValueError, match="has 5,000 characters"):
        MemorizeConfig("a" * 5000)


def test_one_character_with_thousands_of_accents_is_rejected():
    with pytest.raises(
        ValueError, match="has 20,001 letters, accents and parts of emoji and at most 16,000 are allowed"
    ):
        MemorizeConfig("a" + "\u0301" * 20_000)


def test_the_length_of_a_sentence_is_checked_before_it_is_split_into_characters(monkeypatch):
    def refuse(text):
        raise AssertionError(f"{len(text):,} code points would be split")

    monkeypatch.setattr(config_module, "graphemes", refuse)
    with pytest.raises(ValueError, match="has 1,000,000 letters, accents and parts of emoji and at most 16,000"):
        check_sentence("a" * 1_000_000)


@pytest.mark.parametrize(
    ("sentence", "position", "code"),
    [
        ("\x00", 1, "0000"),
        ("bell\x07", 5, "0007"),
        ("a\x7fb", 2, "007F"),
        ("ab\x85", 3, "0085"),
        (f"{FAMILY}{WAVE}\x1b[31m", 3, "001B"),  # counted as readers count
        ("half \ud83d", 6, "D83D"),
    ],
)
def test_a_control_character_is_rejected_and_its_position_named(sentence, position, code):
    with pytest.raises(ValueError, match=rf"Character {position} is an invisible control character \(U\+{code}\)"):
        MemorizeConfig(sentence)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
def test_every_kind_of_line_break_is_the_same_character(line_break):
    config = MemorizeConfig(f"a{line_break}b{line_break}{line_break}c")
    assert config.sentence == "a\nb\n\nc"
    assert config == MemorizeConfig("a\nb\n\nc")
    check_sentence(f"a{line_break}b")


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
        ("backend", "", "The backend must be one of torch, bptt, but it is ''."),
    ],
)
def test_an_invalid_setting_is_named_with_its_valid_values(field, value, sentence):
    with pytest.raises(ValueError) as error:  # noqa: PT011  (the whole sentence is compared below)
        MemorizeConfig("hello", **{field: value})
    assert str(error.value) == sentence


# Generated text


def generate_from_history(model: Model, alphabet: Alphabet, max_length: int) -> str:
    """Generate with torch's LSTM, which reads the whole history again for every character."""
    lstm = torch.nn.LSTM(len(alphabet), model.lstm.hidden_size, model.lstm.num_layers)
    for layer, cell in enumerate(model.lstm.cells):
        for name, weight in cell.state_dict().items():
            getattr(lstm, f"{name}_l{layer}").data.copy_(weight)
    history, generated = [Alphabet.START], ""
    while len(history) <= max_length:
        inputs = torch.zeros(len(history), 1, len(alphabet))
        for step, token_id in enumerate(history):
            inputs[step, 0, token_id] = 1
        token_id = int(model.linear(lstm(inputs)[0][-1, 0]).argmax())
        if token_id == Alphabet.END:
            break
        history.append(token_id)
        generated += alphabet.symbols[token_id - 2] if token_id > Alphabet.END else ""
    return generated


def test_the_reconstruction_is_generated_free_running_and_greedily(monkeypatch):
    """Compare with an independent loop: before, while and after the sentence is learned."""
    checked = []

    def checked_generate_text(model, alphabet, max_length):
        generated = generate_text(model, alphabet, max_length=max_length)
        with torch.no_grad():
            checked.append((generated, generate_from_history(model, alphabet, max_length)))
        return generated

    monkeypatch.setattr(training, "generate_text", checked_generate_text)
    monkeypatch.setattr(training, "GENERATION_INTERVAL", 5)
    sentence = f"to be or not to be {FAMILY}"
    *_, last = events(sentence, hidden_size=24, lr=0.02, epochs=120)
    assert len(checked) > 10
    assert [generated for generated, _ in checked] == [expected for _, expected in checked]
    assert len({generated for generated, _ in checked}) > 5  # many different texts before it was learned
    assert last.reconstruction == checked[-1][0] == sentence


def test_generation_ends_after_max_length_if_the_end_token_never_comes():
    alphabet = Alphabet("ab")
    model = Model(len(alphabet), 4, len(alphabet), 1)
    with torch.no_grad():
        model.linear.weight.zero_()
        model.linear.bias[:] = torch.tensor([0.0, 0, 1, 0])  # always "a"
        assert generate_text(model, alphabet, max_length=7) == "aaaaaaa"
        model.linear.bias[:] = torch.tensor([0.0, 1, 0, 0])  # always the end
        assert generate_text(model, alphabet, max_length=7) == ""


# The training loop


def events(sentence: str = "hello", control: Control | None = None, **fields):
    run = fit(MemorizeConfig(sentence, **(SMALL | {"epochs": 12} | fields)), control)
    return [event for event in run if not isinstance(event, Checkpoint)]


def test_the_same_config_gives_the_same_events_and_another_seed_different_ones():
    assert events(seed=3) == events(seed=3)
    assert [event.loss for event in events(seed=3)] != [event.loss for event in events(seed=4)]


def test_verbose_generates_text_at_every_epoch_and_leaves_the_curve_unchanged():
    def reconstructions(control: Control) -> tuple[int, list[float]]:
        history = events("hello world", control, lr=0.05, epochs=60)
        return len({event.reconstruction for event in history}), [event.loss for event in history]

    (now_and_then, curve), (every_epoch, same_curve) = map(reconstructions, (Control(), Control(verbose=True)))
    assert every_epoch > now_and_then
    assert curve == same_curve


def test_interleaved_runs_affect_neither_each_other_nor_the_global_random_state():
    alone = events(), events("world", seed=1)
    state = torch.get_rng_state()
    configs = MemorizeConfig("hello", **SMALL, epochs=12), MemorizeConfig("world", **SMALL, epochs=12, seed=1)
    first, second = zip(*zip(*map(fit, configs), strict=True), strict=True)
    assert (list(first[:-1]), list(second[:-1])) == alone
    assert torch.equal(torch.get_rng_state(), state)


def test_events_count_the_epochs_and_contain_plain_values():
    history = events(epochs=7)
    assert [event.epoch for event in history] == list(range(7))
    for event in history:
        assert [type(value) for value in vars(event).values()] == [int, float, float, str, float]
        assert 0 <= event.char_accuracy <= 1


def test_every_event_s_accuracy_is_that_of_its_reconstruction():
    for event in events(epochs=40, lr=0.05):
        assert event.char_accuracy == char_accuracy("hello", event.reconstruction)


def test_losses_equal_those_of_pytorch_s_lstm_trained_with_teacher_forcing():
    """Compute the first ten losses with torch's LSTM and Adam; targets are one position ahead of the inputs."""
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
    token_ids = [alphabet.token_ids[symbol] for symbol in "banana"]
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *token_ids]].unsqueeze(1)
    losses = []
    for _ in range(steps):
        loss = torch.nn.functional.cross_entropy(
            linear(lstm(inputs)[0][:, 0]), torch.tensor([*token_ids, Alphabet.END])
        )
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert [event.loss for event in ours] == pytest.approx(losses, abs=1e-4)


def test_the_learning_rate_can_be_changed_during_training():
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
    unchanged = events(epochs=9, lr=0.01)
    # the loss of epoch 3 is computed before its step
    assert [event.loss for event in history[:4]] == [event.loss for event in unchanged[:4]]
    assert history[4].loss != unchanged[4].loss


def test_epochs_are_computed_lazily():
    run = fit(MemorizeConfig("hello", **SMALL, epochs=5000))
    assert len(list(islice(run, 3))) == 3
    run.close()


def test_a_diverging_loss_ends_the_run_with_an_explanation():
    config = MemorizeConfig("hello", **SMALL, epochs=50)
    object.__setattr__(config, "lr", 3e37)  # the config itself would reject it
    run = fit(config)
    with pytest.raises(
        TrainingDiverged, match=r"At epoch \d+ the loss became (NaN|infinite).*Try a learning rate"
    ) as error:
        list(run)
    assert "for example 3e+36" in str(error.value)


@pytest.mark.parametrize("sentence", ["x", FAMILY, f"{WAVE}{FAMILY}{WAVE}", "مرحبا", f"caf{E_ACUTE} 🇫🇷🇩🇪", "a\nb"])
def test_short_sentences_of_every_kind_are_memorised(sentence):
    last = events(sentence, hidden_size=16, lr=0.05, epochs=60)[-1]
    assert last.reconstruction == sentence
    assert last.char_accuracy == 1


def test_the_example_sentence_is_memorised():
    *_, last, _ = fit(MemorizeConfig())
    assert last.epoch == 299
    assert last.reconstruction == "hello pytorch, how long can a rnn cell remember? show me your limit!"
    assert last.char_accuracy == 1
    assert last.loss <= 0.01


def test_stop_when_learned_ends_with_the_first_correct_sentence():
    whole, until = (events("hello", lr=0.05, epochs=200, stop_when_learned=stop) for stop in (False, True))
    assert [event.loss for event in until] == [event.loss for event in whole[: len(until)]]
    assert until[-1].reconstruction == "hello"
    assert events("hello", lr=0.05, epochs=len(until) - 2)[-1].reconstruction != "hello", "it had not learned it before"
    assert len(events("hello", lr=1e-5, epochs=12, stop_when_learned=True)) == 12


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_stop_when_learned_ends_at_the_same_epoch_whether_the_run_is_watched_or_resumed(seed):
    """Watching generates text at every epoch, also where it is correct by chance or one epoch earlier."""
    config = MemorizeConfig("hello", hidden_size=12, lr=0.03, epochs=200, seed=seed, stop_when_learned=True)
    *events, end = fit(config)
    *watched, watched_end = fit(config, Control(verbose=True))
    assert [event.loss for event in watched] == [event.loss for event in events]
    assert len(events) < 200
    assert events[-1].reconstruction == watched[-1].reconstruction == "hello"
    for last in (end, watched_end):
        assert [type(event) for event in fit(config, checkpoint=last)] == [Checkpoint], "there is nothing left to do"
    control, done = Control(), []
    run = fit(config, control)
    for event in run:
        if isinstance(event, Checkpoint):
            rest = [event for event in fit(config, checkpoint=event) if isinstance(event, MemorizeEpoch)]
            assert [event.loss for event in [*done, *rest]] == [event.loss for event in events]
        else:
            done.append(event)
            control.checkpoint_requested = len(done) % 9 == 0


@pytest.mark.parametrize("epochs", [1, 2, 17, 21, 22])
def test_the_last_epoch_generates_text_with_the_final_weights(epochs):
    config = MemorizeConfig("hello world", hidden_size=12, lr=0.05, epochs=epochs)
    *_, last, end = fit(config)
    alphabet = Alphabet(config.sentence)
    assert last.reconstruction == generate_text(restore_model(config, end), alphabet, max_length=11 + 10)


# Other cells, other sentences


def test_mylstm_and_pytorch_s_lstm_start_from_the_same_weights_and_learn_the_same():
    ours, theirs = (events("banana", cell=cell, epochs=30, num_layers=2, lr=0.02) for cell in ("MyLSTM", "nn.LSTM"))
    assert [event.loss for event in ours] == pytest.approx([event.loss for event in theirs], abs=1e-3)
    assert ours[0].loss == pytest.approx(theirs[0].loss, abs=1e-6)


@pytest.mark.parametrize(("cell", "layer"), [("GRU", torch.nn.GRU), ("RNN", torch.nn.RNN)])
def test_other_cells_learn_like_pytorch_s_layer(cell, layer):
    """Compute the first ten losses with PyTorch's layer alone."""
    config = MemorizeConfig("banana", cell=cell, **SMALL, lr=0.02, epochs=10)
    alphabet, model = Alphabet("banana"), memorize.make_model(config)
    reference, linear = layer(len(alphabet), 8, 1), model.linear
    reference.load_state_dict(model.lstm.layers.state_dict())
    optimizer = torch.optim.Adam([*reference.parameters(), *linear.parameters()], lr=0.02)
    token_ids = alphabet.encode("banana")
    inputs = torch.eye(len(alphabet))[[Alphabet.START, *token_ids]]
    losses = []
    for _ in range(10):
        loss = torch.nn.functional.cross_entropy(linear(reference(inputs)[0]), torch.tensor([*token_ids, Alphabet.END]))
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    ours = [event.loss for event in fit(config) if isinstance(event, MemorizeEpoch)]
    assert ours == pytest.approx(losses, abs=1e-5)


@pytest.mark.parametrize("cell", ["MyLSTM", "nn.LSTM", "GRU", "RNN"])
def test_every_cell_memorises_and_its_checkpoint_restores_the_model(cell):
    config = MemorizeConfig("hello", cell=cell, hidden_size=16, num_layers=2, lr=0.03, epochs=80)
    *_, last, end = fit(config)
    assert last.reconstruction == "hello"
    assert generate_text(memorize.restore_model(config, end), Alphabet("hello"), max_length=20) == "hello"


def test_an_unknown_cell_is_rejected():
    with pytest.raises(ValueError, match=r"The cell must be one of MyLSTM, nn\.LSTM, GRU, RNN, but it is 'LSTM'"):
        MemorizeConfig("hello", cell="LSTM")


@pytest.mark.parametrize("cell", ["MyLSTM", "nn.LSTM", "GRU"])
def test_training_continues_with_another_sentence(cell):
    """Characters in both sentences keep their weights; new ones are initialised."""
    before = MemorizeConfig("abcd 👋🏽", cell=cell, hidden_size=16, num_layers=2, lr=0.03, epochs=80)
    *_, end = fit(before)
    after = replace(before, sentence="xc👋🏽ab", epochs=1)
    old, new, initial = (
        memorize.restore_model(before, end),
        memorize.restore_model(after, end),
        memorize.make_model(after),
    )
    ids_before, ids_after = Alphabet(before.sentence).token_ids, Alphabet(after.sentence).token_ids
    for symbol in ("a", "b", "c", "👋🏽"):
        assert torch.equal(new.linear.weight[ids_after[symbol]], old.linear.weight[ids_before[symbol]])
    assert torch.equal(new.linear.weight[ids_after["x"]], initial.linear.weight[ids_after["x"]])
    one_hot = {
        name: Alphabet(sentence).one_hot(Alphabet(sentence).encode("ab👋🏽c"))
        for name, sentence in (("old", before.sentence), ("new", after.sentence))
    }
    expected, _ = old.lstm(one_hot["old"], old.init_hidden_cell())
    hidden, _ = new.lstm(one_hot["new"], new.init_hidden_cell())
    torch.testing.assert_close(hidden, expected, atol=1e-6, rtol=0)
    assert next(fit(after, checkpoint=end.weights())).loss != next(fit(after)).loss


def test_a_checkpoint_without_an_alphabet_is_rejected():
    with pytest.raises(ValueError, match="This checkpoint is not one of a memorised sentence"):
        next(fit(MemorizeConfig("hello", **SMALL), checkpoint=Checkpoint({}, {})))


def test_weights_of_another_size_are_rejected():
    *_, end = fit(MemorizeConfig("hello", **SMALL, epochs=1))
    for other in ({"hidden_size": 9}, {"num_layers": 2}, {"cell": "GRU"}):
        with pytest.raises(ValueError, match="These weights belong to another network"):
            next(fit(MemorizeConfig("world", **(SMALL | other), epochs=1), checkpoint=end.weights()))


def test_models_made_in_many_threads_have_the_initial_weights_of_their_seeds():
    configs = [MemorizeConfig("hello", hidden_size=32, seed=seed) for seed in range(100)]
    expected = [memorize.make_model(config).state_dict() for config in configs]
    with ThreadPoolExecutor(4) as pool:
        models = list(pool.map(memorize.make_model, configs))
    for model, weights in zip(models, expected, strict=True):
        assert all(torch.equal(weight, weights[name]) for name, weight in model.state_dict().items())
