"""One value at a time, as it may leave: a pseudonym, a shifted date, a number, a known word."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from mammo_pipeline.mammo.dicom.deidentify.table import Rule
from mammo_pipeline.mammo.dicom.deidentify.words import (
    DESCRIPTION_WORDS,
    MAKER_WORDS,
    STATION_WORDS,
)
from mammo_pipeline.mammo.pseudonym import pseudonym

# The offset of a patient's dates. Less than two hours of the day, so that an exam by day keeps its
# distance in calendar days to every other exam of the woman.
FIRST_DAY_BACK, DAYS_DRAWN = 365, 3286
SECONDS_EACH_WAY = 7200

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?")
# Four spellings of a pair occur in DS: `a\b`, `a,b`, `[a, b]` and `(a, b)`.
_NUMBERS_ALONE = re.compile(r"[\d.eE+\-, ()\[\]]*")
_UID = re.compile(r"(0|[1-9]\d*)(\.(0|[1-9]\d*)){2,}")
_DATE = re.compile(r"(\d{4})([.-]?)(\d\d)\2(\d\d)")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?")
_DATETIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?)?)?([+-]\d{4})?"
)
# What an unstated part of a moment is taken for: the middle of what is stated.
_MIDDLE = (1, 7, 15, 12, 0, 0)
_DEVICE_TEXT = re.compile(r"[A-Za-z0-9 .,:;/_+()#&-]{1,64}")
_SERIAL = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9 ._/:-]{0,63}")


@dataclass(frozen=True)
class Subject:
    """Whose file it is, as the actions need to know it.

    Attributes:
        key: The secret of this installation.
        patient_id: The pseudonym.
        names: Upper-case words of the file that may name a person, a place or an order.
    """

    key: bytes
    patient_id: str
    names: frozenset[str] = frozenset()

    @property
    def offset(self) -> timedelta:
        """How far the dates of this patient move: one to ten years back, and some seconds."""
        drawn = int(pseudonym(self.key, "offset", self.patient_id), 16)
        days, seconds = drawn % DAYS_DRAWN, drawn // DAYS_DRAWN % (2 * SECONDS_EACH_WAY + 1)
        return timedelta(days=-FIRST_DAY_BACK - days, seconds=seconds - SECONDS_EACH_WAY)


def map_uid(key: bytes, uid: str) -> str:
    """Returns the UID that stands for `uid` in every copy made with the key.

    2.25 and a number of 128 bits (PS3.5 annex B.2), drawn by HMAC-SHA-256 instead of at random.

    >>> map_uid(b"k", "1.2.3") == map_uid(b"k", "1.2.3") != map_uid(b"k", "1.2.4")
    True
    """
    halves = pseudonym(key, "uid", "high", uid), pseudonym(key, "uid", "low", uid)
    return f"2.25.{int(''.join(halves), 16)}"


def shift_date(date: str, time: str, offset: timedelta) -> str:
    """Returns a DA moved by the offset with the time beside it; a date alone counts as its noon.

    >>> shift_date("20200301", "2330", timedelta(days=-366, hours=1))
    '20190302'
    >>> shift_date("1 March", "", timedelta(days=-366))
    ''
    """
    moment = _read_moment(date, time, offset)
    return f"{moment:%Y%m%d}".zfill(8) if moment else ""


def shift_time(date: str, time: str, offset: timedelta) -> str:
    """Returns a TM moved by the offset, with as many digits as it had; a time needs no date.

    >>> shift_time("20200301", "233000.25", timedelta(days=-366, hours=1))
    '003000.25'
    """
    found = _TIME.fullmatch(time)
    moment = _read_moment(date, time, offset) or _read_moment("20000101", time, offset)
    if not found or not moment:
        return ""
    return _write_digits(moment, 3, sum(part is not None for part in found.groups()[:3]), found[4])


def shift_datetime(text: str, offset: timedelta) -> str:
    """Returns a DT moved by the offset, as precise as it was; its time zone stays.

    >>> shift_datetime("20200301233000.5+0100", timedelta(days=-366, hours=1))
    '20190302003000.5+0100'
    >>> shift_datetime("202003", timedelta(days=-366))
    '201903'
    """
    found = _DATETIME.fullmatch(text)
    if not found:
        return ""
    parts = found.groups()[:6]
    stated = sum(part is not None for part in parts)
    filled = [int(part or middle) for part, middle in zip(parts, _MIDDLE, strict=True)]
    moment = _move(filled, found[7], offset)
    return _write_digits(moment, 0, stated, found[7]) + (found[8] or "") if moment else ""


def clean_words(text: str) -> str:
    """Returns the words of a description that stand in the closed list.

    >>> clean_words("R MLO, Mrs Doe")
    'R MLO'
    """
    words = re.findall(r"[^\W_]+", text)
    return " ".join(word for word in words if word.upper() in DESCRIPTION_WORDS)


def read_numbers(texts: list[str]) -> list[str]:
    """Returns the numbers as written, or nothing where one text is no number.

    >>> read_numbers(["[0.07, 0.07]"]), read_numbers(["7", "A17"])
    (['0.07', '0.07'], [])
    """
    numbers: list[str] = []
    for text in texts:
        if not _NUMBERS_ALONE.fullmatch(text):
            return []
        written = re.findall(r"[^, ()\[\]]+", text)
        if any(len(part) > 32 or not _NUMBER.fullmatch(part) for part in written):
            return []
        numbers += written
    return numbers


def change_values(texts: list[str], rule: Rule, subject: Subject, partner: str = "") -> list[str]:
    """Returns the values that may leave; an empty list where none may.

    Args:
        texts: The values of the attribute as text.
        rule: Its rule.
        subject: Whose file it is.
        partner: The first value of the attribute that the rule names as partner.
    """
    return _ACTIONS[rule.action](texts, rule, subject, partner)


def _keep_terms(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    return [text.upper() if _is_term(text.upper(), rule) else "" for text in texts]


def _is_term(text: str, rule: Rule) -> bool:
    return text in rule.terms or bool(rule.pattern and re.fullmatch(rule.pattern, text))


def _keep_device(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    return [text if _names_nobody(text, _DEVICE_TEXT, subject) else "" for text in texts]


def _keep_serial(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    return [
        text if _names_nobody(text, _SERIAL, subject) else _stand_in(text, subject)
        for text in texts[:1]
    ]


def _keep_station(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    """A staff's own word in the name of a unit may be the hospital's, so it gets a stand-in."""
    kept = []
    for text in texts[:1]:
        words = re.findall(r"[^\W\d_]{2,}", text.upper())
        plain = set(words) <= STATION_WORDS and _names_nobody(text, _DEVICE_TEXT, subject)
        kept.append(text if plain else _stand_in(text, subject))
    return kept


def _names_nobody(text: str, form: re.Pattern[str], subject: Subject) -> bool:
    words = set(re.findall(r"[A-Z0-9]+", text.upper())) | {text.upper()}
    return bool(form.fullmatch(text)) and not (words - MAKER_WORDS) & subject.names


def _stand_in(text: str, subject: Subject) -> str:
    return pseudonym(subject.key, "device", text)


def _keep_device_uid(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    return [t if _UID.fullmatch(t) and len(t) <= 64 else map_uid(subject.key, t) for t in texts[:1]]


def _keep_standard_uid(texts: list[str], rule: Rule, subject: Subject, partner: str) -> list[str]:
    from pydicom.uid import UID_dictionary

    return [text for text in texts[:1] if text in UID_dictionary]


def _read_moment(date: str, time: str, offset: timedelta) -> datetime | None:
    day, clock = _DATE.fullmatch(date), _TIME.fullmatch(time)
    if not day:
        return None
    hours = [int(part or 0) for part in clock.groups()[:3]] if clock else [12, 0, 0]
    numbers = [int(day[1]), int(day[3]), int(day[4]), *hours]
    return _move(numbers, clock[4] if clock else None, offset)


def _move(numbers: list[int], fraction: str | None, offset: timedelta) -> datetime | None:
    year, month, day, hour, minute, second = numbers
    if hour > 23 or minute > 59 or second > 60:
        return None
    within = timedelta(hours=hour, minutes=minute, seconds=second)
    try:
        moment = datetime(year, month, day) + within + offset
    except (ValueError, OverflowError):
        return None
    return moment + timedelta(microseconds=int((fraction or "0").ljust(6, "0")))


def _write_digits(moment: datetime, first: int, count: int, fraction: str | None) -> str:
    """The parts year, month, day, hour, minute, second from `first` on, `count` of them."""
    widths = (4, 2, 2, 2, 2, 2)
    parts = [str(part).zfill(w) for part, w in zip(moment.timetuple()[:6], widths, strict=True)]
    return "".join(parts[first : first + count]) + (f".{fraction}" if fraction else "")


Action = Callable[[list[str], Rule, Subject, str], list[str]]

_ACTIONS: dict[str, Action] = {
    "empty": lambda texts, rule, subject, partner: [],
    "pseudonym": lambda texts, rule, subject, partner: [subject.patient_id],
    "uid": lambda texts, rule, subject, partner: [map_uid(subject.key, t) for t in texts if t],
    "date": lambda texts, rule, subject, partner: [shift_date(texts[0], partner, subject.offset)],
    "time": lambda texts, rule, subject, partner: [shift_time(partner, texts[0], subject.offset)],
    "datetime": lambda texts, rule, subject, partner: [shift_datetime(texts[0], subject.offset)],
    "clean": lambda texts, rule, subject, partner: [clean_words(text) for text in texts],
    "number": lambda texts, rule, subject, partner: read_numbers(texts),
    "pixels": lambda texts, rule, subject, partner: (
        _keep_terms(texts, rule, subject, partner) if rule.terms else read_numbers(texts)
    ),
    "term": _keep_terms,
    "device": _keep_device,
    "serial": _keep_serial,
    "station": _keep_station,
    "device_uid": _keep_device_uid,
    "standard_uid": _keep_standard_uid,
}
