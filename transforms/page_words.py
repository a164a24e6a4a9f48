"""Words and names by which pages in general call their parts: data for `page_features.py` and `page_facts.py`.

Owns lists alone, in several languages. No outlet stands here; what is known of one is in the registry.
"""

import re
from typing import Final

__all__ = ["ASIDE", "CLASSES", "DATE_WORDS", "DOCUMENT_DATE", "KEYS", "LABELS", "NOT_NAMES", "SELECTORS", "WALLS"]

# How short blocks start that stand over or in furniture.
LABELS: Final = (
    "related", "read more", "more from", "more on", "you may also", "you might also", "recommended", "most read",
    "most popular", "trending", "latest", "top stories", "more stories", "see also", "also read", "read next",
    "up next", "previous", "recent posts", "similar", "don't miss", "editors' picks", "editor's pick", "what to read",
    "keep reading", "continue reading", "featured", "from around the web", "相关", "相關", "延伸阅读", "延伸閱讀",
    "推荐", "推薦", "热门", "熱門", "最新", "更多", "上一篇", "下一篇", "猜你喜欢", "阅读更多", "閱讀更多",
    "lire aussi", "à lire", "articles liés", "plus d'articles", "les plus lus", "mehr zum thema", "mehr zu",
    "auch interessant", "lesen sie auch", "meistgelesen", "weitere artikel", "lee también", "lea también",
    "te puede interesar", "más noticias", "relacionad", "lo más leído", "leia também", "mais lidas", "leggi anche",
    "читайте также", "関連", "인기", "comments", "comment", "leave a", "reply", "post a comment",
    "join the conversation", "view comments", "add a comment", "responses", "discussion", "log in to", "评论", "評論",
    "留言", "发表评论", "网友", "跟帖", "回复", "kommentar", "kommentare", "commentaires", "laisser un",
    "comentarios", "deja un", "комментар", "share", "tweet", "facebook", "twitter", "email", "e-mail", "print",
    "copy link", "whatsapp", "follow", "pinterest", "linkedin", "reddit", "pin it", "分享", "转发", "轉發", "打印",
    "列印", "收藏", "扫一扫", "关注", "關注", "partager", "imprimer", "teilen", "drucken", "compartir", "imprimir",
    "condividi", "поделиться", "sign up", "subscribe", "newsletter", "enter your email", "log in", "login", "sign in",
    "register", "create an account", "already a", "your email", "thanks for", "thank you for", "we use cookies",
    "accept", "support our", "support independent", "donate", "become a", "by signing up", "by clicking",
    "by subscribing", "download", "get our", "start your", "订阅", "訂閱", "登录", "登入", "注册", "註冊", "下载",
    "下載", "s'abonner", "abonnez", "inscrivez", "abonnieren", "anmelden", "suscr", "regístr", "iniciar sesión",
    "подпи", "advertisement", "ads", "advertising", "sponsored", "promoted", "story continues", "article continues",
    "continue below", "scroll to continue", "loading", "广告", "廣告", "publicité", "anzeige", "werbung",
    "publicidad", "реклама", "posted", "published", "updated", "written by", "last updated", "last modified",
    "author", "about the author", "photo", "credit", "reporting by", "editing by", "min read", "作者", "记者", "記者",
    "来源", "來源", "编辑", "編輯", "责任编辑", "責任編輯", "责编", "发布", "發布", "时间", "時間", "摄影", "图片",
    "publié", "mis à jour", "veröffentlicht", "aktualisiert", "publicado", "actualizado", "автор", "copyright", "©",
    "(c)", "all rights reserved", "terms", "privacy", "contact", "about us", "faq", "this material may not", "版权",
    "版權", "隐私", "隱私", "免责", "联系我们", "关于我们", "未经", "icp", "tous droits", "mentions légales",
    "impressum", "datenschutz", "alle rechte", "todos los derechos", "aviso legal", "tags", "topics", "filed under",
    "categories", "category", "keywords", "posted in", "in this article", "home", "menu", "search", "skip to",
    "back to top", "close", "标签", "標籤", "分类", "分類", "关键词", "關鍵字", "首页", "首頁", "返回", "当前位置",
    "étiquettes", "schlagw", "etiquetas", "temas", "inicio", "startseite", "accueil",
)  # fmt: skip

