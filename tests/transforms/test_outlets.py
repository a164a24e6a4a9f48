"""Outlets are found by host; the registry refuses entries that can't be used, by name and key."""

from __future__ import annotations

import hashlib
from datetime import date
from zoneinfo import ZoneInfo

import pytest

from benchmarks.scoring import without
from pressmark.storage.versions import load_outlets
from pressmark.transforms.outlets import NO_RULES, Outlet, Outlets, RegistryError

ENTRY = """
[[outlet]]
slug = "songling"
name_zh = "松岭时报"
name_en = "Songling Times"
hosts = ["songling-times.example", "songling.co.uk"]
zone = "Asia/Shanghai"
languages = ["zh-Hans"]
"""
OTHER = """
[[outlet]]
slug = "harbour-2"
name_zh = "港口"
name_en = "Harbour"
hosts = ["cn.songling-times.example"]
zone = "Europe/Paris"
languages = ["zh-Hant", "fr"]
"""
REGISTRY = Outlets.from_toml(ENTRY + OTHER)


def layout(*lines: str, since: str | None = None, until: str | None = None) -> str:
    """A layout of the entry above it, written as an outlet's."""
    ends = [f"{key} = {day}" for key, day in (("since", since), ("until", until)) if day]
    return "\n".join(["", "[[outlet.layout]]", *ends, *lines, ""])


# Each layout has one caption of its own, which tells which one was found.
OLD = layout('starts.caption = ["旧图："]', since="2012-01-01", until="2015-06-01")
MIDDLE = layout('starts.caption = ["图说："]', since="2015-06-01", until="2018-01-01")
NEW = layout('starts.caption = ["新图："]', since="2019-01-01")


def test_an_entry_says_what_is_known_of_an_outlet() -> None:
    assert REGISTRY.find("songling-times.example") == Outlet(
        slug="songling",
        hosts=("songling-times.example", "songling.co.uk"),
        zone=ZoneInfo("Asia/Shanghai"),
        name_zh="松岭时报",
        name_en="Songling Times",
        languages=("zh-Hans",),
    )


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("songling-times.example", "songling"), ("www.songling-times.example", "songling"),
        ("a.b.songling-times.example", "songling"), ("m.songling.co.uk", "songling"),
        ("cn.songling-times.example", "harbour-2"), ("m.cn.songling-times.example", "harbour-2"),
        ("notsongling-times.example", "notsongling-times-example"), ("songling-times.example.org", "example-org"),
    ],
    ids=["host", "subdomain", "subdomain of one", "second host", "the longest match", "below the longest match",
         "another name with the same end", "another name with the same start"],
)  # fmt: skip
def test_a_host_belongs_to_the_outlet_that_it_is_a_subdomain_of(host: str, slug: str) -> None:
    assert REGISTRY.find(host).slug == slug


def test_a_host_of_an_outlet_may_have_a_time_zone_of_its_own() -> None:
    zones = 'zones = { "fr.songling-times.example" = "Europe/Paris" }'
    known = Outlets.from_toml(f"{ENTRY}{zones}\n")
    hosts = ("songling-times.example", "fr.songling-times.example", "m.fr.songling-times.example")
    found = {host: known.find(host) for host in hosts}
    assert [str(outlet.zone) for outlet in found.values()] == ["Asia/Shanghai", "Europe/Paris", "Europe/Paris"]
    assert {outlet.slug for outlet in found.values()} == {"songling"}


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("news.example", "news-example"), ("www.cn.news.co.uk", "news-co-uk"), ("a.b.news.com.cn", "news-com-cn"),
        ("my_paper.example", "my-paper-example"), ("xn--bcher-kva.example", "xn-bcher-kva-example"),
        ("www.songling.xn--ciqpn.hk", "songling-xn-ciqpn-hk"),
        ("localhost", "localhost"), ("192.0.2.7", "192-0-2-7"), ("-", "unknown"), (None, "unknown"),
    ],
    ids=["domain", "public suffix of two", "another of two", "underscore", "punycode", "encoded suffix", "one label",
         "IPv4", "no slug in it", "no host"],
)  # fmt: skip
def test_a_host_that_no_entry_knows_gets_a_slug_from_its_registrable_domain_and_utc(
    host: str | None, slug: str
) -> None:
    outlet = REGISTRY.find(host)
    assert (outlet.slug, outlet.zone) == (slug, ZoneInfo("UTC"))


