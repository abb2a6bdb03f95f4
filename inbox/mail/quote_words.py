"""The words by which mail programs introduce old text, in the languages they speak.

Plain data and the few patterns made of it, kept apart from ``inbox.mail.quotes`` which decides.
"""

from __future__ import annotations

import re

# "wrote", at the end of an attribution or before the name.
_WROTE = (
    r"wrote|writes", r"skrev|skriver", r"schrieb|schreibt|geschrieben", r"a\s+écrit|ecrit|écrivait",
    r"escribi[óo]", r"escreveu|va escriure", r"ha\s+scritto|scrisse", r"schreef|geschreven",
    r"napisał(?:\(a\)|a)?|pisze", r"написал(?:\(а\)|а)?|пишет|писал(?:\(а\)|а)?", r"yazdı|yazmış|yazd[iı]",
    r"เขียน(?:ว่า)?", r"書きました|wrote|さんのメッセージ|のメール", r"写道|寫道|写到|寫到|寫下|撰写",
    r"작성|썼습니다|님의 말|씀", r"kirjoitti", r"napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?", r"írta", r"a\s+scris",
    r"пише|написав(?:\(ла\))?|написала|написа", r"έγραψε", r"כתב(?:ה)?", r"كتب", r"(?:đã\s+)?viết", r"menulis",
    r"kirjutas", r"napisao|je\s+napisao(?:/la)?", r"rašė", r"rakstīja",
)
WROTE = re.compile(r"(?:(?<![^\W\d_])|(?<=[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]))(?:"
                   + "|".join(_WROTE) + r")(?![^\W\d_])|写道|寫道|님이 작성|เขียนว่า", re.I)
TIME = re.compile(r"\d{1,2}\s?[:.h]\s?\d{2}|\d{1,2}\s?(?:AM|PM|Uhr)\b|[上下]午\s?\d|오[전후]\s?\d|\d時", re.I)
DATE = re.compile(r"\b(?:19|20)\d\d|\d{1,2}[./-]\d{1,2}|\d{1,2}\.?\s[^\W\d_]{3,}|[^\W\d_]{3,}\.?\s\d{1,2}|\d月|\d월")
ENDS = re.compile(r"[:：]\s*[*_]{0,2}$")
ENDS_WROTE = re.compile(r"(?:>|\)|@\S{1,60})\s(?:" + "|".join(_WROTE) + r")\s*$", re.I)
ENDS_ADDRESS = re.compile(r"@[^\s<>]{1,80}[>)\]]\s?[:：]\s*$")
FIRST_PERSON = frozenset({"i", "we", "jeg", "vi", "jag", "ich", "wir", "ik", "wij", "я", "мы", "ja", "ben", "yo", "eu",
                          "me", "j'ai", "io", "ผม", "ฉัน", "私", "我"})
# A sentence that ended inside the line: somebody's own words stand before the attribution.
SENTENCE = re.compile(r"[^\W\d_]{5,}[.!?]\s+[^\W\d_]|[!?]\s|[。！？]")

_ORIGINAL = (
    "Original Message", "Original Email", "Reply Message", "Original Mail", "Original-Nachricht",
    "Ursprüngliche Nachricht", "Ursprüngliche Mail", "Originalnachricht", "Original Nachricht",
    "Message d'origine", "Message original", "Message d’origine", "Message initial", "E-mail d'origine",
    "Mensaje original", "Correo original", "Mensagem original", "Messaggio originale", "Messaggio Originale",
    "Oorspronkelijk bericht", "Origineel bericht", "Oprindelig meddelelse", "Oprindelig besked",
    "Original meddelelse", "Original besked", "Opprinnelig melding", "Original melding", "Opprinnelig e-post",
    "Ursprungligt meddelande", "Originalmeddelande", "Ursprungligt mail", "Oryginalna wiadomość",
    "Wiadomość oryginalna", "Wiadomość źródłowa", "Исходное сообщение", "Оригинальное сообщение",
    "Исходящее сообщение", "Orijinal İleti", "Orijinal mesaj", "Özgün İleti", "Asıl İleti",
    "ข้อความต้นฉบับ", "ข้อความเดิม", "元のメッセージ", "オリジナルメッセージ", "元のメール",
    "原始邮件", "原始郵件", "原邮件",
    "原始訊息", "原始信件", "回复的原邮件", "원본 메일", "원본 메시지", "원본메일", "Alkuperäinen viesti",
    "Původní zpráva", "Původní e-mail", "Pôvodná správa", "Eredeti üzenet", "Mesaj original",
    "Оригінальне повідомлення", "Αρχικό μήνυμα", "Tin nhắn gốc", "Pesan asli", "Originalna poruka",
    "Izvorna poruka", "Algne sõnum", "Algkiri", "Svarmeddelande",
)
_FORWARDED = (
    "Forwarded message", "Forwarded Message", "Begin forwarded message", "Start of forwarded message",
    "Forwarded by", "Videresendt melding", "Videresendt meddelelse", "Videresendt besked",
    "Start på videresendt", "Vidarebefordrat meddelande", "Vidarebefordrat mejl", "Vidarebefordrat brev",
    "Weitergeleitete Nachricht", "Weitergeleitete Mail", "Anfang der weitergeleiteten", "Message transféré",
    "Début du message réexpédié", "Début du message transféré", "Message transmis", "Message réexpédié",
    "Mensaje reenviado", "Inicio del mensaje reenviado", "Mensagem encaminhada", "Mensagem reencaminhada",
    "Início da mensagem encaminhada", "Início da mensagem reencaminhada", "Messaggio inoltrato",
    "Inizio messaggio inoltrato", "Messaggio Inoltrato", "Doorgestuurd bericht", "Begin doorgestuurd bericht",
    "Doorgezonden bericht", "Przekazana wiadomość", "Przekazywana wiadomość", "Wiadomość przekazana",
    "Treść przekazanej wiadomości", "Początek przekazywanej", "Пересылаемое сообщение",
    "Перенаправленное сообщение", "Начало переадресованного", "Пересланное сообщение", "İletilen ileti",
    "Yönlendirilmiş ileti", "İleti başlangıcı", "Başlangıç", "ข้อความที่ส่งต่อ", "転送されたメッセージ", "転送メッセージ",
    "転送メール", "转发的邮件", "转发邮件", "轉寄的郵件", "轉寄郵件", "已转发邮件", "Forwarded mail", "전달된 메일",
    "전달된 메시지", "Välitetty viesti", "Edelleenlähetetty viesti", "Lähetetty edelleen", "Přeposlaná zpráva",
    "Začátek přeposílané zprávy", "Preposlaná správa", "Začiatok preposlanej", "Továbbított levél",
    "Továbbított üzenet", "Mesaj redirecționat", "Începutul mesajului", "Переслане повідомлення",
    "Початок листа, що пересилається", "Proslijeđena poruka", "Započni proslijeđenu", "Edastatud kiri",
    "Edasisaadetud kiri", "Προωθημένο μήνυμα", "Přeposlaný e-mail", "Preposlaný e-mail", "Redirecţionat",
    "Mesaj redirecţionat", "Preusmjerena poruka", "Forwarded email", "Forward Header",
)
_RULE = r"[-_=*—–─]{2,}"


