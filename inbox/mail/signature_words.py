"""The words by which signatures, device lines and legal notices are known, in the languages they speak.

Plain data and the patterns made of it, kept apart from ``inbox.mail.signatures`` which decides. Every pattern is
tried on one line or paragraph of bounded length and repeats nothing without a limit.
"""

from __future__ import annotations

import re

# RFC 3676 says "-- "; the blank is lost on the way more often than not.
DELIMITER = re.compile(r"^\s{0,2}--[\s\xa0]?$")
RULE = re.compile(r"^\W{0,20}[-_=*—–─~.]{4,}\W{0,20}$")

_OUTLOOK = r"Outlook(?:[\s-](?:Mobile|App))?"
_SYSTEM = r"(?:iOS|Android)"
_STARTS = (
    # What a phone or a mail program puts below a message, as it begins …
    r"sent (?:from|via|with|using|by)", r"get outlook for", r"get bluemail for", r"(?:i )?sent this from",
    r"envoy[ée] (?:de(?:puis)?|à partir|avec|via|par)", r"télécharge[rz] outlook", r"obtene[zr] outlook",
    r"obtenir outlook", r"provenance\s?:\s?courrier",
    r"(?:diese nachricht wurde )?von mein\w{1,3} \S{2,20} (?:\S{1,20} ){0,4}gesendet", r"gesendet (?:von|mit|über|aus)",
    r"von \S{1,30} (?:\S{1,20} )?gesendet", r"hol(?:en)? (?:sie sich )?outlook", r"outlook für",
    r"enviad[oa] (?:desde|con|por|do|da|de|a partir|através|via|pelo|usando|utilizando)", r"obtén outlook",
    r"obtener outlook", r"descargar? outlook", r"obt(?:er|enha) (?:o )?outlook", r"baix(?:ar|e) (?:o )?outlook",
    r"inviat[oa] (?:da|dal|con|tramite|usando)", r"scaric[aoh]i? outlook", r"ottieni outlook", r"da outlook",
    r"verstuurd (?:vanaf|met|vanuit|via)", r"verzonden (?:vanaf|met|vanuit|via)", r"outlook voor", r"download outlook",
    r"wys[łl]an[eoy] (?:z|za|ze|przy)", r"pobierz (?:program |aplikację )?outlook",
    r"отправлено (?:с|из|со|через|от)", r"скача(?:ть|йте) outlook", r"получ(?:ить|ите) outlook", r"послано с",
    r"sendt (?:fra|med|via)", r"skaff deg outlook", r"få outlook", r"hent outlook", r"last ned outlook",
    r"skickat (?:från|med|via)", r"skickades från", r"hämta outlook", r"skaffa outlook",
    r"lähetetty", r"hanki outlook", r"odesláno z", r"odoslané z", r"надіслано (?:з|із)", r"trimis de pe",
    r"ส่งจาก", r"ส่งด้วย", r"ส่งผ่าน", r"ดาวน์โหลด outlook", r"รับ outlook",
    r"发自", r"發自", r"[获獲][取得] ?outlook", r"下载 ?outlook",
    r"下載 ?outlook", r"(?:[从從由]|通[过過]|使用)[^,;!?:。\n]{1,40}?(?:[发發傳传]送|寄出)",
)
_ENDS = (
    # … or as it ends.
    r"(?:['’]?(?:u?m?d[ae]n|t[ae]n)|üzerinden|"
    r"ile) gönderildi", r"uygulamasını edinin", r"outlook[’']?u (?:edinin|indirin)",
    r"から送信(?:されました)?", r"を使用して送信", r"で送信", r"を入手", r"をダウンロード",
    r"版 ?outlook",
    r"에서 보냄", r"에서 보낸 메일", r"에서 전송(?:됨)?", r"다운로드", r"(?:얻기|받기)", r"beziehen", r"downloaden",
)
LINK = re.compile(r"<[^<>\s]{1,300}>|\[https?:[^\[\]\s]{1,300}\]|\(https?:[^()\s]{1,300}\)|https?://\S{1,300}|"
    r"[\[\]]", re.I)
