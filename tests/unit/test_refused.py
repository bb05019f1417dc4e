"""The register of refused inputs: names and value shapes, and above all what must not be taken for one."""

import duckdb
import pytest

from features.refused import (
    FREE_TEXT_PREFILTER,
    OPAQUE_PREFILTER,
    ValueShape,
    printable_name,
    refused_column,
    refused_register,
    refused_shape,
)
from features.schema import AUDIT, EVENT_TYPES, FEATURE_TABLES, TABLES


def resident_id(head):
    """The 17 digits with their check digit, worked out the other way round: the weighted sum is 1 modulo 11."""
    weights = [2 ** (17 - place) % 11 for place in range(18)]
    for last in "0123456789X":
        digits = [int(sign) for sign in head] + [10 if last == "X" else int(last)]
        if sum(w * d for w, d in zip(weights, digits, strict=True)) % 11 == 1:
            return head + last
    raise AssertionError


def test_register_holds_the_24_entries():
    register = refused_register()
    assert [entry.id for entry in register] == [f"R{number:02d}" for number in range(1, 25)]
    assert all(entry.aliases and entry.terms and entry.reason and entry.name_zh for entry in register)


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("ethnicity", "R01"), ("ethnicGroup", "R01"), ("Race", "R01"), ("nationality", "R01"), ("minzu", "R01"),
        ("民族", "R01"), ("当事人民族", "R01"), ("religion", "R02"), ("party_membership", "R03"), ("政治面貌", "R03"),
        ("psychiatric_diagnosis", "R04"), ("残疾证号", "R04"), ("gps_lat", "R05"), ("LicencePlate", "R05"),
        ("car-plate", "R05"), ("weibo_posts", "R06"), ("petition_level", "R07"), ("n_petitions", "R07"),
        ("进京上访次数", "R07"), ("key_person", "R08"), ("WATCHLIST", "R08"), ("watch list", "R08"),
        ("criminal_record", "R09"), ("前科", "R09"), ("hiv", "R10"), ("hukou_type", "R11"), ("学历", "R12"),
        ("education_level", "R12"), ("jobTitle", "R13"), ("sex", "R14"), ("gender_b", "R14"), ("性别", "R14"),
        ("age", "R15"), ("party_a_age", "R15"), ("AGE", "R15"), ("dob", "R15"), ("dateOfBirth", "R15"),
        ("birth.date", "R15"), ("出生日期", "R15"), ("marital_status", "R16"), ("脾气", "R17"),
        ("social-credit-score", "R18"), ("dibao", "R19"), ("亲属", "R20"), ("has_lawyer", "R21"), ("性取向", "R22"),
        ("narrative_embedding", "R23"), ("name", "R24"), ("full_name", "R24"), ("IDCard", "R24"), ("id_card_no", "R24"),
        ("idcard", "R24"), ("phone1", "R24"), ("ｐｈｏｎｅ", "R24"), ("手机号码", "R24"), ("身份证", "R24"), ("家庭住址", "R24"),
    ],
)  # fmt: skip
def test_refused_names(name, entry):
    found = refused_column(name)
    assert found is not None
    assert found.id == entry
    assert found.name_en in found.label


@pytest.mark.parametrize(
    "name",
    ["language", "page", "engagement", "damage", "gracefully", "stage", "wages", "package", "surface", "interface",
     "terrace", "plateau", "essex", "context", "embarrassed", "telegram", "coverage", "assertion", "filename",
     "kinds", "agenda", "averages", "品类", "备注", ""],
)  # fmt: skip
def test_names_that_only_look_alike(name):
    assert refused_column(name) is None


def test_no_column_of_the_contract_is_refused():
    for table in TABLES:
        for name in table.names:
            assert refused_column(name, table=table.name) is None, name


@pytest.mark.parametrize("name", [name for name in AUDIT.names if name != "dispute_id"])
def test_audit_attributes_are_free_in_audit_alone(name):
    assert refused_column(name, table="audit") is None
    for table in FEATURE_TABLES:
        assert refused_column(name, table=table.name) is not None
    assert refused_column(name) is not None


def test_other_refused_names_are_not_free_in_audit():
    assert refused_column("sex", table="audit") is not None


