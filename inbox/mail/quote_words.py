"""The words by which mail programs introduce old text, in the languages they speak.

Plain data and the few patterns made of it, kept apart from ``inbox.mail.quotes`` which decides.
"""

from __future__ import annotations

import re

# "wrote", at the end of an attribution or before the name.
_WROTE = (
    r"wrote|writes", r"skrev|skriver", r"schrieb|schreibt|geschrieben", r"a\s+écrit|ecrit|écrivait",
    r"escribi[óo]", r"escreveu|va escriure", r"ha\s+scritto|scrisse", r"schreef|geschreven",
    r"napisał(?:\(a\)|a)?|pisze|napisana\s+przez", r"написал(?:\(а\)|а)?|пишет|писал(?:\(а\)|а)?", r"yazdı|"
    r"yazmış|yazd[iı]",
    r"เขียน(?:ว่า|เมื่อ)?", r"書きました|wrote|のメッセージ|のメール", r"写道|寫道|写到|寫到|寫下|撰写",
    r"작성|썼습니다|님의 말|씀|쓴 글", r"kirjoitti", r"napsal(?:\(a\)|a)?|napísal(?:\(a\)|a)?", r"írta", r"a\s+scris",
    r"пише|написав(?:\(ла\))?|написала|написа", r"έγραψε", r"כתב(?:ה)?", r"كتب", r"(?:đã\s+)?viết", r"menulis",
    r"kirjutas", r"napisao|je\s+napisao(?:/la)?", r"rašė", r"rakstīja",
)
WROTE = re.compile(r"(?:(?<![^\W\d_])|(?<=[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]))(?:"
                   + "|".join(_WROTE) + r")(?![^\W\d_])|写道|寫道|님이 작성|เขียนว่า", re.I)
TIME = re.compile(r"\d{1,2}\s?[:.h]\s?\d{2}|\d{1,2}\s?(?:AM|PM|Uhr)\b|[上下]午\s?\d|오[전후]\s?\d|\d時", re.I)
DATE = re.compile(r"\b(?:19|20|25)\d\d|\d{1,2}[./-]\d{1,2}|\d{1,2}\.?\s[^\W\d_]{3,}|[^\W\d_]{3}\.?\s\d{1,2}|\d月|\d월")
ENDS = re.compile(r"[:：]\s*[*_]{0,2}$")
ENDS_WROTE = re.compile(r"(?:>|\)|@\S{1,60})\s(?:" + "|".join(_WROTE) + r")\s*$", re.I)
ENDS_ADDRESS = re.compile(r"@[^\s<>]{1,80}[>)\]]\s?[:：]\s*$")
FIRST_PERSON = frozenset({"i", "we", "jeg", "vi", "jag", "ich", "wir", "ik", "wij", "я", "мы", "ja", "ben", "yo", "eu",
                          "me", "j'ai", "io", "ผม", "ฉัน", "私", "我"})
# A sentence that ended inside the line: somebody's own words stand before the attribution.
SENTENCE = re.compile(r"[^\W\d_]{5}[.!?]\s+[^\W\d_]|[!?]\s|[。！？]")

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
    "転送メール", "メッセージを転送", "以下に転送", "转发的邮件", "转发邮件", "轉寄的郵件", "轉寄郵件",
    "已转发邮件", "Forwarded mail", "전달된 메일",
    "전달된 메시지", "Välitetty viesti", "Edelleenlähetetty viesti", "Lähetetty edelleen", "Přeposlaná zpráva",
    "Začátek přeposílané zprávy", "Preposlaná správa", "Začiatok preposlanej", "Továbbított levél",
    "Továbbított üzenet", "Mesaj redirecționat", "Începutul mesajului", "Începe mesajul", "İletilmiş Mesaj",
    "İletilen mesaj", "Перенаправлене повідомлення", "Переслане повідомлення",
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
RULE = re.compile(r"^[-_=*—–─]{4,}$")
FRAMED = re.compile(r"^-{2,8}\s([^-].{8,300}?)\s?[:：]?\s?-{2,8}$")
LEAD = re.compile(r"^\W{0,6}(?:(?:le )?message du\s?:?\s?\d|original message processed by)", re.I)
# Other help desks ask for it; what stands below is theirs.
REPLY_ABOVE = re.compile(
    r"^\W{0,12}(?:please )?(?:type|write|enter|reply|respond|add)\b.{0,40}\babove this (?:line|text|message)|"
    r"^\W{0,12}(?:bitte )?(?:antworten|schreiben) sie .{0,20}(?:über|oberhalb) diese\w? (?:zeile|linie)|"
    r"^\W{0,12}(?:répond\w{1,4}|écri\w{1,5}) .{0,30}au[- ]dessus de cette ligne|"
    r"^\W{0,12}(?:svar|skriv) .{0,20}(?:over|ovenfor|ovanför) denn?[ae]n?(?: her)? (?:linj\w{1,2}|rad\w{0,2})|"
    r"^\W{0,12}(?:escrib\w{1,3}|respond\w{1,3}) .{0,30}encima de esta línea", re.I)