LONG = "a" * 300


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("a" * 56 + ".example", "a" * 56 + "-example"),
        ("a" * 57 + ".example", "a" * 55 + "-" + hashlib.sha256(("a" * 57 + "-example").encode()).hexdigest()[:8]),
        (LONG, "a" * 55 + "-" + hashlib.sha256(LONG.encode()).hexdigest()[:8]),
        ("con", "host-con"),
        ("lpt1", "host-lpt1"),
        ("null", "host-null"),
        ("[::1]", "host-1"),
        ("[2022::1:2]", "host-2022-1-2"),
        ("2022", "host-2022"),
        ("1e5", "host-1e5"),
        ("nan", "host-nan"),
        ("true", "host-true"),
        ("console", "console"),
    ],
    ids=["64 characters", "65 characters", "one long label", "device", "printer", "Hive's null", "IPv6", "a day",
         "a number", "a power of ten", "no number", "a truth value", "begins with a device"],
)  # fmt: skip
def test_a_slug_is_a_folder_name_that_every_file_system_and_reader_takes(host: str, slug: str) -> None:
    assert REGISTRY.find(host).slug == slug != REGISTRY.find(LONG + "b").slug
    assert len(slug) <= 64


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("songling-times.example", "songling-times.example"), ("cn.songling-times.example", "songling-times.example"),
        ("www.songling.co.uk", "songling.co.uk"), ("a.b.news.com.cn", "news.com.cn"), ("com.cn", "com.cn"),
        ("192.0.2.7", "192.0.2.7"), ("localhost", "localhost"), (None, None),
    ],
    ids=["registry", "below it", "registry, suffix of two", "unknown", "a suffix", "IPv4", "one label", "no host"],
)  # fmt: skip
def test_a_host_has_a_registrable_domain(host: str | None, domain: str | None) -> None:
    assert REGISTRY.domain_of(host) == domain


def test_a_registry_may_be_empty() -> None:
    assert Outlets.from_toml("").find("news.example").slug == "news-example"


