"""What short blocks look like, whatever stands around them: figures, credits, reporters, furniture, notes.

Patterns alone; `roles.py` says where each counts.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = [
    "ADDRESS", "ASKED", "ASKS", "BULLET", "BULLETS", "CONTRIBUTED", "CREDITED", "DATED", "DIGIT", "EDITORS_WORD",
    "EMAIL", "ENDS_SENTENCE", "EXTRACT_HEAD", "FIGURE", "FIGURES", "FOOTNOTE", "FURNITURE", "GALLERY", "INVITES",
    "NAMES_SOURCE", "NUMBERED", "PARENTHESISED", "PHOTO", "PHOTO_CREDIT", "PICTURED", "QUOTED", "REFERENCES",
    "REPORTERS", "SENTENCE", "SENTENCE_END", "SIGN_UP_WORDS", "SOURCED", "STARRED", "SUBMITTED", "TEAM",
    "TELLING_AT_EDGE", "TRANSLATED", "VIA",
]  # fmt: skip

DIGIT: Final = re.compile(r"[0-9]")
DATED: Final = re.compile(
    r"\d|[〇一二三四五六七八九十]月|前$|[今昨]天|[今昨]日|刚刚|剛剛|\bago$|just now|today|yesterday", re.IGNORECASE
)
SENTENCE_END: Final = re.compile(r"[。！？!?.…][”\"’」』）)]*$")
SENTENCE: Final = re.compile(r"[。！？]")
# The source of a reprint, before what people did for it.
SOURCED: Final = re.compile(
    r"[（(\[【]?(?:本文|文章|新闻|新聞|信息)?(?:来源|來源|稿源)\s*[:：]\s*[^\s，。！？:：]{1,30}\s+(?=\S)"
)
ADVERTISING: Final = (
    "广告|廣告|広告|광고|Advertisement|ADVERTISEMENT|Advertisment|Anzeige|ANZEIGE|Werbung|WERBUNG|Publicité|PUBLICITÉ|Publicidad|"
    "PUBLICIDAD|Publicidade|PUBLICIDADE|Pubblicità|PUBBLICITÀ|Advertentie|Реклама|РЕКЛАМА|Reklama|REKLAMA|Reklame|Reklam|"
    "REKLAM|Annons|ANNONS|Annonse|ANNONSE|Annonce|ANNONCE|Mainos|Διαφήμιση|ΔΙΑΦΗΜΙΣΗ|פרסומת|إعلان|اعلان|تبلیغات|اشتہار|"
    "विज्ञापन|বিজ্ঞাপন|விளம்பரம்|Iklan|IKLAN|Quảng cáo|โฆษณา|Hirdetés|HIRDETÉS|Publicitate|PUBLICITATE|Oglas|Реклам"
)
FURNITURE: Final = re.compile(
    rf"Array|[-\[(（【]?(?:{ADVERTISING})[:：]?[-\])）】]?"
    r"|[\W_]{1,12}|[-—–―_=*~·. ]{13,400}|YouTube"
    r"|[\d,.]+[kKmM]?\+? (?i:views?|comments?|shares?|likes?|reads?|min(?:ute)?s? read)"
    r"|[\d,.]+\s?(?:次(?:浏览|瀏覽|阅读)|人阅读|条评论|則留言)"
    r"|(?:阅读|浏览|瀏覽|点击|點閱|评论|評論|Views?|Comments?|Shares?)[量数數]?\s?[:：]?\s?[(（]?[\d,.]+[)）]?"
    r"|[（(\[【]?(?:完|全文完|未完待续|END|The End|the end)[）)\]】]?[。.]?|[-—–*]{1,3} ?(?:完|END) ?[-—–*]{1,3}"
)
NUMBERED: Final = re.compile(r"[（(]?(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3}|[IVX]{1,4})[)）、.．]?")
STARRED: Final = re.compile(r"\*\*[^*]{1,60}\*\*")
BULLETS: Final = "•●▪■◆◼‧∙"
BULLET: Final = re.compile(rf"[{BULLETS}]\s*\S")
FIGURES: Final = "图圖表"
ENDS_SENTENCE: Final = "。！？…”"
FIGURE: Final = re.compile(
    r"(?:图表?|圖表?|表)\s?[0-9一二三四五六七八九十]{1,3}[ \xa0:：、.．|].{0,60}|(?:图表?|圖表?|表)\s?[0-9]{1,2}"
)
PHOTO_CREDIT: Final = re.compile(
    r".{2,}[（(](?![^（）()]*报[道導导])[^（）()]{0,30}"
    r"(?:资料图|資料圖|资料照|資料照|截图|截圖|提供|摄|攝|图片|图源|圖源|Getty|REUTERS|"
    r"路透|法新社|美联社|美聯社|欧新社|中新社|新华社|中央社|RFA|AFP|AP|EPA|网络图)[^（）()]{0,20}[）)]"
    r"(?:\s?Photo: ?\w+)?",
    re.DOTALL,
)
NAMES_SOURCE: Final = re.compile(r"[:：=/／].{2,80}$")
PICTURE_WORDS: Final = "photo|image|picture|foto|bild|fotó|photographie|imagem|imagen|사진|写真"
CREDITED: Final = re.compile(
    rf".{{10,400}}(?:[(\[（]|\s)(?:{PICTURE_WORDS}|credit|source)s?(?: credits?| by| courtesy)?\s?[:：=/].{{2,80}}"
    rf"|[\[(（【]?(?:{PICTURE_WORDS}|illustration|graphic)s?\s?[=:：/／].{{2,80}}",
    re.IGNORECASE | re.DOTALL,
)
PHOTO: Final = re.compile(r"(?:Photo|Photograph|Image|Credit|Illustration)(?:\s?by\b|\s?[:：/]).{0,80}|REUTERS/.{2,40}")
REPORTERS: Final = re.compile(
    r"[^，。：:！？（）()0-9\n]{2,24}(?:/[^，。/\n]{2,20})*/?\s*[（(][^（）()]*"
    r"(?:报道|报导|報導|報道|摘编|摘編|编译|編譯|社|编辑|整理)[^（）()]*[）)]"
    r"|[（(][^（）()，。！？]{0,20}(?:记者|記者|撰稿人)[^（）()，。！？]{2,30}[）)]"
    r"|(?!(?:[\u4e00-\u9fff]{4,5}(?:/|\Z)){2})[\u4e00-\u9fff·•]{2,5}(?:/[\u4e00-\u9fff·•]{2,5})+(?:\s*[（(][^（）()]{2,30}[）)])?"
    r"|[^，。！？：:\n\u3041-\u30fa]{2,60}(?:对本文亦有贡献|對本文亦有貢獻|对本文有贡献|对此文有贡献|报道|報導|报导|報道)"
    r"|(?:Von|Par|Por|Di|Door|Av|Af|Oleh|Text|Words|Story|Texto|Texte)(?::| by)?(?: [A-ZÀ-Þ][\w.'’-]+){2,4}"
    r"(?: (?:und|et|y|e|og|och|en|dan|and|&)(?: [A-ZÀ-Þ][\w.'’-]+){2,4})?"
    r"(?:,? \([^()\n]{2,40}\)|, [^.。()\n]{2,40}| (?:à|en|in|aus|para|pour|für|avec|mit|con) [A-ZÀ-Þ][^.。\n]{1,40})?"
    r"|(?:Posted|Submitted|Erstellt|Geschrieben|Verfasst|Veröffentlicht|Publié|Publicado|Escrito|Pubblicato|Scritto|Skrevet|Skriven)"
    r" (?:by|von|par|por|da|af|av)(?: [\w.'’-]+){1,4}(?: (?:on|am|le|el|em|il) .{4,40})?"
    r"|(?:[A-Z][a-z]+ ){1,2}by:"
    r"|[Bb][Yy][:\s]\s?[A-Z][^。\n]{2,60}|Additional reporting by .{2,80}"
    r"|[^。\n]{2,60}(?<! who) contributed (?:to this|reporting).{0,20}"
)
EMAIL: Final = re.compile(r"(?<![\w.+-])[\w.+-]++@[\w-]+(?:\.[\w-]+)+", re.ASCII)
CONTRIBUTED: Final = re.compile(r"[^\n]{2,300}(?<! who) contributed (?:to this|reporting|from)[^\n]{0,40}")
ADDRESS: Final = re.compile(r"https?://\S+", re.IGNORECASE)
TEAM: Final = re.compile(r"[/／].*[（(]|[综綜]合报[道導导]")
TRANSLATED: Final = re.compile(r"^(?:翻译|翻譯|译者|譯者|編譯|编译)\s*[：:]", re.MULTILINE)
# What the patterns for the end of an article hold: translators, those who contributed, addresses.
TELLING_AT_EDGE: Final = ("译", "譯", "@", "contributed")
GALLERY: Final = re.compile(r"(?:相关|相關)?(?:图集|圖集|图辑|圖輯|图片故事)")
EXTRACT_HEAD: Final = re.compile(r"(?:导读|導讀|摘要|提要|核心提示|内容提要|文章摘要|Summary|Abstract)[:：]?")
EDITORS_WORD: Final = re.compile(r"[【（(\[]?(?:编者按|編者按|编按|編按|编者注|编辑注)")
QUOTED: Final = re.compile(r"[“「『\"].+[”」』\"]", re.DOTALL)
VIA: Final = re.compile(r"[(（\[]?(?:[Vv]ia|[Hh]/[Tt]|[Hh]at tip)\b[^.。]{2,60}[)）\]]?")
# A picture's copyright has no year, and no rights reserved.
PICTURED: Final = re.compile(r"(?:©|\([cC]\))\s?(?!.*(?i:rights|recht|droits|derechos|版权|版權))[^\d\n.。]{2,60}")
PARENTHESISED: Final = re.compile(r"（[^（）]{2,}）|\([^()]{2,}\)|【[^【】]{2,}】", re.DOTALL)
ASKS: Final = re.compile(r"[?？]$")
# Whoever is asked is addressed, or the one who asks is named.
ASKED: Final = re.compile(
    r"[您你]|^[^：:]{1,12}[：:]|\b(?:you|your|Sie|Ihr|Ihre|vous|votre|usted|tu|su|lei|u|uw|du|ni)\b|당신|вы|вас",
    re.IGNORECASE,
)
# Words by which publishers ask for subscribers and money, in the languages of more than one site.
INVITES: Final = re.compile(
    r"newsletter|subscri|abonn|inscri[tv]|inscreva|suscr|sign(?:ing)? up|donat|spende|apoi[ae]|souten|unterstütz"
    r"|support (?:us|our|the)|your (?:support|inbox)|become a member|funded|funding|help us|mailing list|tilmeld"
    r"|prenumer|подпис|рассыл|اشترك|订阅|訂閱|捐款|赞助|贊助|メルマガ|購読|구독|후원",
    re.IGNORECASE,
)
# Those of them that are about mail and subscriptions; whoever uses two of these in one breath invites.
SIGN_UP_WORDS: Final = re.compile(
    r"newsletter|subscri|abonn|inscri[tv]|inscreva|suscr|sign(?:ing)? up|inbox|mailing list|tilmeld|prenumer"
    r"|подпис|рассыл|اشترك|订阅|訂閱|订户|メルマガ|購読|구독|뉴스레터",
    re.IGNORECASE,
)
# A reference, or a footnote, by its number in brackets.
FOOTNOTE: Final = re.compile(r"\[\^?\d{1,3}\][:：]?\s*\S")
REFERENCES: Final = re.compile(
    r"(?:references|bibliography|footnotes|end ?notes|acknowledge?ments|works cited|literaturverzeichnis|literatur"
    r"|quellen|notes et références|références|referencias|bibliografía"
    r"|参考(?:文献|资料|情報)?|參考(?:文獻|資料)|注释|註釋)[:：]?",
    re.IGNORECASE,
)
SUBMITTED: Final = re.compile(r"提交|发表于|發表於|发布于|發布於|更新于|Published|Updated|Posted")
