"""Settings to start from, each with a text on what to watch during training."""

from typing import NamedTuple

from core.memorize.config import EXAMPLE_SENTENCE, MemorizeConfig


class Preset(NamedTuple):
    """Settings with a name.

    Attributes:
        name: label of the button.
        config: the settings.
        watch: what to watch, in Markdown. A test verifies every claim.
    """

    name: str
    config: MemorizeConfig
    watch: str


HUNDRED_WORDS = (
    "Long ago, a small network lived in a quiet computer. It had one wish: to remember. Every day someone showed it a "
    "sentence, letter by letter, and asked which letter would come next. At first it only guessed, and all of its "
    "guesses were wrong. But after each mistake it changed its weights a little. Soon it knew that a space follows a "
    "comma, then it knew short words, then long ones. One morning it was asked to speak alone. It began with the first "
    "letter, listened to itself, and went on until the very end, without a single mistake."
)

PALINDROME = "a man, a plan, a canal: panama!amanap :lanac a ,nalp a ,nam a"
SHUFFLED_PALINDROME = "a a, pn apaaa a:malc annmm,naaaacn,a p npn! ala aa anma l:, l"
BRACKETS = "".join(f"{opening}remember how I began:{closing}" for opening, closing in ("()", "[]", "{}", "<>"))

PRESETS = [
    Preset(
        "Baseline",
        MemorizeConfig(EXAMPLE_SENTENCE),
        "The loss starts at the level of random guessing: the logarithm of the number of different characters, here "
        "3.2. Watch the generated text: first a few characters repeated, then pieces of words, then the sentence. It "
        "is complete before half of the epochs have passed.",
    ),
    Preset(
        "Learning rate too high",
        MemorizeConfig(EXAMPLE_SENTENCE, lr=1.0),
        "The first steps are so large that the loss jumps to more than ten times its initial value. It falls again, "
        "but the network never finds the sentence: its final loss is higher than the baseline's after 50 epochs.",
    ),
    Preset(
        "Learning rate too low",
        MemorizeConfig(EXAMPLE_SENTENCE, lr=0.0001),
        "The loss falls smoothly, at every single step, but so slowly that it hardly gets anywhere. Raise the "
        "learning rate while the network trains and watch the curve bend down.",
    ),
    Preset(
        "Too few units",
        MemorizeConfig(EXAMPLE_SENTENCE, hidden_size=4),
        "Four units per layer can hardly tell the positions in the sentence apart: after 300 epochs, the loss is still "
        "above 1, where the baseline's is below 0.01. The generated text often goes round in circles: it repeats "
        "pieces that resemble the sentence.",
    ),
    Preset(
        "Repeated letter",
        MemorizeConfig("aaaaaaaaaaaaaaaaaaaa"),
        "The network quickly learns that another *a* follows. The hard part is to stop after exactly twenty, which "
        "requires counting: on the **Gates** tab, look for units whose cell state rises or falls at every letter.",
    ),
    Preset(
        "Palindrome",
        MemorizeConfig(PALINDROME),
        "The second half is the first half reversed, so a human needs to remember only one half. Does the network "
        "benefit from that? Compare the epochs until the text is complete with those of the next preset, **Shuffled "
        "palindrome**.",
    ),
    Preset(
        "Shuffled palindrome",
        MemorizeConfig(SHUFFLED_PALINDROME),
        "The same letters as in the preset **Palindrome**, in random order. The network needs about as many epochs as "
        "for the palindrome: the mirror image does not help it.",
    ),
    Preset(
        "Korean",
        MemorizeConfig("안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽"),
        "Each syllable is one character. Most characters occur only once, so the next one is certain; a space has "
        "several possible successors. After 50 epochs, on the **Predictions** tab, the network is less certain after "
        "spaces.",
    ),
    Preset(
        "Emoji",
        MemorizeConfig("👩‍👩‍👧‍👦 say 👋🏽, 🇫🇷 flies to 🇰🇷, 👍🏿 or 👍🏻?"),
        "The family consists of seven code points, but it is one character to a reader and to this network. The two "
        "thumbs are two different characters, like *a* and *b*: the network learns each of them separately.",
    ),
    Preset(
        "100 words",
        MemorizeConfig(HUNDRED_WORDS, hidden_size=128, num_layers=1, epochs=150),
        "128 units memorise more than five hundred characters. The loss looks almost finished long before the network "
        "can generate the text: a single wrong character takes it to another position in the text.",
    ),
    Preset(
        "Brackets",
        MemorizeConfig(BRACKETS, hidden_size=64, num_layers=1, epochs=600),
        "The text between the brackets is always the same, so the closing bracket can be known only by remembering the "
        "opening one for 21 characters. The loss rests at the level of guessing the closing brackets, then it falls. "
        "On the **Cell comparison** tab, the LSTM leaves that level, but the plain RNN does not.",
    ),
]