# Changes of the entry, the entry that is named, and words of the problem.
BAD_ENTRIES = [
    (ENTRY + 'colour = "red"\n', "songling", "unknown key `colour`"),
    (ENTRY.replace('slug = "songling"\n', ""), "?", "`slug` is missing"),
    (ENTRY.replace('zone = "Asia/Shanghai"\n', ""), "songling", "`zone` is missing"),
    (ENTRY.replace('name_en = "Songling Times"\n', ""), "songling", "`name_en` is missing"),
    *((ENTRY.replace("Asia/Shanghai", zone), "songling", "`zone`") for zone in ("Mars/Base", "../etc/localtime", "")),
    (ENTRY + 'zones = ["Asia/Shanghai"]\n', "songling", "`zones` must be a table"),
    (ENTRY + 'zones = { "songling.co.uk" = "Mars/Base" }\n', "songling", "`zone` holds `Mars/Base`"),
    (ENTRY + 'zones = { "harbour.example" = "UTC" }\n', "songling", "none of its `hosts`"),
    (ENTRY + 'zones = { "cn.songling-times.example" = "UTC" }\n' + OTHER, "harbour-2", "belongs to `songling`"),
    *((ENTRY.replace('["songling-times.example", "songling.co.uk"]', hosts), "songling", "`hosts`")
      for hosts in ("[]", '[""]', '"songling-times.example"')),
    *((ENTRY.replace('"songling"', f'"{slug}"'), slug, problem) for slug, problem in (
        ("Songling Times", "`slug`"), ("-", "`slug`"), (LONG, "longer than 64"), ("nul", "reserved name"),
        ("松岭", "`slug`"),
    )),
    (ENTRY + ENTRY, "songling", "`slug` is used twice"),
    (ENTRY + OTHER.replace("cn.songling", "songling"), "harbour-2", "host `songling-times.example`"),
    (ENTRY.replace("songling.co.uk", "Songling.co.uk"), "songling", "write it in lower case"),
    *((ENTRY.replace('"zh-Hans"', f'"{tag}"'), "songling", "`languages` holds ") for tag in (
        "Chinese", "zh_Hans", "zh-hans", "zh-HANS", "ZH", "z", "zh-", "zh-Hans-cn", "", "中文",
    )),
]  # fmt: skip
BAD_DOCUMENTS = [
    ("[[outlet]\n", "?", "no TOML: "),
    (ENTRY + layout("since = 2020-13-01"), "?", "no TOML: "),
    ('general = "all"\n', "general", "`general` must be a table, not `all`"),
    ("[[general]]\n", "general", "`general` must be a table"),
    ("[generals]\n", "?", "unknown key `generals`; known are general, outlet"),
    ("[general]\nsince = 2020-01-01\n", "general", "unknown key `since`"),
    ("[outlet]\nslug = 'a'\n", "?", "`outlet` must be written as `[[outlet]]`"),
    ("outlet = 5\n", "?", "`outlet` must be written as `[[outlet]]`"),
    ("outlet = [1]\n", "?", "`outlet` must be a table"),
    (ENTRY + "layout = 5\n", "songling", "`outlet.layout` must be written as `[[outlet.layout]]`"),
    (ENTRY + "[outlet.layout]\nsince = 2020-01-01\n", "songling", "must be written as `[[outlet.layout]]`"),
    (ENTRY + "layout = [1]\n", "songling", "`outlet.layout` must be a table"),
]
# A line of a layout, or of the general rules.
BAD_RULES = [
    ('colour = "red"', "unknown key `colour`"),
    ("starts = 5", "`starts` must be a table"),
    ('starts = ["图："]', "`starts` must be a table"),
    ("starts.caption = []", "`starts.caption` is an empty list"),
    ('contains.note = ["版权", "版权"]', "`contains.note` holds a text twice"),
    ('contains.note = ["版权", " "]', "`contains.note` holds an empty text"),
    ('contains.note = "版权"', "`contains.note` must be a list of texts"),
    ('classes.caption = ["legend", 5]', "`classes.caption` must be a list of texts"),
    ('classes.lede = ["story-lead"]', "write its words: `story lead`"),
    ('starts.picture = ["图："]', "`starts.picture`: no such role; roles are body, lede"),
    ('contains.Note = ["版权"]', "`contains.Note`: no such role"),
    ('classes.ad = ["advert"]', "`classes.ad`: no such role"),
    ("byline_words = []", "`byline_words` is an empty list"),
    ("datelines = []", "`datelines` is an empty list"),
    *((f'datelines = ["%d/%m/%Y", "{shape}"]', f"`datelines` holds `{shape}`, which does not tell a day")
      for shape in ("%H:%M", "%m/%Y", "%d/%Y", "%d/%m", "DD/MM/YYYY", "%d/%m/%Y %!")),
]  # fmt: skip
BAD_DAYS = [
    ("since = 2020-01-01T00:00:00", "`since` must be a day such as 2020-06-01, not `2020-01-01 00:00:00`"),
    ("until = 2020-01-01T00:00:00Z", "`until` must be a day such as 2020-06-01"),
    ('since = "2020-01-01"', "`since` must be a day such as 2020-06-01, not `2020-01-01`"),
    ("until = 2020", "`until` must be a day such as 2020-06-01, not `2020`"),
    ("since = 2020-01-01\nuntil = 2020-01-01", "a layout until 2020-01-01 can't hold since 2020-01-01"),
    ("since = 2020-01-02\nuntil = 2020-01-01", "a layout until 2020-01-01 can't hold since 2020-01-02"),
]
OVERLAPS: list[list[tuple[str | None, str | None]]] = [
    [("2012-01-01", "2015-06-02"), ("2015-06-01", "2018-01-01")],
    [("2012-01-01", "2018-01-01"), ("2013-01-01", "2014-01-01")],
    [("2012-01-01", "2013-01-01"), ("2012-01-01", "2013-01-01")],
    [("2012-01-01", None), ("2015-01-01", "2016-01-01")], [("2012-01-01", None), ("2015-01-01", None)],
    [(None, "2015-06-02"), ("2015-06-01", None)], [(None, "2015-01-01"), (None, "2012-01-01")],
    [(None, None), ("2015-01-01", None)],
]  # fmt: skip
REFUSED: list[tuple[str, str, str]] = [
    *BAD_ENTRIES, *BAD_DOCUMENTS,
    *((f"{ENTRY}[[outlet.layout]]\n{line}\n", "songling", problem) for line, problem in (*BAD_RULES, *BAD_DAYS)),
    *((f"[general]\n{line}\n", "general", problem) for line, problem in BAD_RULES),
    *((ENTRY + layout(since=one[0], until=one[1]) + layout(since=other[0], until=other[1]), "songling",
       "two layouts overlap: since ") for pair in OVERLAPS for one, other in (pair, pair[::-1])),
]  # fmt: skip


