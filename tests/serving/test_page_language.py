"""The two languages of the pages: every message is translated, with the same places, and none is left over."""

import re
from importlib.resources import files

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from serving.pages import codes
from serving.pages.language import CATALOGUE, FIRST, LANGUAGES, chosen
from serving.policy import Action
from training.artifact.floors import FLOORS
from training.artifact.tiers import Tier

PACKAGE = files("serving.pages")
PLACE = re.compile(r"\{(\w+)\}")
METHODS = [("**/templates/*.j2", "jinja2"), ("**.py", "python")]


@pytest.fixture(scope="module")
def catalogue():
    with PACKAGE.joinpath(CATALOGUE).open("rb") as file:
        return {message.id: message for message in read_po(file, locale="zh_CN") if message.id}


@pytest.fixture(scope="module")
def used():
    keywords = {"_": None, "say": None, "both": None, "N_": None}
    return {found[2] for found in extract_from_dir(str(PACKAGE), method_map=METHODS, keywords=keywords)}


def test_every_message_is_translated_and_none_is_left_over(catalogue, used):
    assert len(used) > 150
    assert set(catalogue) == used
    assert not [name for name, message in catalogue.items() if not message.string or message.fuzzy]


def test_a_translation_fills_in_the_same_places(catalogue):
    for name, message in catalogue.items():
        assert sorted(set(PLACE.findall(name))) == sorted(set(PLACE.findall(message.string))), name


def test_a_translation_is_chinese(catalogue):
    same = {name for name, message in catalogue.items() if not re.search(r"[\u4e00-\u9fff]", message.string)}
    assert not same


def test_every_code_of_the_records_has_its_words():
    from features.schema import (
        ASSERTIONS,
        CHANNELS,
        DISPUTE_KINDS,
        EVENT_TYPES,
        PROXIMITIES,
        RELATIONS,
        SERVICES,
    )  # fmt: skip

    assert set(EVENT_TYPES) <= set(codes.EVENTS)
    for table, names in (
        (codes.CHANNELS, CHANNELS), (codes.KINDS, DISPUTE_KINDS), (codes.RELATIONS, RELATIONS), (codes.SERVICES, SERVICES),
        (codes.PROXIMITIES, PROXIMITIES), (codes.ASSERTIONS, ASSERTIONS), (codes.TIERS, Tier), (codes.TIERS_SHORT, Tier),
        (codes.ACTIONS, Action), (codes.TIER_SIGNS, Tier),
    ):  # fmt: skip
        assert set(table) == {str(name) for name in names}
    assert all(floor.rule.zh for floor in FLOORS)


def test_chinese_comes_first_and_english_stands_beside_it():
    assert chosen(None) is FIRST and chosen("klingon") is FIRST
    both = str(FIRST.both("Decide"))
    assert both.startswith("作出决定") and 'lang="en">Decide</span>' in both
    assert str(LANGUAGES["zh"].both("Decide")) == "作出决定"
    assert str(LANGUAGES["en"].both("Decide")) == "Decide"


def test_what_is_filled_in_is_escaped_once():
    told = str(FIRST.both("row {number}", number="<b>"))
    assert "<b>" not in told and "&lt;b&gt;" in told and "&amp;lt;" not in told
    assert FIRST.say("row {number}", number="<b>") == "第<b>行"  # text: the template escapes it


def test_a_code_of_a_deployment_s_own_is_told_as_it_is():
    assert codes.message("owner", "Ward 3 <x>") == "Ward 3 <x>"
    assert str(FIRST.both(codes.message("owner", "Ward {3} <x>"))) == "Ward {3} &lt;x&gt;"