# Parts of class, id and role attributes, split at hyphens, underscores and capitals.
CLASSES: Final = {
    "story":
        "article articlebody story body content entry post text main maincontent richtext prose paragraph para news "
        "copy editor zhengwen neirong wenzhang artikel cuerpo corps contenido inhalt markdown blog",
    "furniture":
        "nav navigation navbar menu sidebar footer foot header masthead topbar toolbar breadcrumb breadcrumbs crumb "
        "crumbs sitemap skip rail aside secondary widget colophon bottom site search pagination pager lang language "
        "daohang caidan yejiao",
    "related":
        "related recommend recommended recommendation recommendations more popular trending latest readmore next prev "
        "previous teaser teasers card cards promo suggested similar also mostread recirc xiangguan tuijian recent "
        "feed tile outbrain taboola",
    "comment":
        "comment comments commentlist disqus reply replies respond discussion livefyre pinglun kommentar kommentare "
        "opinie opinia komentarz komentarze komentar komentari komentare yorum yorumlar commenti commento comentario "
        "comentários kommentarii otzyvy hozzaszolas hozzaszolasok reacties reactie sxolia binhluan kommentit "
        "commentaires comentarios",
    "share":
        "share sharing social socials facebook twitter whatsapp follow weibo weixin wechat fenxiang linkedin "
        "pinterest",
    "advert":
        "ad ads adv advert advertisement advertising sponsor sponsored banner dfp gpt guanggao anzeige publicite",
    "signup":
        "newsletter subscribe subscription signup login signin register paywall modal popup cookie cookies consent "
        "gdpr overlay dialog donate donation membership cta form dingyue denglu",
    "credit":
        "byline author authors meta metadata date time timestamp published posted updated info source dateline writer "
        "bio profile avatar zuozhe laiyuan",
    "caption":
        "caption figcaption credit credits image photo picture gallery media figure img wp video player slideshow",
    "tags": "tag tags topic topics category categories keyword keywords label labels section biaoqian",
    "hidden": "hidden hide visuallyhidden invisible offscreen sr reader none collapse print noprint",
    "summary":
        "standfirst dek deck subtitle subhead subheadline summary excerpt intro lede lead abstract description "
        "zhaiyao",
    "title": "title headline heading h1 hed biaoti",
    "lists": "list listing grid carousel slider items item row col results archive index tabs tab accordion",
    "table": "table toc infobox specs spec details faq reference references footnote footnotes note notes",
    "forum": "thread message messages topic post posts reply question answer answers forum bbp",
    "product": "product price cart buy shop sku rating ratings review reviews qty stock add shipping",
}  # fmt: skip

# Meta elements with a date of the document, whoever names it: with some pages the day of publication, with others that
# of the last change.
DOCUMENT_DATE: Final = re.compile(r"(?:[a-z]+[.:])?date|created|timestamp")
# Names of meta elements, the surest first.
KEYS: Final = {
    "titles": (
        "og:title", "twitter:title", "dc.title", "dcterms.title", "parsely-title", "sailthru.title", "title",
    ),
    "published": (
        "article:published_time", "article:published", "og:published_time", "parsely-pub-date", "sailthru.date",
        "datepublished", "dc.date.issued", "dcterms.issued", "dcterms.created", "dc.date.created",
        "citation_publication_date", "citation_date", "citation_online_date", "pubdate",
        "publishdate", "publish-date", "publish_date", "published_time", "article.published", "article_date_original",
        "originalpublicationdate", "og:article:published_time", "publication_date",
        "cxenseparse:recs:publishtime", "datecreated", "release_date", "weibo:article:create_at", "firstpublishedtime",
        "apub:time",
    ),
    "modified": (
        "article:modified_time", "og:updated_time", "datemodified", "dcterms.modified", "dc.date.modified",
        "last-modified", "lastmod", "dateupdate", "article.updated", "modified_time", "revised", "updated",
        "weibo:article:update_at",
    ),
    "authors": (
        "author", "article:author_name", "parsely-author", "sailthru.author", "dc.creator", "dcterms.creator",
        "dc.author", "citation_author", "article:author", "og:article:author", "cxenseparse:author", "byl", "byline",
        "authors", "article.author", "creator", "mediator_author",
    ),
    "descriptions": (
        "og:description", "description", "twitter:description", "dc.description", "dcterms.description",
        "sailthru.description",
    ),
    "tags": (
        "article:tag", "og:article:tag", "parsely-tags", "sailthru.tags", "news_keywords", "keywords", "dc.subject",
    ),
    "sections": (
        "article:section", "og:article:section", "parsely-section", "dc.type.section", "section", "category",
    ),
    "sites": (
        "og:site_name", "application-name", "dc.publisher", "apple-mobile-web-app-title", "twitter:app:name:iphone",
    ),
}  # fmt: skip