# "My answers stand below": words of the writer that say so.
BELOW = re.compile(
    r"\b(?:(?:see|find|read|answer(?:s|ed)?|repl(?:y|ies|ied)|comment(?:s|ed)?|respon(?:se|ses|ded)|respond(?:ed)?|notes?)"
    r"\b[^.!?]{0,40}\b(?:below|in-?line|in (?:red|blue|green|bold))|inline\b|in line with your|see (?:red|blue)|"
    r"(?:svar\w{0,4}|se|kommentar\w{0,3})\b[^.!?]{0,30}\b(?:nedenfor|nedenunder|under|inne i|i rødt|i blått|"
    r"i rött|i teksten|"
    r"nedan|nedenstående|med rødt)|"
    r"(?:antwort\w{0,3}|siehe|kommentare?|anmerkung\w{0,2})\b[^.!?]{0,30}\b(?:unten|im text|inline|in rot|"
    r"rot markiert|weiter unten)|"
    r"(?:réponses?|voir|commentaires?)\b[^.!?]{0,30}\b(?:ci-dessous|plus bas|en rouge|dans le texte)|"
    r"(?:respuestas?|ver|comentarios?)\b[^.!?]{0,30}\b(?:abajo|más abajo|en rojo|a continuación|en el texto)|"
    r"(?:respostas?|ver|comentários?)\b[^.!?]{0,30}\b(?:abaixo|em vermelho|no texto)|"
    r"(?:rispost[ae]|vedi|commenti)\b[^.!?]{0,30}\b(?:sotto|in rosso|nel testo|di seguito)|"
    r"(?:antwoord\w{0,3}|zie|opmerkingen)\b[^.!?]{0,30}\b(?:onder|hieronder|in het rood|in de tekst)|"
    r"(?:odpowied\w{1,3}|zobacz|uwagi|komentarz\w{0,3})\b[^.!?]{0,30}\b(?:poniżej|na czerwono|w treści|w tekście)|"
    r"(?:ответ\w{0,3}|смотри\w{0,2}|см|комментари\w)\b[^!?]{0,30}\b(?:ниже|в тексте|красным)|"
    r"(?:cevap\w{0,6}|yanıt\w{0,6})\b[^.!?]{0,30}\b(?:aşağıda|kırmızı))"
    r"|(?:ตอบ|ดู)\S{0,20}(?:ด้านล่าง|ข้างล่าง|สีแดง)|(?:以下|下記|下部|文中|インライン|赤字)\S{0,10}(?:回答|返信|ご?確認|コメント|記入)"
    r"|(?:见|見|在|请看|請看)\S{0,8}(?:下面|下方|下文|文中|红字|紅字)|(?:回复|回覆|答复)\S{0,8}(?:如下|在下面)"
    r"|(?:아래|본문|빨간)\S{0,4}\s?\S{0,8}(?:답변|답장|참고|표시|회신)", re.I)

