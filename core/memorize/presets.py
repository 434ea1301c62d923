"""Experiments to begin with: settings, and what to watch when they are trained."""

from typing import NamedTuple

from core.memorize.config import EXAMPLE_SENTENCE, MemorizeConfig


class Preset(NamedTuple):
    """watch: two sentences in Markdown. Each claims only what a test has seen."""

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

PRESETS = [
    Preset(
        "The report's",
        MemorizeConfig(EXAMPLE_SENTENCE),
        "The loss begins where pure guessing is, at the logarithm of the number of different characters, and long "
        "before the last epoch the whole sentence comes back. Watch what it says on the way: first a few frequent "
        "characters again and again, then pieces of words, then all of it.",
    ),
    Preset(
        "Rate too high",
        MemorizeConfig(EXAMPLE_SENTENCE, lr=1.0),
        "The first steps are so long that the loss jumps to many times what it was. It comes down again, but from "
        "where it was thrown it does not find the sentence any more: compare the end with the report's after fifty "
        "epochs.",
    ),
    Preset(
        "Rate too low",
        MemorizeConfig(EXAMPLE_SENTENCE, lr=0.0001),
        "The loss falls at every single step, as smoothly as anyone could wish, and yet it hardly gets anywhere. Move "
        "the learning rate up while it runs, and see the curve bend down.",
    ),
    Preset(
        "Too few units",
        MemorizeConfig(EXAMPLE_SENTENCE, hidden_size=4),
        "Four numbers a layer cannot tell all the places in the sentence apart, so the loss gets stuck far above zero. "
        "What it says are pieces that resemble the sentence, going round in circles.",
    ),
    Preset(
        "One letter",
        MemorizeConfig("aaaaaaaaaaaaaaaaaaaa"),
        "That another *a* follows is learned at once; the hard part is to stop after exactly twenty, for which it has "
        "to count. Look inside the cell afterwards: there are units whose memory climbs or falls at every letter.",
    ),
    Preset(
        "A palindrome",
        MemorizeConfig("a man, a plan, a canal: panama!amanap :lanac a ,nalp a ,nam a"),
        "We see that the second half is the first one backwards, and need to remember only half. The network does not: "
        "it takes about as many epochs as for the same letters shuffled.",
    ),
    Preset(
        "Korean",
        MemorizeConfig("안녕하세요, 얼마나 오래 기억할 수 있나요? 👋🏽"),
        "Each syllable is a character, and most occur only once, so that the character before already tells what comes "
        "next. Only after the space, which has several successors, must it remember more: look at what it expects "
        "there, early in training.",
    ),
    Preset(
        "Emoji",
        MemorizeConfig("👩‍👩‍👧‍👦 say 👋🏽, 🇫🇷 flies to 🇰🇷, 👍🏿 or 👍🏻?"),
        "A family is seven code points for the computer, but one character for you and for this network. The two "
        "thumbs are two characters as different as *a* and *b*: it has to learn each of them by itself.",
    ),
    Preset(
        "A hundred words",
        MemorizeConfig(HUNDRED_WORDS, hidden_size=128, num_layers=1, epochs=150),
        "Over five hundred characters, one after the other, out of a memory of 128 numbers. The loss looks as if all "
        "were done long before it can say the text: one wrong character leads it to another place of it.",
    ),
]
