"""Text for seeded messages in five languages, with words whose frequency is known."""

from __future__ import annotations

import hashlib
import itertools
import random
from dataclasses import dataclass

from inbox.core import search

RARE_EVERY = 20_000  # one message in so many holds the rare word
COMMON_SHARE = 0.2

COMMON = {"en": "invoice", "nb": "faktura", "th": "ใบแจ้งหนี้", "ja": "請求書", "zh": "發票明細"}
RARE = {"en": "mulesing", "nb": "skreddersøm", "th": "ขนอัลปากา", "ja": "鹿の子編み", "zh": "提花緞面"}
LANGUAGES = ("en", "en", "en", "en", "nb", "nb", "nb", "th", "ja", "zh")  # how often each

_FIRST = {
    "en": "Hello, I have a question about the parcel that came yesterday.",
    "nb": "Hei, jeg har et spørsmål om pakken som kom i går.",
    "th": "สวัสดีค่ะ มีคำถามเกี่ยวกับพัสดุที่ได้รับเมื่อวาน",
    "ja": "お世話になっております。昨日届いた荷物についてお尋ねします。",
    "zh": "您好，我想請問昨天收到的包裹。",
}
_THAI = ("เสื้อ ไหมพรม ขนสัตว์ ขนาด ไซซ์ สี พัสดุ จัดส่ง คืนเงิน เปลี่ยน สินค้า ร้านค้า ซัก "
         "ถุงมือ หมวก ผ้าพันคอ ราคา ส่วนลด บัตร ชำระเงิน ที่อยู่ ศุลกากร เอกสาร ด่วน ขอบคุณ ตรวจสอบ สถานะ วันนี้ เมื่อวาน "
         "พรุ่งนี้ อาทิตย์หน้า ต้องการ ทราบ ได้รับ แล้ว ยังไม่ ครับ ค่ะ")
_JAPANESE = ("毛糸 編み物 手袋 帽子 靴下 返品 交換 送料 関税 配送 住所 注文 在庫 入荷 色 寸法 領収 確認 "
             "到着 破損 不良 洗濯 手洗い 乾燥 予定 "
             "本日 明日 来週 お願い ありがとう ございます いたします でしょうか について ですが")
_CHINESE = ("毛線 毛衣 手套 帽子 圍巾 退貨 換貨 運費 海關 包裹 訂單 顏色 尺寸 庫存 收據 付款 信用卡 地址 送達 損壞 "
            "清洗 手洗 折扣 批發 樣品 色卡 昨天 今天 明天 下週 請問 謝謝 麻煩 可以 還沒 已經")
_ENGLISH = ("wool ring thread fjord knit yarn card sleeve stitch loop mend warm north sea harbour parcel order pay "
            "send size", "s ed ing er ly")
_NORWEGIAN = ("ull garn strikk genser votte lue pakke ordre frakt retur farge maske mønster butikk bytte kort vask "
              "nøste pinne krage", "en er et ene ing")
_PIECES = {"th": _THAI.split(), "ja": _JAPANESE.split(), "zh": _CHINESE.split()}
_SYLLABLES = {language: (heads.split(), tails.split())
              for language, (heads, tails) in (("en", _ENGLISH), ("nb", _NORWEGIAN))}


@dataclass(frozen=True)
class Text:
    """A message's text and the same as the search index holds it."""

    text: str
    folded: str


class Writer:
    """Writes texts of about `length` characters, the same for the same seed.

    Sentences come from a pool, with their folded form ready: folding half a million messages would take longer than
    everything else.
    """

    def __init__(self, length: int, pool: int = 3000) -> None:
        self._random = random.Random(20)
        self._length = length
        self._pools = {language: [self._sentence(language) for _ in range(pool // 5)] for language in COMMON}
        self._special = {(language, kind): self._folded(f"{words[language]}.")
                         for kind, words in (("common", COMMON), ("rare", RARE)) for language in COMMON}
        self._numbers = itertools.count(1)

    def _folded(self, text: str) -> Text:
        return Text(text, search.fold(text))

    def _sentence(self, language: str) -> Text:
        pick, count = self._random, self._random.randint(6, 16)
        if language in _PIECES:
            pieces = _PIECES[language]
            return self._folded("".join(pieces[min(int(pick.paretovariate(0.7)) - 1, len(pieces) - 1)]
                                        for _ in range(count * 2)) + ("。" if language != "th" else ""))
        heads, tails = _SYLLABLES[language]
        words = [pick.choice(heads) + pick.choice(["", *tails, *(head + tail for head in heads[:8] for tail in tails)])
                 for _ in range(count)]
        return self._folded(" ".join(words).capitalize() + ".")

    def write(self, language: str) -> Text:
        """The next message."""
        number = next(self._numbers)
        chosen = [self._folded(_FIRST[language])] if number <= 5 else [self._pools[language][number % 600]]
        size = len(chosen[0].text)
        chance, pool = self._random.random, self._pools[language]
        wanted = self._length * (0.5 + chance())
        while size < wanted:
            sentence = pool[int(chance() * len(pool))]
            chosen.append(sentence)
            size += len(sentence.text) + 1
        if chance() < COMMON_SHARE:
            chosen.append(self._special[language, "common"])
        if number % RARE_EVERY == 7:
            chosen += [self._special[each, "rare"] for each in COMMON]
        return Text("\n".join([each.text for each in chosen]), " ".join([each.folded for each in chosen]))


def digest(of: str) -> str:
    """64 hexadecimal digits that look like any, always the same: what has no order in life must have none here, or an
    index would be cheaper than it is."""
    return hashlib.sha256(of.encode()).hexdigest()


def message_id(pk: int) -> str:
    """The Message-ID of a seeded message, without <>."""
    return f"{digest(f'id{pk}')[:20]}@mail.example"


_MAIL = ("From: Customer {number} <customer{number}@mail.example>\r\nTo: support@desk.example\r\n"
         "Subject: Order {number}\r\nMessage-ID: <{way}{number}@mail.example>\r\n"
         "Date: Sun, 22 Nov 2026 10:00:00 +0100\r\n{reference}MIME-Version: 1.0\r\n"
         "Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\n"
         "Content-Type: text/plain; charset=utf-8\r\n\r\n{text}\r\n--b\r\n"
         "Content-Type: text/html; charset=utf-8\r\n\r\n<p style='color:#222'>{text}</p>\r\n--b--\r\n")


def letter(number: int, way: str, reference: str = "") -> bytes:
    """A mail of 4.5 kB to support@desk.example. `way` makes its Message-ID unique, `reference` is a header line."""
    text = "I have a question about my order. " * 60
    return _MAIL.format(number=number, way=way, reference=reference, text=text).encode()