# Where pages print who wrote and when, as selectors, the surest first.
SELECTORS: Final = {
    "bylines": (
        "[rel~=author]", "[itemprop=author] [itemprop=name]", "[itemprop=author]", "[class*=byline i] a",
        ".author-name", ".author_name", ".authorname", ".post-author a", ".entry-author", "[class*=byline-name i]",
        "a[href*='/author/']", "a[href*='/authors/']", "[class*=author i]:not([class*=authoriz i]) a",
        "[class*=byline i]", ".author", ".post-author", "[class*=author__name i]", "[class*=author-name i]",
        "[class*=authorname i]", "#author",
        "#js_name", ".zuozhe", "[class*=author i]:not([class*=authoriz i])",
    ),
    "times": (
        "[itemprop=datePublished], [itemprop=dateCreated]", "time[pubdate]", "time.published",
        "time[class*=publish i]", "time.entry-date", "article time[datetime]", "main time[datetime]",
        "time[datetime]", "[class*=publish i][datetime]", "[property$=datePublished], [property$=dateCreated]",
        ".published[title]",
    ),
    "printed_times": (
        "[class*=publish-date i]", "[class*=published i]", "[class*=pubdate i]", "[class*=post-date i]",
        "[class*=entry-date i]", "[class*=postdate i]", "[class*=article-date i]", "[class*=dateline i]",
        "[class*=post-meta i]", "[class*=entry-meta i]", "[class*=timestamp i]", ".date", "#publish_time",
        "[class*=date i]", "[class*=byline i]", "[class*=meta i]", "[class*=info i]",
    ),
}  # fmt: skip

# Parts of names of elements that hold what is beside a page's own story.
ASIDE: Final = (
    r"comment\w*", r"kommentar\w*", r"komentar\w*", "yorum(?:lar)?", "opinie",
    "respond", "repl(?:y|ies)", "disqus", "related", r"recommend\w*", "similar",
    "sidebar", "teasers?", "navi", "navtop", "navbar", "navigation", "menus?", "breadcrumbs?", "calendar", "popular",
    "trending", "latest", "recent", "most-?read", "prev(?:ious)?", "cookie", "newsletter", "wm-ipp", "toolbar",
    "clock", "uhr", "user-?(?:stats|info)", "post-?profile", "signature", "events?",
)  # fmt: skip

# What stands before printed dates: of a change, of a publication, and of neither.
DATE_WORDS: Final = {
    "updated": (
        "updat", "modif", "revi", "geändert", "änderung", "aktualisi", "bearbeitet", "mis à jour", "mise à jour",
        "actualizado", "atualizado", "aggiornat", "bijgewerkt", "обновлен", "оновлен", "edited", "changed", "更新",
        "修改", "aktualiz", "ενημέρωσ", "τροποποί", "güncelle", "diperbarui", "cập nhật", "تحديث", "frissít", "módosít",
    ),
    "published": (
        r"publi\w*\W", "posted", "released", "written", "created", "veröffentlicht", "publiziert", "erschienen",
        "erstellt", "geschrieben", "gepostet", "online seit", "stand", "publié", "pubblicat",
        "publicad", "publicer", "gepubl", "опубликован", r"\b(?:date|datum|fecha|data)\W{1,3}$", "发布", "發布",
        "发表", "發表", "(?<![京地部])[时時][间間]", "日期", "등록", "입력", "δημοσ[ιί]ε[υύ]", "ημερομηνία", "opublik",
        "dodan[oey]", "публикаци", "оприлюднен", "yayı[nm]lan", "diterbitkan", "dipublikasikan", "ngày đăng", "نشر",
    ),
    "weakly": (r"\b(?:vom|am|le|on|el|den|il|em)\W{1,3}(?:[^\W\d_]{2,12}\.?,?\s)?$",),
    "neither": (
        "joined", "registri?er", "anmeldedatum", "mitglied seit", "dabei seit", "member since", "beigetreten", "born",
        "geboren", "上一篇", "下一篇", "©", "copyright", "gültig", "expires", "deadline",
        r"\b(?:bis|until|till|ab|from|to|before|by|since|seit)\W{0,3}$",
    ),
}  # fmt: skip

