"""The words for times that people type in the languages of the desk, turned into the few that `times` reads.

Languages with blanks between words are changed word by word, the others wherever the words stand.
"""

from __future__ import annotations

import re
import unicodedata

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
UNITS = {"minute": ("m", "min", "mins", "minute", "minutes"), "hour": ("h", "hr", "hrs", "hour", "hours"),
         "day": ("d", "day", "days"), "week": ("w", "week", "weeks"), "month": ("month", "months")}

_ENGLISH = {
    "noon": "12:00", "midday": "12:00", "tmrw": "tomorrow", "tmr": "tomorrow", "tom": "tomorrow",
    "day after tomorrow": "overmorrow", "the day after tomorrow": "overmorrow", "this morning": "today morning",
    "this afternoon": "today afternoon", "this evening": "today evening", "tonight": "today evening",
    "half an hour": "30 min", "end of day": "closing", "end of the day": "closing", "eod": "closing",
    "monday": "mon", "tuesday": "tue", "tues": "tue", "wednesday": "wed", "thursday": "thu", "thur": "thu",
    "thurs": "thu", "friday": "fri", "saturday": "sat", "sunday": "sun",
    "january": "jan", "february": "feb", "march": "mar", "april": "apr", "june": "jun", "july": "jul",
    "august": "aug", "september": "sep", "sept": "sep", "october": "oct", "november": "nov", "december": "dec",
}
_NORWEGIAN = {
    "i dag": "today", "i kveld": "today evening", "i ettermiddag": "today afternoon", "i morgen": "tomorrow",
    "i overmorgen": "overmorrow", "tidlig": "morning", "formiddag": "morning", "ettermiddag": "afternoon",
    "kveld": "evening", "mandag": "mon", "tirsdag": "tue", "onsdag": "wed", "torsdag": "thu", "fredag": "fri",
    "lørdag": "sat", "søndag": "sun", "man": "mon", "tir": "tue", "ons": "wed", "tor": "thu", "fre": "fri",
    "lør": "sat", "søn": "sun", "neste": "next", "uke": "week", "uker": "weeks", "måned": "month",
    "måneder": "months", "time": "hour", "timer": "hours", "minutt": "minute", "minutter": "minutes", "dag": "day",
    "dager": "days", "om": "in", "en": "a", "ei": "a", "et": "a", "kl": "at", "klokka": "at", "klokken": "at",
    "på": "on", "januar": "jan", "februar": "feb", "mars": "mar", "mai": "may", "juni": "jun", "juli": "jul",
    "oktober": "oct", "okt": "oct", "desember": "dec", "des": "dec",
}
_THAI = {
    "วันนี้": "today", "คืนนี้": "today evening", "เย็นนี้": "today evening", "พรุ่งนี้": "tomorrow", "มะรืนนี้": "overmorrow",
    "มะรืน": "overmorrow", "เช้า": "morning", "บ่าย": "afternoon", "เย็น": "evening", "เที่ยง": "12:00",
    "วันจันทร์": "mon", "วันอังคาร": "tue", "วันพุธ": "wed", "วันพฤหัสบดี": "thu", "วันพฤหัส": "thu", "วันศุกร์": "fri",
    "วันเสาร์": "sat", "วันอาทิตย์": "sun", "จันทร์": "mon", "อังคาร": "tue", "พุธ": "wed", "พฤหัสบดี": "thu", "พฤหัส": "thu",
    "ศุกร์": "fri", "เสาร์": "sat", "สัปดาห์หน้า": "next week", "อาทิตย์หน้า": "next week", "เดือนหน้า": "next month",
    "หน้า": "next", "อีก": "in", "นาที": "minutes", "ชั่วโมง": "hours", "วัน": "days", "สัปดาห์": "weeks", "อาทิตย์": "weeks",
    "เดือน": "months", "เวลา": "at", "น.": "", "นาฬิกา": "",
}
_JAPANESE = {
    "今日": "today", "きょう": "today", "今晩": "today evening", "今夜": "today evening", "明日": "tomorrow",
    "あした": "tomorrow", "あす": "tomorrow", "明後日": "overmorrow", "あさって": "overmorrow", "午前": "morning",
    "朝": "morning", "午後": "afternoon", "夕方": "evening", "夜": "evening", "正午": "12:00", "来週": "next week",
    "来月": "next month", "次の": "next", "の": "", "に": "", "分後": "minutes", "時間後": "hours", "日後": "days",
    "週間後": "weeks", "か月後": "months", "ヶ月後": "months", "カ月後": "months", "分間": "minutes", "時間": "hours",
    "週間": "weeks",
    **{f"{sign}曜{end}": day for sign, day in zip("月火水木金土日", WEEKDAYS, strict=True) for end in ("", "日")},
}
_CHINESE = {
    "今天": "today", "今晚": "today evening", "明天": "tomorrow", "明早": "tomorrow morning", "後天": "overmorrow",
    "早上": "morning", "上午": "morning", "中午": "12:00", "下午": "afternoon", "晚上": "evening",
    "下個月": "next month", "分鐘後": "minutes", "分鐘": "minutes", "小時後": "hours", "小時": "hours", "天後": "days",
    "週後": "weeks", "個月後": "months", "個月": "months", "後": "",
    **{f"{week}{sign}": day for week in ("週", "周", "星期", "禮拜")
       for sign, day in (*zip("一二三四五六日", WEEKDAYS, strict=True), ("天", "sun"))},
    **{f"下{week}": "next week" for week in ("週", "周", "星期", "禮拜", "個星期", "個禮拜")},
    **{f"下{week}{sign}": f"next week {day}" for week in ("週", "周", "星期", "禮拜", "個星期", "個禮拜")
       for sign, day in (*zip("一二三四五六日", WEEKDAYS, strict=True), ("天", "sun"))},
}


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _either(words: dict[str, str]) -> str:
    return "|".join(re.escape(each) for each in sorted(words, key=len, reverse=True))


_SPACED = {_folded(word): said for word, said in (_ENGLISH | _NORWEGIAN).items()}
_JOINED = {_folded(word): said for word, said in (_THAI | _JAPANESE | _CHINESE).items()}
_SPACED_WORD = re.compile(rf"\b(?:{_either(_SPACED)})\b")
_JOINED_WORD = re.compile(_either(_JOINED))
_CLOCK = re.compile(r"(\d{1,2})\s*[時點点](?!間)\s*(?:(\d{1,2})\s*分|(半))?")
_DATE = re.compile(r"(?:(\d{4})\s*年\s*)?(\d{1,2})\s*月\s*(\d{1,2})\s*[日號号]?")


def in_english(text: str) -> str:
    """What was typed, in lower case, the words of other languages said in English."""
    text = _DATE.sub(_date, _folded(text))
    text = _CLOCK.sub(lambda found: f" {found[1]}:{found[2] or ('30' if found[3] else '00'):0>2} ", text)
    text = _JOINED_WORD.sub(lambda found: f" {_JOINED[found[0]]} ", text)
    return _SPACED_WORD.sub(lambda found: _SPACED[found[0]], " ".join(text.split()))


def _date(found: re.Match[str]) -> str:
    month = int(found[2])
    return f" {found[3]} {MONTHS[month - 1]} {found[1] or ''} " if 1 <= month <= 12 else found[0]
