"""Outlets are found by host; the registry refuses entries that can't be used, by name and key."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from transforms.outlets import Outlet, Outlets, RegistryError

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
        ("songling-times.example", "songling"),
        ("www.songling-times.example", "songling"),
        ("a.b.songling-times.example", "songling"),
        ("m.songling.co.uk", "songling"),
        ("cn.songling-times.example", "harbour-2"),
        ("m.cn.songling-times.example", "harbour-2"),
        ("notsongling-times.example", "notsongling-times-example"),
        ("songling-times.example.org", "example-org"),
    ],
    ids=["host", "subdomain", "subdomain of one", "second host", "the longest match", "below the longest match",
         "another name with the same end", "another name with the same start"],
)  # fmt: skip
def test_a_host_belongs_to_the_outlet_that_it_is_a_subdomain_of(host: str, slug: str) -> None:
    assert REGISTRY.find(host).slug == slug


@pytest.mark.parametrize(
    ("host", "slug"),
    [
        ("news.example", "news-example"),
        ("www.cn.news.co.uk", "news-co-uk"),
        ("a.b.news.com.cn", "news-com-cn"),
        ("my_paper.example", "my-paper-example"),
        ("xn--bcher-kva.example", "xn-bcher-kva-example"),
        ("localhost", "localhost"),
        ("192.0.2.7", "192-0-2-7"),
        ("-", "unknown"),
        (None, "unknown"),
    ],
    ids=["domain", "public suffix of two", "another of two", "underscore", "punycode", "one label", "IPv4",
         "no slug in it", "no host"],
)  # fmt: skip
def test_a_host_that_no_entry_knows_gets_a_slug_from_its_registrable_domain_and_utc(
    host: str | None, slug: str
) -> None:
    outlet = REGISTRY.find(host)
    assert (outlet.slug, outlet.zone) == (slug, ZoneInfo("UTC"))


def test_a_registry_may_be_empty() -> None:
    assert Outlets.from_toml("").find("news.example").slug == "news-example"


@pytest.mark.parametrize(
    ("toml", "entry", "problem"),
    [
        (ENTRY + 'colour = "red"\n', "songling", "unknown key `colour`"),
        (ENTRY.replace('slug = "songling"\n', ""), "?", "`slug` is missing"),
        (ENTRY.replace('zone = "Asia/Shanghai"\n', ""), "songling", "`zone` is missing"),
        (ENTRY.replace('name_en = "Songling Times"\n', ""), "songling", "`name_en` is missing"),
        (ENTRY.replace("Asia/Shanghai", "Mars/Base"), "songling", "`zone`"),
        (ENTRY.replace("Asia/Shanghai", "../UTC"), "songling", "`zone`"),
        (ENTRY.replace("Asia/Shanghai", ""), "songling", "`zone`"),
        (ENTRY.replace('["songling-times.example", "songling.co.uk"]', "[]"), "songling", "`hosts`"),
        (ENTRY.replace('"songling.co.uk"', '""'), "songling", "`hosts`"),
        (ENTRY.replace('["songling-times.example", "songling.co.uk"]', '"songling.co.uk"'), "songling", "`hosts`"),
        (ENTRY.replace('"songling"', '"Songling Times"'), "Songling Times", "`slug`"),
        (ENTRY.replace('"songling"', '"-"'), "-", "`slug`"),
        (ENTRY.replace('"songling"', '"松岭"'), "松岭", "`slug`"),
        (ENTRY + ENTRY, "songling", "`slug` is used twice"),
        (ENTRY + OTHER.replace("cn.songling", "songling"), "harbour-2", "host `songling-times.example`"),
    ],
    ids=["unknown key", "no slug", "no zone", "no name", "zone unknown", "zone is a path", "zone empty", "no hosts",
         "empty host", "hosts no list", "slug with a space", "slug of a dash", "slug outside ASCII", "slug twice",
         "host twice"],
)  # fmt: skip
def test_an_entry_that_cant_be_used_is_refused_by_name_and_key(toml: str, entry: str, problem: str) -> None:
    with pytest.raises(RegistryError) as refused:
        Outlets.from_toml(toml)
    assert refused.value.entry == entry
    assert problem in refused.value.problem
    assert f"entry `{entry}`" in str(refused.value)