ID_CARD = resident_id("11010519491231002")
ID_CARD_2 = resident_id("33010619900307771")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (ID_CARD, ValueShape.RESIDENT_ID),
        (ID_CARD.lower(), ValueShape.RESIDENT_ID),
        (f"D{ID_CARD_2}", ValueShape.RESIDENT_ID),
        ("13812345678", ValueShape.MOBILE),
        ("D13812345678", ValueShape.MOBILE),
        ("13812345678-a", ValueShape.MOBILE),
        ("+8613812345678", ValueShape.MOBILE),
        ("8613812345678", ValueShape.MOBILE),
        ("浙A12345", ValueShape.PLATE),
        ("粤BD12345", ValueShape.PLATE),
    ],
)
def test_shapes_in_ids(text, shape):
    assert refused_shape(text, opaque=True) is shape
    assert refused_shape(text, opaque=False) is shape


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (f"身份证号{ID_CARD}，男", ValueShape.RESIDENT_ID),
        ("证件１１０１０５１９４９１２３１００２Ｘ", ValueShape.RESIDENT_ID),
        (f"{ID_CARD[:6]} {ID_CARD[6:14]} {ID_CARD[14:]}", ValueShape.RESIDENT_ID),
        ("电话138 1234 5678", ValueShape.MOBILE),
        ("电话138-1234-5678。", ValueShape.MOBILE),
        ("１３８１２３４５６７８", ValueShape.MOBILE),
        ("+86 138 1234 5678", ValueShape.MOBILE),
        ("1 3 8 1 2 3 4 5 6 7 8", ValueShape.MOBILE),
        ("车牌浙A·12345逃逸", ValueShape.PLATE),
        ("沪ad12345", ValueShape.PLATE),
        ("京A1234学", ValueShape.PLATE),
    ],
)
def test_shapes_in_free_text(text, shape):
    assert refused_shape(text, opaque=False) is shape


@pytest.mark.parametrize(
    "text",
    ["330106001", "D000000000123", "E13812345678901", "2024-05-01T09:30:00.123456+08:00", "20240501093000",
     "550e8400-e29b-41d4-a716-446655440000", "550e8400-e29b-41d4-a716-138123456789",
     "9f86d13812345678feab0a55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "GY-130-2024-0001", "D1", "", "12812345678",
     ID_CARD[:-1] + "0", "11010519491331002X", "D-2024-05-01-17"],
)  # fmt: skip
def test_ids_that_are_fine(text):
    assert refused_shape(text, opaque=True) is None


@pytest.mark.parametrize(
    "text",
    ["欠款13800元，2024年5月1日调解未果", "共计1380000000元", "使用新Android应用", "川A座", "桂林路A座12345", "云A2024001号",
     "0571-88888888", "面积138.5平方米，1990年建", "(2024)浙0106民初12345号"],
)  # fmt: skip
def test_free_text_that_is_fine(text):
    assert refused_shape(text, opaque=False) is None


def test_hash_excuse_ends_where_the_number_has_other_neighbours():
    assert refused_shape("0123456789abcdef x13812345678x", opaque=True) is ValueShape.MOBILE


def test_sql_prefilter_lets_every_shape_through():
    """The pattern that DuckDB looks with must find whatever the exact test finds."""
    texts = [ID_CARD, "D13812345678", "8613812345678", "浙A12345", "粤BD12345"]
    free = [*texts, "138 - 1234 - 5678", "1 3 8 1 2 3 4 5 6 7 8", "１３８１２３４５６７８", "110105 19491231 002X", "沪ad12345",
            "+86 138—1234　5678"]  # fmt: skip
    connection = duckdb.connect()
    try:
        for pattern, examples, opaque in ((OPAQUE_PREFILTER, texts, True), (FREE_TEXT_PREFILTER, free, False)):
            for text in examples:
                assert refused_shape(text, opaque=opaque) is not None, text
                found = connection.execute("SELECT regexp_matches(?, ?)", [text, pattern]).fetchall()
                assert found == [(True,)], text
            assert connection.execute("SELECT regexp_matches('D000123', ?)", [pattern]).fetchall() == [(False,)]
    finally:
        connection.close()


@pytest.mark.parametrize("name", ["13812345678", "张三，男", "x" * 41, "a b; c", ID_CARD, "D20240501", "2024-05-01"])
def test_names_that_may_be_data_are_not_printed(name):
    assert printable_name(name, 3) == "column 3"


@pytest.mark.parametrize("name", ["ethnic_group", "民族", "wage_arrears_months", "icd10"])
def test_ordinary_names_are_printed(name):
    assert printable_name(name, 3) == name


def test_event_types_are_fine_as_column_names():
    """A table of counts by type must be able to pass."""
    assert [name for name in EVENT_TYPES if refused_column(name)] == []
