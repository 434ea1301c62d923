"""Durations and settings as text."""

SETTING_LABELS = {"lr": "learning rate"}


def format_duration(seconds: float) -> str:
    """Return a duration in words, such as "45 seconds" or "2.5 hours"."""
    if seconds < 1.5:
        return "1 second"
    if seconds <= 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


def count(number: int, noun: str) -> str:
    """Return a number with its noun, such as "1 epoch" or "1,200 epochs"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def percentage(fraction: float) -> str:
    """Format a fraction, such as "12.3%"; never "100.0%" for what is less than everything."""
    return f"{min(fraction, 0.999) if fraction < 1 else 1:.1%}"


def setting_label(name: str) -> str:
    """Return the name of a config's field as text, such as "weight decay"."""
    return SETTING_LABELS.get(name, name.replace("_", " "))


def format_setting(value: object) -> str:
    """Return a setting's value as a student would type it; "–" if the run has no such setting.

    Points of the plane and edits by hand are counted: there may be thousands.
    """
    if value is None:
        return "–"
    if isinstance(value, list | tuple) and value and isinstance(value[0], list | tuple):
        return f"{len(value):,} in all"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)
