"""Words by which bylines say what people did, for whom, and as what: data for `people.py`, in several languages.

Owns lists, and who is named by words of permission. A word that stands for two roles is in both; longer words are tried
first.
"""

import re
from typing import Final

__all__ = [
    "AGENCIES", "DONE_BY", "ENDINGS", "JOBS", "KEYS", "NOBODY", "REPORTERS", "SHORT", "WORDS", "without_permission",
]  # fmt: skip

# What somebody did, as it stands before the name with a sign or a space between, or behind it.
WORDS: Final = {
    "text":
        "作者 撰文 撰稿 撰稿人 撰写 撰寫 特约撰稿人 特约撰稿 特約撰稿人 特約撰稿 采写 採寫 编译 編譯 文字 "
        "文字整理 图文 圖文 文图 文圖 采访撰文 原作者 原文作者 著 编写 編寫 "
        "采访报道 採訪報導 报道 報道 報導 报导 글 執筆 執筆者 本文作者 口述整理 供稿 글쓴이",
    "photo":
        "摄影 攝影 摄影师 攝影師 图片 圖片 照片 摄影报道 攝影報導 图文 圖文 文图 文圖 配图 配圖 题图 題圖 写真 撮影 "
        "사진 摄图 摄影记者 攝影記者 供图",
    "video": "视频 視頻 影片 剪辑 剪輯 拍摄 拍攝 摄像 攝像 后期 영상 视频剪辑",
    "graphics":
        "制图 製圖 插画 插畫 插图 插圖 绘图 繪圖 漫画 漫畫 设计 設計 美编 美編 美术 美術 排版 視覺 视觉 制作图表 "
        "插画师 插畫師 图表 圖表",
    "translation":
        "翻译 翻譯 译者 譯者 译文 譯文 校译 校譯 编译者 翻譯者 翻訳 번역 翻译者 译 譯",
    "edit":
        "编辑 編輯 本文编辑 本文編輯 责编 責編 责任编辑 責任編輯 网编 網編 主编 主編 审校 審校 校对 校對 校订 校訂 "
        "核稿 审核 審核 编审 編審 发稿 發稿 审稿 審稿 执行编辑 執行編輯 "
        "值班编辑 微信编辑 新媒体编辑 文字编辑 文字編輯 编校 編校 统筹 統籌 责校 責校 摘编 編集 편집 审阅 监审 "
        "终审 實習編輯 实习编辑 整理 整理者 校对者 校對者",
    "interview": "采访 採訪 采访者 採訪者 访谈 訪談 訪問 采访人 口述 自述 受访者 受訪者 访谈人 提问 取材",
    "production": "策划 策劃 制作 製作 监制 監製 出品 制片 製片 导演 導演 运营 營運 出品人 制作人",
    "contribution":
        "補充 協力 协作 对本文亦有贡献 对本文有贡献 "
        "對本文亦有貢獻 對本文有貢獻 研究 资料整理",
}  # fmt: skip
# Of these, what stands behind an outlet or a place, and glued to a name: nothing need part them.
REPORTERS: Final = (
    "特约记者 特約記者 特派记者 特派記者 实习记者 實習記者 见习记者 見習記者 采访记者 採訪記者 本刊记者 本报记者 "
    "本報記者 专栏作者 專欄作者 专栏作家 專欄作家 记者 記者 通讯员 通訊員 "
    "实习生 實習生 评论员 評論員 特派员 特派員"
)  # fmt: skip
# Of one character: only where a sign follows, or another such word.
SHORT: Final = {"text": "文", "photo": "图 圖 摄 攝", "translation": "译 譯", "edit": "编 編 校 审", "interview": "采"}
# The same with "by" behind them, and as nouns with a colon, in languages with Latin letters.
DONE_BY: Final = {
    "text": (
        r"(?:(?:story|text|words?|article|post|posted|published|written|reported|reporting|report|review|created|"
        r"authored|compiled|analysis|opinion|commentary|column)\s+)?(?:and\s+\w+\s+)?by|authors?:|reporters?:|writers?:|"
        r"von|par|por|di|door|av|af|autore?s?\s*:|auteure?s?\s*:|texte?\s*(?:von|par|:)|texto\s*(?:de|por|:)|oleh|"
        r"(?:penulis|pewarta|wartawan|kontributor|tác giả|yazan|автор|текст|كتب|كتبت|نویسنده|خبرنگار|लेखक)\s*:|بقلم"
    ),
    "photo": (
        r"(?:photo(?:graph)?(?:s|y|ed)?|pictures?|images?)(?:\s+and\s+videos?)?\s+(?:by|courtesy of)|"
        r"photo(?:graph(?:er|ers|y|s))?s?:|fotos?(?:\s+(?:von|de|por|di)\b|:)|photos?\s+(?:par|de)\b|"
        r"(?:fotografer|ảnh|фото|تصوير|عکس)\s*:"
    ),
    "video": r"(?:video|film(?:ed)?|videography)s?\s+by|videos?:|videographers?:",
    "graphics": (
        r"(?:illustrat(?:ions?|ed)|graphics?|design(?:ed)?|charts?|maps?|art)\s+by|illustrat(?:ions?|ors?):|graphics:"
    ),
    "translation": (
        r"(?:(?:additional\s+)?translat(?:ed|ion|ions|ing))(?:\s+(?:from|into)\s+(?:the\s+)?\w+)?\s+by|translators?:|"
        r"traduit\s+par|traducido\s+por|übersetzt\s+von|übersetzung:|traduction\s*:"
    ),
    "edit": (
        r"(?:copy[- ]?)?(?:edited|editing|(?:medically )?reviewed|fact[- ]checked|approved|proofread|moderated)\s+by|"
        r"(?:copy\s+|managing\s+|senior\s+)?editors?:|proofreaders?:|redaktion:|"
        r"(?:penyunting|redaktur|biên tập|редактор|تحرير|ویراستار)\s*:"
    ),
    "interview": r"(?:interview(?:ed)?|as told to|conversation)\s+by|interviewers?:|interview:",
    "production": r"(?:produced|production)\s+by|producers?:",
    "contribution": (
        r"(?:additional\s+(?:reporting|research|work|writing)|contributions?|contributed|research(?:ed)?|with\s+reporting)"
        r"\s+(?:by|from)|contributors?:|with\s+files\s+from"
    ),
}  # fmt: skip
# Keys of front matter and JSON-LD under which people stand that are no authors.
KEYS: Final = {
    "translator": "translation", "translators": "translation", "translated_by": "translation", "译者": "translation",
    "editor": "edit", "editors": "edit", "edited_by": "edit", "photographer": "photo", "photographers": "photo",
    "photos_by": "photo", "illustrator": "graphics", "illustrators": "graphics", "producer": "production",
    "contributor": "contribution", "contributors": "contribution", "interviewer": "interview",
}  # fmt: skip
# Who distributes reports, beside those whose names end as below.
AGENCIES: Final = (
    *"reuters ap afp upi dpa ansa efe tass bbc cnn npr pbs nbc abc cbs msnbc xinhua kyodo bloomberg yonhap".split(),
    *"тасс интерфакс".split(),
    "agence france-presse", "associated press", "the associated press", "voice of america", "radio free asia",
    "deutsche welle",
    *"新华社 新華社 中新社 中央社 路透 路透社 法新社 美联社 美聯社 德新社 共同社 韩联社 韓聯社 彭博 彭博社 "
    "俄新社 塔斯社 埃菲社 合众社 综合报道 綜合報導 综合报导 综合外电 綜合外電 外电 外電 综合 綜合 本报讯 本報訊 "
    "本台 本报 本報 本刊 本网 德国之声 美国之音 "
    "自由亚洲电台 法广 中广网 澎湃新闻 界面新闻".split(),
)  # fmt: skip
ENDINGS: Final = (
    r".*(?:\b(?:news|times|post|press|agency|daily|herald|journal|tribune|magazine|network|television|tv|radio|insider|"
    r"gazette|chronicle|observer|broadcasting|newspapers?|media(?:\s+group)?|wire|weekly|service)"
    r"|通讯社|通訊社|日报|日報|晚报|晚報|周刊|週刊|周报|週報|早报|早報|时报|時報|电台|電台|电视台|電視台"
    r"|新闻网|新聞網|新闻社|新聞社|新京报|周末|網站|网站|综合|綜合"
    r"|[\u4e00-\u9fff]{2}[报報社网網])$"
)  # fmt: skip
# What somebody is, as a part of its own or behind a name.
JOBS: Final = tuple(
    "editor|editor-in-chief|editor in chief|editor-at-large|reporter|correspondent|writer|journalist|contributor|"
    "columnist|staff|producer|photographer|bureau chief|founder|ceo|director|manager|analyst|critic|intern|fellow|"
    "expert|professor|reviewer|consultant|specialist|president|officer|engineer|developer|scientist|researcher|chairman|"
    "economist|historian|lecturer|attorney|adviser|advisor|coordinator|designer|maintainer|curator|strategist|redakteur|redakteurin|journaliste|periodista|korrespondent|korrespondentin|reporterin|correspondant|"
    "correspondante|envoyé spécial|envoyée spéciale|corresponsal|corrispondente|inviato|inviata|기자|"
    "칼럼니스트|특파원|教授|研究员|研究員|律师|律師|博士|社长|社長|主任|院长|院長|先生|女士|老师|老師".split("|")
)
# What a scraper or a system writes where it knows nobody, and what stands among names and is none.
NOBODY: Final = frozenset(
    "unknown|admin|administrator|editor|none|null|n/a|anonymous|匿名|佚名|未知|网络|無|无|"
    "name|redaktion|die redaktion|"
    "more|others|other|et al|et al.|等|等人|staff|author|authors|by|email|follow|share|undefined|作者|编辑|編輯|"
    "记者|記者|來源|来源|来源于|來源於|综合|綜合|原创|"
    "redacción|redaccion|redação|redazione|la redazione|rédaction|la rédaction|redakcja|redactie|редакция|"
    "anónimo|anonyme|"
    "twitter|facebook|instagram|linkedin|youtube|whatsapp|telegram|pinterest|tiktok|"
    "print|about|bio|the author|all articles|all posts|more articles|ข่าว|"
    "end|webmaster|root|user|post|guest|完|网络转载|转载|网络整理|举报|舉報|"
    "媒体|媒體|专题|專題|独家|獨家|系列|连续|連續|新闻|新聞|相关|相關|最新".split("|")
)
# Who permits a reprint, or is said to have written it, in a line that says no more: `本文已获作者林帆授权转载`.
PERMITTED: Final = re.compile(
    r"(?:本文|此文|文章)?(?:(?:已|由|经|經|获|獲|取?得|[征徵]得|承蒙|感[谢謝]|[转轉][载載]自){1,3}(?:原?作者)?|原?作者)\s*[:：]?\s*"
    r"(?P<name>[\u4e00-\u9fff·]{2,5}?)?\s*[,，]?\s*(?:本人|老师|老師|先生|女士)?(?:书面|書面)?(?:授[权權]|许可|許可|同意)"
    r"(?:本[刊站网網台号號])?(?:独家|獨家)?(?:[转轉][载載]|[发發][布佈表]|刊[载載登发發]|使用|推送|首[发發])?[。.]?"
    r"|(?:本文|此文)?(?:原[创創](?:作者)?(?:[为為是]|\s*[:：|｜]\s*)|作者[为為是])(?P<maker>[\u4e00-\u9fff·]{2,5})[。.]?"
)
PERMITTED_BY: Final = re.compile(
    r"(?:(?:re-?(?:printed|published|posted|produced)|used|published)\s(?:here\s)?)?"
    r"(?:with|by)\s(?:the\s)?(?:kind\s)?permission(?:\s(?:of|from)\s(?P<name>[^.\n]{2,60}?))?\.?"
    r"|(?:courtesy\sof|(?:©|\(c\)|copyright)\s?(?:\d{4})?)\s(?P<maker>[^.\n]{2,60})",
    re.IGNORECASE,
)


def without_permission(text: str) -> str:
    """The name alone of a line that says who permits a reprint or wrote it, nothing where it names nobody; else the
    text as it is.

    >>> without_permission("本文已获作者 林帆 授权转载"), without_permission("经作者授权"), without_permission("林帆")
    ('林帆', '', '林帆')
    """
    if found := PERMITTED.fullmatch(text) or PERMITTED_BY.fullmatch(text):
        return found["name"] or found["maker"] or ""
    return text