DEVICE = re.compile(
    rf"^\W{{0,3}}(?:(?:{'|'.join(_STARTS)})(?=$|\W|[^\x00-\x7f])[^,;!?:。\n]{{0,60}}?|[^,;!?:。\n]{{1,50}}?(?:{'|'.join(_ENDS)}))"
    r"\W{0,3}$", re.I)
# "Sent from my desk, which …" is a sentence, "Sent by courier" too: a device line is short, names a thing that sends
# mail or says whose it is, or bears an address.
DEVICE_WORDS = 11
DEVICE_THING = re.compile(
    r"phone|ipad|ipod|android|galaxy|samsung|huawei|honor|xiaomi|redmi|nokia|blackberry|windows|outlook|e?-?mail|mobil|"
    r"handy|tablet|telef|телефон|yahoo|proton|gmail|aol\b|typeapp|\bspark\b|mailbird|thunderbird|\bapps?\b|device|hotmail|"
    r"surface|pixel|oneplus|motorola|moto\b|\bhtc\b|\blg\b|sony|xperia|\b[345]g\b|oppo|vivo|realme|tutanota|hushmail|"
    r"zoho|foxmail|iOS\b|mac\b|macbook|手机|手機|携帯|スマート|邮箱|郵件|信箱|モバイル|휴대|스마트|모바일|โทรศัพท์|มือถือ|мобильн|почт|"
    r"邮件|メール|메일", re.I)
DEVICE_OWNER = re.compile(
    r"\b(?:my|meine?[mnrs]?|mon|ma|mi|meu|minha|mio|mia|mijn|min|mit|mitt|moj\w{1,4}|mého|мо\w{1,3}|minu\w?)\b|"
    r"我|ของฉัน|나의|내 |"
    r"['’][uüıi]m[ad]", re.I)

# One of these alone says that a line was put there by a machine.
STOCK = re.compile(
    r"virus-free\.\s?www|(?:e-?mails?|messages?)\W{1,3}(?:\S{1,20} ){0,3}(?:scanned|checked) (?:for|"
    r"by) (?:\S{1,20} ){0,3}(?:virus|malware|spam)|"
    r"(?:virenfrei|libre de virus|sans virus|virusvrij|privo di virus|без вирусов)\.\s?www|"
    r"this e-?mail has been checked for viruses|"
    r"(?:think|consider) (?:\S{1,20} ){0,3}before (?:you )?print|consider the environment|"
    r"(?:bevor|ehe) sie (?:diese|die) (?:e-?mail|nachricht) (?:aus)?drucken|denken sie an die umwelt|"
    r"tenk på miljøet|tänk på miljön|tænk på miljøet|pensez à l['’]environnement|"
    r"piense en el medio ambiente|antes de imprimir|prima di stampare|denk aan het milieu", re.I)

