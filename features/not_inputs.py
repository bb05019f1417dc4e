"""The rows of the catalogue that no model reads: what each would have been, and why it is for audit only or refused.

They have no measure, and stand outside of the feature code: no path leads from here into a matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from features.families import circumstances, conduct, dynamics, handling, kind_and_stakes
from features.indicator import Bilingual, Family


class Status(StrEnum):
    """Why a row of the catalogue is not a model input."""

    AUDIT_ONLY = "audit only"
    REFUSED = "refused"


@dataclass(frozen=True)
class NotAnInput:
    """A row of the catalogue that no model reads: what it would have been, and why it is not.

    It has no measure, so that no path leads from it into a matrix.
    """

    id: str
    name: str
    family: Family
    title: Bilingual
    status: Status
    would_be: str
    reason: Bilingual

    def declaration(self) -> dict[str, object]:
        """Everything declared, as a plain record."""
        return {
            "id": self.id,
            "family": self.family.id,
            "name": {"en": self.title.en, "zh": self.title.zh},
            "status": self.status.value,
            "would_be": self.would_be,
            "reason": {"en": self.reason.en, "zh": self.reason.zh},
        }


NOT_INPUTS = (
    NotAnInput(
        id="A07", name="first_report_channel", family=kind_and_stakes.FAMILY, title=Bilingual("First report channel", "首报渠道"),
        status=Status.AUDIT_ONLY, would_be="First channel that registered the dispute.",
        reason=Bilingual(
            "The channel tells who recorded it, not risk. It serves missingness, calibration by source and drift; in the "
            "model it would reward or punish the way in which somebody sought help.",
            "渠道只说明由谁登记,不说明风险;仅用于缺失、分来源校准与漂移的核查,进入模型等于奖惩群众的求助方式。"),
    ),
    NotAnInput(
        id="A08", name="party_count", family=kind_and_stakes.FAMILY, title=Bilingual("Number of parties", "当事人规模"),
        status=Status.AUDIT_ONLY,
        would_be="Not available in this contract (no party table, on purpose); for workload planning only.",
        reason=Bilingual(
            "Collective lawful action must not raise risk: group size measures collective claims, not violence.",
            "依法的集体诉求不得抬高风险:人数反映的是群体诉求,而非暴力;仅供工作量安排。"),
    ),
    NotAnInput(
        id="B14", name="personality_or_habit_traits", family=conduct.FAMILY, title=Bilingual("Personality or habits", "性格习惯"),
        status=Status.REFUSED, would_be="Labels such as irritable, eccentric, vengeful.",
        reason=Bilingual(
            "Judges a person by character, not conduct; the EU AI Act, Art. 5(1)(d), bans personality traits; it cannot "
            "be verified and invites stigma.",
            "以性格而非行为评判人;欧盟《人工智能法》第5条第1款(d)项禁止依性格特征预测;无法核实,易致污名。"),
    ),
    NotAnInput(
        id="C08", name="support_services_delivered", family=handling.FAMILY,
        title=Bilingual("Support services delivered", "已提供支持服务"), status=Status.AUDIT_ONLY,
        would_be="Legal aid, counselling, hardship aid delivered in 90 days (counts by type).",
        reason=Bilingual(
            "A treatment, not a trait: for evaluation that knows of treatment, never an indicator; else cases that were "
            "helped look safe and lose their support.",
            "属于帮扶措施而非案情:只用于考虑帮扶影响的评估,绝不作为风险因素,否则得到帮扶的案件会显得安全而失去支持。"),
    ),
    NotAnInput(
        id="C11", name="lawful_petition_count", family=handling.FAMILY, title=Bilingual("Lawful petitions", "依法信访次数"),
        status=Status.AUDIT_ONLY, would_be="Number of petitions in 365 days.",
        reason=Bilingual(
            "Petitioning is a citizen's right. Their number has no path into a score; it serves the test that proves so "
            "and reports on the quality of service.",
            "信访是公民权利,其次数不得以任何途径进入评分;仅用于证明这一点的检验和服务质量报告。"),
    ),
    NotAnInput(
        id="D05", name="no_legal_help_recorded", family=circumstances.FAMILY, title=Bilingual("No legal help on record", "未获法律帮助"),
        status=Status.AUDIT_ONLY, would_be="Not available in this contract (no field).",
        reason=Bilingual(
            "A need, for routing: having or lacking a lawyer must not move risk.",
            "属于需求,仅供分流帮助:有无律师不得影响风险。"),
    ),
    NotAnInput(
        id="D09", name="key_person_list_or_ex_prisoner", family=circumstances.FAMILY,
        title=Bilingual("Person lists or prison history", "重点人员名单或刑满释放标记"), status=Status.REFUSED,
        would_be="Membership in a police, petition or community list of persons, or prison history.",
        reason=Bilingual(
            "A watch list of persons: punishes twice, feeds back on itself, and breaks the promise that cases are ranked, "
            "never people.",
            "针对个人的名单:二次惩罚,自我强化,并违背只排案件、不排人的承诺。"),
    ),
    NotAnInput(
        id="D10", name="mental_health_diagnosis", family=circumstances.FAMILY, title=Bilingual("Diagnosis of mental health", "精神障碍诊断"),
        status=Status.REFUSED, would_be="Any diagnosis, registry or medication record.",
        reason=Bilingual(
            "Sensitive data (PIPL Art. 28) and discriminatory; the evidence points the other way: deadly conduct was "
            "half as likely to come with such a warning (Dorset).",
            "属敏感个人信息(《个人信息保护法》第28条)且具歧视性;证据指向相反方向(多塞特郡研究中此类警示仅为对照的一半)。"),
    ),
    NotAnInput(
        id="E08", name="distinct_channels_30d", family=dynamics.FAMILY,
        title=Bilingual("Channels of report in 30 days", "30天内报告渠道数"), status=Status.AUDIT_ONLY,
        would_be="Distinct channels through which the same dispute was reported in 30 days.",
        reason=Bilingual(
            "Seeking help through several doors is lawful: what was reported counts once, the number of doors must not.",
            "多渠道求助合法:内容去重后只计一次,渠道数量不得计入。"),
    ),
    NotAnInput(
        id="E10", name="location_trace_or_online_speech_change", family=dynamics.FAMILY,
        title=Bilingual("Location traces or online speech", "行踪或网络言论变化"), status=Status.REFUSED,
        would_be="Movement traces, camera hits, phone data, posts.",
        reason=Bilingual(
            "Surveillance: out of proportion, chills lawful speech (PIPL Art. 26 and 28), and is not needed to bring "
            "help to a case.",
            "属监控性数据:不合比例,抑制合法言论(《个人信息保护法》第26、28条),且分流案件并不需要。"),
    ),
)  # fmt: skip