_FIELD_WORDS = {
    "from": "From|Von|De|Da|Van|Od|Fra|Från|От|От кого|Від|Від кого|Lähettäjä|Gönderen|Kimden|Feladó|差出人|"
            "发件人|寄件者|寄件人|보낸 사람|보낸사람|보낸이|발신|จาก|Expéditeur|Remitente|Mittente|Afzender|"
            "Nadawca|Отправитель|"
            "Avsändare|Afsender|Avsender|Absender|送信者|送信元|发信人|De la|Šalje|Saatja|Từ|Dari|Expeditor|"
            "Expeditorul|Από",
    "date": "Sent|Date|Gesendet|Datum|Envoyé|Envoyé le|Enviado|Enviado el|Enviada em|Fecha|Data|Inviato|"
            "Verzonden|Wysłano|Wysłane|Sendt|Dato|Skickat|Отправлено|Дата|Gönderildi|Tarih|Gönderme Tarihi|"
            "送信日時|日時|日付|发送时间|发送日期|时间|日期|寄件日期|傳送時間|"
            "보낸 날짜|날짜|보낸날짜|보낸 시간|보낸시간|작성일|ส่ง|ส่งเมื่อ|วันที่|วันที่ส่ง|Gönderim Tarihi|"
            "傳送日期|送信日|Envoyé à|Verstuurd|Lähetetty|"
            "Päiväys|Päivämäärä|Odesláno|Elküldve|Dátum|Trimis|Dată|Надіслано|Kuupäev|Enviado em|Date d'envoi|"
            "Date Sent|Sent at|Ngày|Tanggal|Ημερομηνία",
    "to": "To|An|À|Para|A|Aan|Do|Til|Till|Кому|Kime|Alıcı|宛先|收件人|收件者|받는 사람|받는사람|받는이|수신|"
          "ถึง|Vastaanottaja|"
          "Komu|Címzett|Către|Pour|Destinataire|Destinatario|Odbiorca|Prima|Pre|Adresat|Saaja|Destinatário|"
          "Tới|送信先|Destinatarul|收信人|받는 이",
    "subject": "Subject|Betreff|Objet|Asunto|Assunto|Oggetto|Onderwerp|Temat|Emne|Ämne|Тема|Konu|件名|主题|主旨|主題|"
               "제목|เรื่อง|หัวเรื่อง|ชื่อเรื่อง|หัวข้อ|Aihe|Předmět|Predmet|Tárgy|Subiect|Subiectul|Sujet|Naslov|"
               "Teema|Tytuł|Chủ đề",
    "cc": "Cc|CC|Kopie|Kopi|Kopia|Копия|Копія|Bilgi|抄送|副本|참조|สำเนา|Kopio|Másolat|Kópia|Copie à|Reply-To|Bcc|"
          "DW|UDW|CCI|Cco|Bcc|Cópia|สำเนาถึง|숨은 참조|密件抄送|密送|Importance|Attachments|Organization|"
          "Priority|Vedlegg|Anlagen|Pièces jointes|Adjuntos|Allegati",
}
FIELDS = {word.casefold(): kind for kind, words in _FIELD_WORDS.items() for word in words.split("|")}
FIELD = re.compile(r"^[\s*_]{0,6}([^\s:：*_][^:：*\n]{0,19}?)\s{0,2}[*_]{0,2}\s?[:：]")
STARTERS = frozenset({"on", "le", "el", "am", "op", "den", "il", "em", "dnia", "w dniu", "på", "ke", "dne", "a"})

REPLY_SUBJECT = re.compile(r"^\s*(?:re|sv|aw|antw|odp|vá|vs|ynt|bls|رد|回复|回覆|答复|返信|答覆|ตอบกลับ|отв|회신)\s*"
                           r"(?:\[\d+\])?\s*[:：]", re.I)
FORWARD_SUBJECT = re.compile(r"^\s*(?:fwd?|fw|wg|tr|rv|enc|i|vb|vs|doorst|pd|podaj dalej|ilt|пересл|"
                             r"转发|轉寄|転送|전달|ส่งต่อ|dw|vl|továbbítás|vidaresänt)\s*(?:\[\d+\])?\s*[:：]", re.I)