def _any_of(phrases: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, phrases))


ORIGINAL = re.compile(rf"^\W{{0,3}}{_RULE}\s?(?:{_any_of(_ORIGINAL)})\s?(?:{_RULE}|[:：])?\W{{0,3}}$", re.I)
FORWARDED = re.compile(rf"^(?:\W{{0,3}}{_RULE}\s?(?:{_any_of(_FORWARDED)})"
                       rf"|(?:{_any_of(_FORWARDED)})[^\n]{{0,40}}[:：]\W{{0,3}}$)", re.I)
RULE = re.compile(r"^[-_=*—–─]{5,}$")

_FIELD_WORDS = {
    "from": "From|Von|De|Da|Van|Od|Fra|Från|От|От кого|Від|Від кого|Lähettäjä|Gönderen|Kimden|Feladó|差出人|"
            "发件人|寄件者|寄件人|보낸 사람|보낸사람|จาก|Expéditeur|Remitente|Mittente|Afzender|Nadawca|Отправитель|"
            "Avsändare|Afsender|Avsender|Absender|送信者|送信元|发信人|De la|Šalje|Saatja|Từ|Dari|Expeditor|Από",
    "date": "Sent|Date|Gesendet|Datum|Envoyé|Envoyé le|Enviado|Enviado el|Enviada em|Fecha|Data|Inviato|"
            "Verzonden|Wysłano|Wysłane|Sendt|Dato|Skickat|Отправлено|Дата|Gönderildi|Tarih|Gönderme Tarihi|"
            "送信日時|日時|日付|发送时间|发送日期|时间|日期|寄件日期|傳送時間|"
            "보낸 날짜|날짜|보낸날짜|ส่ง|ส่งเมื่อ|วันที่|Lähetetty|"
            "Päiväys|Päivämäärä|Odesláno|Elküldve|Dátum|Trimis|Dată|Надіслано|Kuupäev|Enviado em|Date d'envoi|"
            "Date Sent|Sent at|Ngày|Tanggal|Ημερομηνία",
    "to": "To|An|À|Para|A|Aan|Do|Til|Till|Кому|Kime|Alıcı|宛先|收件人|收件者|받는 사람|받는사람|ถึง|Vastaanottaja|"
          "Komu|Címzett|Către|Pour|Destinataire|Destinatario|Odbiorca|Prima|Pre|Adresat|Saaja|Destinatário|Tới",
    "subject": "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Temat|Emne|Ämne|Тема|Konu|件名|主题|主旨|主題|"
               "제목|เรื่อง|หัวเรื่อง|Aihe|Předmět|Predmet|Tárgy|Subiect|Subiectul|Sujet|Naslov|Teema|Tytuł|Chủ đề",
    "cc": "Cc|CC|Kopie|Kopi|Kopia|Копия|Копія|Bilgi|抄送|副本|참조|สำเนา|Kopio|Másolat|Kópia|Copie à|Reply-To|Bcc|"
          "Importance|Attachments|Organization|Priority|Vedlegg|Anlagen|Pièces jointes|Adjuntos|Allegati",
}
FIELDS = {word.casefold(): kind for kind, words in _FIELD_WORDS.items() for word in words.split("|")}
FIELD = re.compile(r"^[\s*_]{0,6}([^\s:：*_][^:：*\n]{0,19}?)\s{0,2}[*_]{0,2}\s?[:：]")
STARTERS = frozenset({"on", "le", "el", "am", "op", "den", "il", "em", "dnia", "w dniu", "på", "ke", "dne", "a"})

REPLY_SUBJECT = re.compile(r"^\s*(?:re|sv|aw|antw|odp|vá|vs|ynt|bls|رد|回复|回覆|答复|返信|答覆|ตอบกลับ|отв|회신)\s*"
                           r"(?:\[\d+\])?\s*[:：]", re.I)
FORWARD_SUBJECT = re.compile(r"^\s*(?:fwd?|fw|wg|tr|rv|enc|i|vb|vs|doorst|pd|podaj dalej|ilt|пересл|"
                             r"转发|轉寄|転送|전달|ส่งต่อ|dw|vl|továbbítás|vidaresänt)\s*(?:\[\d+\])?\s*[:：]", re.I)
