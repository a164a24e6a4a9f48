"""Which article a source is: one canonical URL for all spellings of an address."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from typing import Final
from urllib.parse import quote, unquote, urljoin, urlsplit

__all__ = ["absolute", "article_id", "canonical_url", "host_of", "resolve", "row_id", "unarchived"]

# Parameters that say how a reader came to an address, by whoever adds them, as the lists of ClearURLs, AdGuard and ural
# have them for all sites; names that say what is read are not here. Of some all that begins so, with `_` or a dot:
TRACKING_FAMILIES: Final = (
    "utm pk piwik mtm matomo hsa trk vero oly wt et cm_mmc elq guce s_kwcid __hs _hs __twitter fb_action fb_source "
    "action_object action_type action_ref share itm otm ga hmb bsft dpg adjust _sgm _bta sfmc pd_rd pf_rd nr_email "
    "ml_subscriber"
)
TRACKING_NAMES: Final = (
    "_hsenc _hsmi utm fbclid wbraid gbraid gclid gclsrc dclid msclkid yclid ysclid twclid ttclid li_fat_id epik "
    "irclickid irgwc ir_campaignid ir_adid ir_partnerid zanpid wickedid srsltid igsh igshid mc_cid mc_eid mc_tc "
    "mkt_tok _openstat openstat hsctatracking guccounter _guc_consent_skip _branch_match_id _ga _gl spm spm_id_from "
    "scm ref_ ref_src ref_url ocid icid ncid cmpid taid ito smid smtyp s_campaign s_cid s_kwcid sc_channel "
    "sc_campaign sc_cid ef_id intcmp int_cmp xtor from_source vd_source wfr isappinstalled nsukey maca emci emdi "
    "fb_ref fb_comment_id fbadid fref mibextid sfnsn __tn__ hootpostid echobox tracking_source wtrid rb_clickid "
    "clickid rdt_cid sccid tblci dicbo _kx _ke ck_subscriber_id ml_subscriber sb_referer_host os_ehash ceneo_spo "
    "gs_l tduid sscid awc erid admitad_uid aiad_clid ebisadid vc_lpp oprtrack nx_source adfrom adgroupid campaignid "
    "_clde _cldee cx_click cx_campaign cx_recsorder cx_recswidget gdfms gdftrk mbid cndid bxid soc_src soc_trk usqp "
    "amp_js_v amp_gsa hpt cn-reloaded trk trkcampaign trkinfo linkcode ascsubtag tt_from share_token jsessionid "
    "phpsessid"
)
TRACKING: Final = re.compile(
    rf"(?:{'|'.join(TRACKING_FAMILIES.split())})[_.].+|{'|'.join(map(re.escape, TRACKING_NAMES.split()))}|"
    r"(?:at|ns)_[a-z_]+|__hs[a-z]+|gad_[a-z]+|__(?:cft|xts)__.*",
    re.IGNORECASE,
)
# These may also name what is read: only such a value is a mark of the way to it.
TRACKING_VALUES: Final = re.compile(
    r"CMP=.*|ref=[a-z_.-]*|rss=(?:1|true)?|from=(?:timeline|singlemessage|groupmessage|rss|share|weixin)|"
    r"feature=(?:share|youtu\.be|related|emb_[a-z_]+)|__s=[A-Za-z0-9]{6,}|source=[a-z_]*-{3,}.*|"
    r"share=(?:facebook|twitter|linkedin|pinterest|reddit|tumblr|telegram|(?:jetpack-)?whatsapp|pocket|email|print|"
    r"skype|mastodon|bluesky|threads)"
)
# Where an address has all of these, they name the article (those of WeChat), whatever else it has.
ENOUGH: Final = frozenset({"__biz", "mid", "idx", "sn"})
SESSION: Final = re.compile(r";jsessionid=[^/;]*", re.IGNORECASE)
# The same page for readers with slow machines.
AMP_PARAMETER: Final = re.compile(r"amp(?:=(?:1|true|yes)?)?|output(?:type)?=amp", re.IGNORECASE)
AMP_PATH: Final = re.compile(r"^/amp(?=/.)|(?<=.)/amp(?=/?\Z)|\.amp(?=\.html?\Z|\Z)", re.IGNORECASE)
AMP_CACHE: Final = re.compile(
    r"https://(?:[a-z0-9-]+\.cdn\.ampproject\.org/[cv]/|www\.google\.[a-z.]+/amp/)(s/)?(.+\..+/.*)"
)
# Archives whose addresses hold the archived one.
ARCHIVED: Final = re.compile(
    r"https?://(?:web\.archive\.org/(?:web/)?[0-9*]+[a-z_]*|archive\.(?:fo|is|li|md|ph|today|vn)/(?:[0-9.-]+|o/\w+)(?=/)"
    r")/?(?P<address>(?:https?(?::|%3A))?/{0,2}[^/].*)",
    re.IGNORECASE,
)
# What was searched for follows, and how.
CACHED: Final = re.compile(
    r"https?://webcache\.googleusercontent\.com/search\?q=cache:(?:[\w-]+(?::|%3A))?/*(?P<address>[^/+&][^+&]*)",
    re.IGNORECASE,
)
HTTP: Final = re.compile(r"(https?):/+", re.IGNORECASE)
DEFAULT_PORTS: Final = {"http": 80, "https": 443}
SAFE: Final = "!#$%&'()*+,/:;=?@[]~"
# Escapes that another form stands for: of what needs none, or in lower case.
ESCAPES: Final = re.compile(r"%(?=[0-9a-fA-F]{2})([2-7][0-9a-fA-F]|[a-f][0-9a-fA-F]|[0-9A-F][a-f])")
NO_ESCAPE: Final = re.compile(r"%(?![0-9a-fA-F]{2})")
UNRESERVED: Final = frozenset(map(ord, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"))
AMPERSAND: Final = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)
SLASHES: Final = re.compile(r"/{2,}")


def canonical_url(url: str | None) -> str | None:
    """`url` as https, with single slashes, without port, fragment and parameters of tracking, in the form that RFC 3986
    gives all its equals (escapes, dots, case), its host by UTS 46, its query sorted, and not as an AMP page or in a web
    archive; None where it is no web address.

    >>> canonical_url("http://News.Example:80//cn/%e4%b8%ad/?utm_source=x&id=7#top")
    'https://news.example/cn/%E4%B8%AD/?id=7'
    """
    if url is None:
        return None
    try:
        parts = urlsplit(_slashed(unarchived(AMPERSAND.sub("&", AMPERSAND.sub("&", url.strip())))))
        if parts.scheme.lower() not in DEFAULT_PORTS or not parts.hostname:
            return None
        port = parts.port
        host = _ascii_host(parts.hostname)
    except ValueError:
        return None
    if not host:
        return None
    # What is left is https, whose own port says nothing either.
    netloc = host if port in (None, DEFAULT_PORTS[parts.scheme.lower()], DEFAULT_PORTS["https"]) else f"{host}:{port}"
    path = SESSION.sub("", SLASHES.sub("/", _without_dots(_escape(parts.path or "/"))))
    path = AMP_PATH.sub("", path) or "/"
    asked = sorted((part for part in _escape(parts.query).split("&") if _names_content(part)), key=_name)
    enough = ENOUGH.issubset(map(_name, asked))
    query = "&".join(part for part in asked if not enough or _name(part) in ENOUGH)
    found = f"https://{netloc}{path}" + (f"?{query}" if query else "")
    cached = AMP_CACHE.fullmatch(found)
    return canonical_url(f"https://{cached[2]}") if cached else found


def _slashed(address: str) -> str:
    """An address with slashes where a browser takes a back slash for one, and so for the end of the host."""
    if "\\" not in address:
        return address
    place = len(re.split("[?#]", address, maxsplit=1)[0])
    return address[:place].replace("\\", "/") + address[place:]


def unarchived(address: str) -> str:
    """The address of a page for one of its copy in a web archive; any other as it is.

    >>> unarchived("https://web.archive.org/web/20220705003159/https://news.example/a")
    'https://news.example/a'
    """
    archived = ARCHIVED.match(address)
    cached = None if archived else CACHED.match(address)
    if archived:
        inner = unquote(archived["address"]) if "%3a" in archived["address"][:12].lower() else archived["address"]
    elif cached:
        inner = unquote(cached["address"])
    else:
        return address
    scheme = HTTP.match(inner)
    return f"{scheme[1]}://{inner[scheme.end() :]}" if scheme else f"http://{inner.lstrip('/')}"


def _name(part: str) -> str:
    return part.partition("=")[0]


def _names_content(part: str) -> bool:
    """Whether a part of a query says what is read."""
    if not part or TRACKING_VALUES.fullmatch(part) or AMP_PARAMETER.fullmatch(part):
        return False
    return not TRACKING.fullmatch(_name(part))


def _ascii_host(host: str) -> str:
    """Raises `ValueError` where the host is none."""
    if ":" in host:
        return f"[{host.lower()}]"
    host = host.lower().rstrip(".")
    if host.isascii():
        return host
    import idna

    return idna.encode(host, uts46=True).decode("ascii").rstrip(".")


def _without_dots(path: str) -> str:
    """A path with `.` and `..` carried out, as RFC 3986 (5.2.4) does."""
    if "/." not in path:
        return path
    kept: list[str] = []
    parts = path.split("/")
    for part in parts:
        if part == "..":
            del kept[max(1, len(kept) - 1) :]
        elif part != ".":
            kept.append(part)
    if parts[-1] in (".", ".."):
        kept.append("")
    return "/".join(kept) if len(kept) > 1 else "/"


def _escape(part: str) -> str:
    """A path or query with escapes for what needs them and nothing else, in upper case."""
    if not part.isascii() or " " in part or '"' in part:
        part = quote(part, safe=SAFE)
    if "%" not in part:
        return part
    return ESCAPES.sub(_escaped, NO_ESCAPE.sub("%25", part))


def _escaped(escape: re.Match[str]) -> str:
    number = int(escape[1], 16)
    return chr(number) if number in UNRESERVED else escape[0].upper()


def article_id(canonical: str | None, archive: str, source_path: str) -> str:
    """First 32 hex digits of SHA-256 of the canonical URL; of archive, line feed and path where there is none."""
    return _digest(canonical or f"{archive}\n{source_path}")


def row_id(archive: str, source_path: str, source_sha256: str | None, valid_from: datetime | None = None) -> str:
    """First 32 hex digits of SHA-256 of a source's archive and path, its hash, and the time from which it was there."""
    return _digest("\0".join((archive, source_path, source_sha256 or "", valid_from.isoformat() if valid_from else "")))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def host_of(canonical: str | None) -> str | None:
    """Host of a canonical URL, without port."""
    if canonical is None:
        return None
    host = canonical.removeprefix("https://").partition("/")[0].rpartition("@")[2]
    return host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]


def absolute(src: str, base: str | None) -> str:
    """The address of a medium; of one whose data stand in it, the part that says what they are."""
    return src if src.startswith("data:") else resolve(src, base)


def resolve(href: str, base: str | None) -> str:
    """`href` as an absolute address where `base` allows it, as found otherwise."""
    href = href.strip("\t\n\f\r ").replace("\t", "")
    if base is None or href.startswith(("https://", "http://")):
        return href
    try:
        return urljoin(base, href)
    except ValueError:
        return href
