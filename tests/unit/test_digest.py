"""The letter that tells of several results at once."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from jarvis.scheduler.digest import Back, Member, digest_letter

MADE = datetime(2026, 3, 2, 9, 5, 59, tzinfo=UTC)
MEMBER = Member(
    id=3, run_id=12, subject="backup failed: exit code 2", hold="digest", created_at=MADE,
    body="exit code 2\n\nno room\n  left\n\ndue at 2026-03-02 09:05:00+00:00, attempt 1\njarvis runs show 12\n",
)  # fmt: skip


def member(number: int, **more: object) -> Member:
    return msgspec.structs.replace(MEMBER, id=number, run_id=number, **more)


def test_a_digest_holds_five_results_and_names_the_run_each_came_from() -> None:
    letter = digest_letter(
        [member(n, subject=f"t{n} succeeded", body=f"wrote {n}\n") for n in range(1, 6)], Back(), "UTC", "me"
    )
    assert letter.subject == "Digest: 5 results"
    assert letter.body == "\n".join(
        f"{n}. t{n} succeeded\n   wrote {n}\n   2026-03-02 09:05+00:00, run {n}: jarvis runs show {n}\n"
        for n in range(1, 6)
    )


def test_of_each_result_it_has_what_is_not_said_already() -> None:
    letter = digest_letter([MEMBER], Back(), "America/Denver", "me")
    assert letter.subject == "Digest: 1 result"
    assert letter.body == (
        "1. backup failed: exit code 2\n   no room\n   left\n   2026-03-02 02:05-07:00, run 12: jarvis runs show 12\n"
    )


def test_of_a_long_text_it_has_the_first_lines_and_not_all_of_those() -> None:
    body = "".join(f"{n}{'x' * 200}\n" for n in range(9))
    lines = digest_letter([member(1, body=body)], Back(), "UTC", "me").body.splitlines()
    assert [line[:4] for line in lines[1:-1]] == ["   0", "   1", "   2", "   3"]
    assert {len(line) for line in lines[1:-1]} == {163}


def test_what_was_held_back_is_counted_with_where_to_find_it() -> None:
    members = [member(1, hold="capped"), member(2, hold="capped"), member(3)]
    letter = digest_letter(members, Back(bad=2, more=4, silenced=5, grouped=6), "UTC", "me")
    assert letter.subject == "Digest: 7 results, 2 of them failed"
    assert letter.body.partition("\nHeld back since the digest before:\n")[2] == (
        "- 4 more results of this digest: jarvis delivery list --channel me --state digested\n"
        "- 2 of these were over the cap of a day\n"
        "- 5 said the same as the time before: jarvis delivery list --channel me --state silenced\n"
        "- 6 were the same failure again: jarvis delivery list --channel me --state grouped\n"
    )


def test_a_reason_that_stands_in_the_subject_is_not_said_twice_and_a_subject_without_one_takes_nothing() -> None:
    twice = member(1, subject="t failed: sh: no room", body="sh: no room\nno room\n")
    assert digest_letter([twice], Back(), "UTC", "me").body.startswith("1. t failed: sh: no room\n   no room\n   2026")
    body = "t succeeded\nother\n"
    assert "   t succeeded\n" in digest_letter([member(1, subject="t succeeded", body=body)], Back(), "UTC", "me").body