@pytest.mark.parametrize(("toml", "entry", "problem"), REFUSED)
def test_what_cant_be_used_is_refused_by_file_entry_and_key(toml: str, entry: str, problem: str) -> None:
    with pytest.raises(RegistryError) as refused:
        Outlets.from_toml(toml, "my/outlets.toml")
    assert refused.value.entry == entry
    assert problem in refused.value.problem
    assert str(refused.value).startswith(f"my/outlets.toml, entry `{entry}`: {refused.value.problem}")


def test_an_overlap_is_told_with_the_ends_of_both_layouts() -> None:
    with pytest.raises(RegistryError, match=r"since ever until 2015-06-02, and since 2015-06-01 until now"):
        Outlets.from_toml(ENTRY + layout(since="2015-06-01") + layout(until="2015-06-02"))


@pytest.mark.parametrize(
    ("day", "caption"),
    [
        (date(2011, 12, 31), None), (date(2012, 1, 1), "旧图："), (date(2015, 5, 31), "旧图："),
        (date(2015, 6, 1), "图说："), (date(2017, 12, 31), "图说："), (date(2018, 1, 1), None),
        (date(2018, 12, 31), None), (date(2019, 1, 1), "新图："), (date(2099, 1, 1), "新图："), (None, "新图："),
    ],
    ids=["before the first", "on since", "on the last day", "on until, where the next begins",
         "on the last day of the next", "on until, where none begins", "in the gap", "on since after the gap",
         "long after", "no day: the latest"],
)  # fmt: skip
@pytest.mark.parametrize("toml", [OLD + MIDDLE + NEW, NEW + OLD + MIDDLE], ids=["in order", "out of order"])
def test_rules_are_those_of_the_layout_that_holds_on_the_day_whatever_their_order_in_the_file(
    toml: str, day: date | None, caption: str | None
) -> None:
    rules = Outlets.from_toml(ENTRY + toml).find("songling-times.example").rules_on(day)
    assert rules.starts == (((caption, "caption"),) if caption else ())
    assert (rules is NO_RULES) == (caption is None)


@pytest.mark.parametrize("day", [None, date(2020, 1, 1)], ids=["no day", "a day"])
def test_an_outlet_without_layouts_has_no_rules(day: date | None) -> None:
    assert REGISTRY.find("songling-times.example").rules_on(day) is NO_RULES
    assert REGISTRY.find("news.example").rules_on(day) is NO_RULES


def test_rules_of_a_layout_and_general_ones_say_what_the_file_says_in_its_order() -> None:
    outlets = Outlets.from_toml(
        '[general]\nbyline_words = ["作者", "记者"]\ncontains.note = ["版权"]\n'
        + ENTRY
        + layout(
            'starts.note = ["注：", "按："]',
            'starts.caption = ["图："]',
            'contains.boilerplate = ["弹出播放器"]',
            'classes.lede = ["story lead"]',
            'byline_words = ["执笔"]',
            'datelines = ["%d/%m/%Y", "%Y年%m月%d日 %H:%M"]',
        )
    )
    rules = outlets.find("songling-times.example").rules_on(None)
    assert rules.starts == (("注：", "note"), ("按：", "note"), ("图：", "caption"))
    assert rules.contains == (("弹出播放器", "boilerplate"),)
    assert rules.classes == (("story lead", "lede"),)
    assert rules.byline_words == ("执笔",)
    assert rules.datelines == ("%d/%m/%Y", "%Y年%m月%d日 %H:%M")
    assert outlets.general.contains == (("版权", "note"),)
    assert (rules + outlets.general).byline_words == ("执笔", "作者", "记者")


@pytest.mark.parametrize(
    "layouts",
    [
        [("2012-01-01", "2015-06-01"), ("2015-06-01", "2018-01-01")],
        [(None, "2015-06-01"), ("2015-06-01", None)],
        [(None, "2012-01-01"), ("2012-01-01", "2012-01-02"), ("2012-01-02", None)],
        [("2015-06-01", None), (None, "2015-06-01")],
    ],
    ids=["two", "open at both sides", "three", "out of order"],
)
def test_layouts_may_touch(layouts: list[tuple[str | None, str | None]]) -> None:
    toml = ENTRY + "".join(layout(since=since, until=until) for since, until in layouts)
    found = Outlets.from_toml(toml).find("songling-times.example").layouts
    assert [(str(one.since), str(one.until)) for one in found] == sorted(
        ((str(since), str(until)) for since, until in layouts), key=lambda ends: ends[0].replace("None", "")
    )


