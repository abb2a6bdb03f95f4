# ruff: noqa: E501 (lines as mail programs write them)
"""Replies in HTML as mail programs build them: the new words, a signature, the old text. Names and words are made up."""

_ON = "On Tue, Mar 3, 2026 at 10:00 AM Shop &lt;post@shop.example&gt; wrote:"
_FIELDS = ("<b>Von:</b> Laden &lt;post@shop.example&gt;<br><b>Gesendet:</b> Dienstag, 3. März 2026 10:00<br>"
           "<b>An:</b> Kari &lt;kari@home.example&gt;<br><b>Betreff:</b> AW: Bestellung")

# name -> HTML. In all of them "New words" must stay, "Old words" must be folded as quoted, "My name" as signature.
REPLIES = {
    "gmail": '<div dir="ltr">New words<div><br clear="all"></div><div><br></div><span class="gmail_signature_prefix">-- </span>'
             '<br><div dir="ltr" class="gmail_signature" data-smartmail="gmail_signature"><div>My name</div></div></div><br>'
             f'<div class="gmail_quote gmail_quote_container"><div dir="ltr" class="gmail_attr">{_ON}<br></div>'
             '<blockquote class="gmail_quote" style="margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);'
             'padding-left:1ex"><div dir="ltr">Old words</div></blockquote></div>',
    "gmail, signature below": '<div dir="ltr">New words</div><br>'
             f'<div class="gmail_quote"><div dir="ltr" class="gmail_attr">{_ON}<br></div>'
             '<blockquote class="gmail_quote" style="border-left:1px #ccc solid"><div>Old words</div></blockquote></div>'
             '<br clear="all"><div><br></div>-- <br><div class="gmail_signature">My name<br>Shop 12</div>',
    "outlook on the web": '<div style="font-family:Calibri">New words</div><div id="Signature"><div>My name</div></div>'
             '<div id="appendonsend"></div><hr style="display:inline-block;width:98%" tabindex="-1">'
             f'<div id="divRplyFwdMsg" dir="ltr"><font face="Calibri">{_FIELDS}</font><div>&nbsp;</div></div>'
             '<div>Old words</div>',
    "outlook on the web, quoted again": '<div class="x_elementToProof">New words</div><div id="x_Signature">My name</div>'
             '<div id="x_appendonsend"></div><hr><div id="x_divRplyFwdMsg" dir="ltr">' + _FIELDS + '</div><div>Old words</div>',
    "outlook": '<div class="WordSection1"><p class="MsoNormal">New words</p><p class="MsoNormal">-- </p>'
             '<p class="MsoNormal">My name</p><div style="border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm">'
             f'<p class="MsoNormal">{_FIELDS}</p></div><p class="MsoNormal">Old words</p></div>',
    "outlook in a language of nobody": '<div class="WordSection1"><p>New words</p><p>--</p><p>My name</p>'
             '<div style="border:none;border-top:solid #B5C4DF 1.0pt;padding:3.0pt 0cm 0cm 0cm"><p><b>Xqo:</b> Shop<br>'
             '<b>Zzt:</b> 3. 3. 2026 10:00<br><b>Wqe:</b> Kari</p></div><p>Old words</p></div>',
    "outlook on a phone": '<div dir="auto">New words</div><div id="ms-outlook-mobile-signature"><div>My name</div>'
             '<div>Get <a href="https://aka.ms/x">Outlook for iOS</a></div></div>'
             f'<div id="mail-editor-reference-message-container"><hr><div id="divRplyFwdMsg">{_FIELDS}</div>'
             '<div>Old words</div></div>',
    "windows mail": '<div>New words</div><div>--</div><div>My name</div><div style="border-top-color: rgb(229, 229, 229); '
             f'border-top-width: 1px; border-top-style: solid;">{_FIELDS}</div><div>Old words</div>',
    "iphone": '<div dir="ltr">New words</div><div id="AppleMailSignature" dir="ltr">My name</div><div dir="ltr"><br>'
             f'<blockquote type="cite">{_ON}<br><br></blockquote></div><blockquote type="cite"><div>Old words</div>'
             '</blockquote>',
    "apple mail": f'<div>New words</div><div>-- </div><div>My name</div><div><br><blockquote type="cite"><div>{_ON}</div>'
             '<br class="Apple-interchange-newline"><div>Old words</div></blockquote></div>',
    "yahoo": '<div class="ydp1yahoo-style-wrap"><div dir="ltr">New words</div><div>--</div><div>My name</div></div>'
             '<div id="yahoo_quoted_42" class="yahoo_quoted"><div style="color:#26282a"><div>On Tuesday, March 3, 2026 at '
             '10:00:00 AM GMT+1, Shop &lt;post@shop.example&gt; wrote:</div><div><br></div><div>Old words</div></div></div>',
    "proton": '<div style="font-family: Arial">New words</div><div class="protonmail_signature_block"><div '
             'class="protonmail_signature_block-user">My name</div><div class="protonmail_signature_block-proton">Sent with '
             '<a href="https://proton.me/">Proton Mail</a> secure email.</div></div><div class="protonmail_quote">'
             'On Tuesday, March 3rd, 2026 at 10:00 AM, Shop &lt;post@shop.example&gt; wrote:<br><br>'
             '<blockquote class="protonmail_quote" type="cite">Old words</blockquote></div>',
    "thunderbird": f'<p>New words</p><div class="moz-signature">-- <br>My name</div><div class="moz-cite-prefix">{_ON}<br></div>'
             '<blockquote type="cite" cite="mid:1@shop.example"><p>Old words</p></blockquote>',
    "thunderbird, answer below": f'<div class="moz-cite-prefix">{_ON}<br></div><blockquote type="cite"><p>Old words</p>'
             '</blockquote><p>New words</p><pre class="moz-signature" cols="72">-- \nMy name</pre>',
    "zoho": '<div>New words</div><div id="Zm-_Id_-Sgn"><div>--</div>My name</div><div class="zmail_extra_hr"></div>'
             '<div class="zmail_extra"><div id="Zm-_Id_-Sgn1">---- On Tue, 03 Mar 2026 10:00:00 +0100 <b>post@shop.example'
             '</b> wrote ----</div><blockquote>Old words</blockquote></div>',
    "web.de": '<div>New words</div><div>--</div><div>My name</div><div name="quote" style="margin:10px 5px 5px 10px; '
             'padding: 10px 0 10px 10px; border-left:2px solid #C3D9E5;"><div style="margin:0 0 10px 0;"><b>Gesendet:</b>'
             '&nbsp;Dienstag, 3. März 2026 um 10:00 Uhr<br><b>Von:</b>&nbsp;Laden &lt;post@shop.example&gt;<br><b>An:</b>'
             '&nbsp;kari@home.example<br><b>Betreff:</b>&nbsp;Aw: Bestellung</div><div name="quoted-content">Old words</div></div>',
    "qq": '<div>New words</div><div>--</div><div>My name</div><div style="font-size:12px">------------------&nbsp;原始邮件&nbsp;'
             '------------------</div><div style="font-size:12px;background:#efefef;padding:8px;"><div><b>发件人:</b>&nbsp;"商店"'
             '&lt;post@shop.example&gt;;</div><div><b>发送时间:</b>&nbsp;2026年3月3日(星期二) 上午10:00</div><div><b>收件人:</b>&nbsp;'
             '"Kari"&lt;kari@home.example&gt;;</div><div><b>主题:</b>&nbsp;订单</div></div><div>Old words</div>',
    "yandex": '<div>New words</div><div>-- </div><div>My name</div><div>03.03.2026, 10:00, "Shop" '
             '&lt;post@shop.example&gt;:</div><blockquote><p>Old words</p></blockquote>',
    "roundcube": '<p>New words</p><div id="_rc_sig">-- <br>My name</div><p id="reply-intro">Am 2026-03-03 10:00, schrieb '
             'Laden:</p><blockquote type="cite" style="padding: 0 0.4em; border-left: #1010ff 2px solid; margin: 0">'
             '<div id="replybody1">Old words</div></blockquote>',
    "tutanota": '<div>New words</div><div class="tutanota_signature">--<br>My name</div><div>03.03.2026, 10:00 von '
             'post@shop.example:</div><blockquote class="tutanota_quote" style="border-left: 1px solid #93A3B8; '
             'padding-left: 10px">Old words</blockquote>',
}