# What stands in bylines and is no name.
NOT_NAMES: Final = {
    "jobs": (
        "editor", "editor-in-chief", "reporter", "correspondent", "writer", "journalist", "contributor", "columnist",
        "staff", "producer", "photographer", "bureau chief", "founder", "ceo", "director", "manager", "analyst",
        "critic", "intern", "fellow", "redakteur", "journaliste", "periodista",
    ),
    "credentials": (
        "phd", "md", "ma", "ms", "ba", "rd", "rn", "jd", "dds", "mba", "cpa", "cfp", "esq", "jr", "sr", "fand", "ii",
        "iii", "np", "do", "dmd", "facp", "rdn", "ld", "ldn", "cdn", "cscs", "smt",
    ),
    "nobody": (
        "admin", "administrator", "unknown", "none", "null", "n/a", "anonymous", "author", "authors", "editor",
        "view", "post", "posts", "undefined", "false", "true", "user", "webmaster", "root", "share", "follow",
        "print", "bio", "(?:see |view )?(?:all|more) (?:articles|posts|stories)",
        "(?:view (?:author|all|profile|full)|see all|more (?:about|from|by)|all (?:posts|articles) by)\\b.*",
        "order", "join(?: us)?(?: now)?", "sponsored", "submitted", "contact", "(?:first|last) name", "user admin",
        "launched .*", "firmado", "автор(?:ы)?", "登录", "点击登录", "实习记者", "见习编辑", "read more",
        "about(?: the author)?", "comment", "comments", "more", "home", "name", "redaktion", "posted on",
        "匿名", "佚名", "未知", "an[oó]nimo", "anonyme?", "publié(?: par)?", "publicado(?: por)?", "facebook\\.com",
        "twitter\\.com",
        "(?:(?:twitter|facebook|instagram|linkedin|youtube|whatsapp|telegram|pinterest|tiktok)[\\s,|/]*)+",
    ),
    "elsewhere": (
        "comments?", "min(?:ute)?s? read", "views", "subscribe", "newsletter", "cookies?", "follow us", "reply",
        "skip to", "kommentare?", "commentaires?", "antworten", "anmelden",
    ),
}  # fmt: skip

# How titles of pages start that a server gives in place of a story, and what such pages print. The last of the titles
# are numbers of errors.
WALLS: Final = {
    "titles": (
        "just a moment", "attention required", "access (?:denied|to this page|restricted)",
        "(?:please )?verify(?:ing)? you", "are you (?:a )?(?:human|robot)",
        "(?:robot|human|bot) (?:check|verification)", "security (?:check|verification)", "checking your browser",
        "one more step", "pardon our interruption", "before you continue", "we value your privacy",
        "(?:the |this |sorry, (?:the |this |that )?)?(?:page|article|content) (?:was )?(?:not|cannot be|"
        "can.t be|could not be) found",
        "(?:the |this )?page (?:is )?(?:unavailable|(?:has )?moved|no longer|does ?n.t|you)", "not found",
        "(?:document|object) moved", "redirecting", "internal server error", "bad gateway", "gateway time-?out",
        "forbidden", "service (?:temporarily )?unavailable", "too many requests", "database error",
        "request (?:rejected|blocked)", "account suspended", "seite nicht gefunden", "zugriff verweigert",
        "bevor sie (?:fortfahren|zu )", "page (?:introuvable|non trouvée)", "accès (?:refusé|interdit)",
        "avant d(?:e continuer|.accéder)", "página no encontrada", "acceso denegado", "antes de continuar",
        "página não encontrada", "pagina non trovata", "accesso negato", "pagina niet gevonden",
        "nie znaleziono strony", "strona nie (?:istnieje|została)", "страница не найдена",
        "доступ (?:запрещ|огранич)", "сторінк[уа] не знайдено", "sayfa bulunamadı", "sidan (?:kunde|finns) inte",
        "siden (?:ble |blev )?ikke fun", "siden finnes ikke", "sivua ei löy", "halaman tidak ditemukan",
        "không tìm thấy trang", "الصفحة غير موجودة", "페이지를 찾을 수 없", "ページが(?:見つかりません|存在しません)",
        "お探しのページ", "(?:您访问的)?(?:页面|网页|文章)(?:不存在|未找到|找不到|已删除)",
        "(?:找不到|未找到)(?:该|您)?.{0,6}(?:页面|頁面|网页|網頁|文章)", "頁面不存在", "(?:安全|人机)验证",
        "访问(?:被拒绝|受限|验证)",
        r"(?:http )?(?:error|fehler|erreur|ошибка|错误)?\W{0,3}(?:4(?:0\d|10|29|51)|5(?:0\d|2\d|"
        r"30))(?:\s*$|\s*[-–—:|(!.]|\s+(?:error|not|forbidden|unauthori|internal|bad|service|page|gateway|gone|too|seite|página|страниц))",
    ),
    "texts": (
        "enable (?:js|javascript|cookies)", "javascript (?:is )?(?:required|disabled)", "turn (?:on )?javascript",
        "verify (?:that )?you are (?:not )?(?:a )?(?:human|robot)", "unusual (?:traffic|activity)",
        r"^\W*(?:loading|please wait)\W*$", "javascript aktivieren", "activer javascript", "habilit[ae] javascript",
        "включите javascript", "启用 ?javascript",
    ),
}  # fmt: skip