def test_an_end_that_is_not_known_is_open() -> None:
    for since, until, inside, outside in (
        (None, "2015-06-01", date(1990, 1, 1), date(2015, 6, 1)),
        ("2015-06-01", None, date(2099, 1, 1), date(2015, 5, 31)),
    ):
        toml = ENTRY + layout('starts.note = ["本刊："]', since=since, until=until)
        outlet = Outlets.from_toml(toml).find("songling-times.example")
        assert outlet.rules_on(inside).starts == outlet.rules_on(None).starts == (("本刊：", "note"),)
        assert outlet.rules_on(outside) is NO_RULES


@pytest.mark.parametrize("tag", ["zh", "zh-Hant", "zh-Hant-TW", "en-GB", "yue"])
def test_a_language_tag_with_script_or_region_is_taken(tag: str) -> None:
    outlets = Outlets.from_toml(ENTRY.replace('"zh-Hans"', f'"{tag}"'))
    assert outlets.find("songling-times.example").languages == (tag,)


def test_without_an_outlets_layouts_its_hosts_names_and_zone_are_still_known() -> None:
    outlets = Outlets.from_toml('[general]\nstarts.note = ["注："]\n' + ENTRY + OLD + NEW + OTHER + OLD)
    less = without(outlets, "songling")
    before, after = outlets.find("www.songling.co.uk"), less.find("www.songling.co.uk")
    assert len(before.layouts) == 2
    assert after == Outlet(
        slug="songling",
        hosts=("songling-times.example", "songling.co.uk"),
        zone=ZoneInfo("Asia/Shanghai"),
        name_zh="松岭时报",
        name_en="Songling Times",
        languages=("zh-Hans",),
        layouts=(),
    )
    assert after.rules_on(None) is NO_RULES
    assert less.find("cn.songling-times.example") is outlets.find("cn.songling-times.example")
    assert less.general is outlets.general
    assert len(outlets.find("songling.co.uk").layouts) == 2


def test_the_zone_of_an_unknown_host_is_that_of_its_top_level_domain_where_the_country_has_one() -> None:
    zones = '[zones]\n"Asia/Taipei" = ["tw"]\n"Europe/Berlin" = ["de"]\n"Asia/Tokyo" = ["lamps.com", "wick.de"]\n'
    outlets = Outlets.from_toml(ENTRY + zones)
    assert [outlets.find(host).zone.key for host in ("m.lamps.com", "wicks.com", "wick.de")] == [
        "Asia/Tokyo", "UTC", "Asia/Tokyo",
    ]  # fmt: skip
    hosts = ("daily.example.tw", "anzeiger.example.de", "news.example", "localhost", "tw")
    found = {host: (outlets.find(host).zone.key, outlets.find(host).known) for host in hosts}
    assert found == {
        "daily.example.tw": ("Asia/Taipei", True), "anzeiger.example.de": ("Europe/Berlin", True),
        "news.example": ("UTC", False), "localhost": ("UTC", False), "tw": ("Asia/Taipei", True),
    }  # fmt: skip
    assert outlets.find("daily.example.tw", zone="Asia/Tokyo").zone.key == "Asia/Tokyo"
    assert without(outlets, "songling").zones == outlets.zones


def test_no_domain_that_is_sold_all_over_the_world_tells_a_zone() -> None:
    told = {domain for domain, _ in load_outlets().zones}
    assert not told & set("tv me io ai co cc ly fm ws to eu com us ru ca au br mx".split())


@pytest.mark.parametrize(
    ("toml", "problem"),
    [('[zones]\n"Asia/Nowhere" = ["xx"]\n', "no IANA time zone"), ('[zones]\n"Asia/Taipei" = "tw"\n', "list of texts")],
    ids=["no zone", "no list"],
)
def test_zones_of_domains_are_checked(toml: str, problem: str) -> None:
    with pytest.raises(RegistryError, match=problem):
        Outlets.from_toml(toml)