# Three different ones in a paragraph, and who the message is for, make it a legal notice.
_LEGAL = (
    r"confidential|vertraulich|confidentiel|confidencial|riservat[eoi]|confidenzial|vertrouwelijk|konfidensiel|fortrolig|"
    r"konfidentiell|taushet|sekretess|poufn|конфиденциальн|gizli|機密|机密|保密|ความลับ|기밀|비밀",
    r"privileged|legally protected|proprietary|rechtlich geschützt|geschützte information|secret professionnel|"
    r"privilegiad|legalmente protegid|beschermd|prawnie chron|特权|ayrıcalıklı",
    r"intended (?:only |solely |exclusively )?(?:recipient|for|addressee)|named (?:addressee|recipient|individual)|"
    r"sole(?:ly)? (?:for the )?use (?:of|by)|(?:richtige|beabsichtigte|vorgesehene)\w? (?:adressat|empfänger)|"
    r"ausschließlich für|destinataire|destinatari|geadresseerde|bestemd voor|tiltenkt|rette mottaker|avsedd|"
    r"rette modtager|adresat|адресат|alıcı|宛先|受信者|收件人|收件者|ผู้รับ|수신인|수신자",
    r"(?:receiv|sent|transmitt)\S{0,4} (?:\S{1,20} ){0,7}(?:in error|by mistake)|irrtümlich|fälschlich|par erreur|"
    r"por error|por engano|por erro|per errore|ten onrechte|abusievelijk|per ongeluk|ved en feil|ved feil|ved en fejl|"
    r"av misstag|omyłkow|przez pomyłkę|по ошибке|ошибочно|yanlışlıkla|誤って|誤收|误收|错误地?收到|ผิดพลาด|"
    r"잘못 (?:수신|전송)",
    r"(?:strictly )?prohibited|unauthori[sz]ed|unlawful|unbefugt|nicht gestattet|interdit|prohibid|proibid|vietat|"
    r"verboden|niet toegestaan|forbudt|förbjud|zabronion|zakazan|запрещ|yasaktır|禁じ|禁止|ห้าม|금지",
    r"disclos|dissemin|copying|distribut|weitergabe|verbreitung|divulg|diffusion|difus|diffusion|verspreid|"
    r"videreformid|spridning|rozpowszechni|распростран|ifşa|開示|披露|泄露|洩漏|เปิดเผย|공개|유포",
    r"virus|malware|schadsoftware|liab(?:le|ility)|haftung|responsab|aansprakelijk|ansvar|odpowiedzialn|ответственн|"
    r"責任|责任|sorumlu",
    r"delete|destroy|löschen|vernichten|supprimer|détruire|eliminar|borrar|apagar|cancellar|distrugg|verwijder|slett|"
    r"radera|slette|usuń|usunąć|удал|sil(?:in|me)|削除|删除|刪除|ลบ|삭제",
)
LEGAL = tuple(re.compile(pattern, re.I) for pattern in _LEGAL)
ADDRESSEE = re.compile(f"{_LEGAL[2]}|{_LEGAL[3]}", re.I)
MESSAGE = re.compile(
    r"e-?mail|message|mensa[jg]e|correo|nachricht|courriel|messaggio|bericht|melding|e-?post|meddel|wiadomoś|сообщени|письм|"
    r"ileti|mesaj|e-?posta|メール|邮件|郵件|อีเมล|메일|communication|transmission", re.I)
LEGAL_TITLE = re.compile(
    r"^\W{0,6}(?:disclaimer|(?:confidentiality|legal|privacy) (?:notice|note|statement|warning|disclaimer)|"
    r"important notice|haftungsausschluss|vertraulichkeitshinweis|avis (?:de confidentialité|important|légal)|"
    r"aviso (?:de confidencial\w{4,6}|legal)|avviso di riservatezza|vertrouwelijkheid\w{0,12}|ansvarsfraskrivelse|"
    r"klauzula poufności|уведомление о конфиденциальности|gizlilik (?:bildirimi|notu)|免責事項|免责声明|"
    r"免責聲明|保密声明|"
    r"ข้อจำกัดความรับผิดชอบ|면책 ?(?:조항|고지))\b\W{0,4}", re.I)
# A person speaking of a mail that went astray, not a lawyer's boilerplate.
OWN_WORDS = re.compile(r"\b(?:I|I['’]m|my|jeg|min|jag|ich|mein\w{0,2}|je|j['’]ai|mon|yo|eu|io|ik|mijn|moj\w|я|"
    r"мой|ben)\b")
# Put at the top by the receiving company's server.
BANNER = re.compile(
    r"^\W{0,6}(?:caution|warning|attention|external(?: e-?mail| sender)?|\[?external\]?)\b[^\n]{0,60}"
    r"\b(?:originat\w{1,4}|c[ao]me|sent|was sent|is) (?:\S{1,20} ){0,3}(?:outside|external)", re.I)
LIST_FOOTER = re.compile(
    r"mailing list|unsubscribe|you (?:are receiving|received) this (?:e-?mail|message) because|listinfo/|"
    r"to view this discussion|abmelden|désabonner|afmelden|avregistrer", re.I)
