"""What keeps deliveries back, in any store: held and sent later, gathered, passed over; never lost, never twice."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from jarvis.errors import JarvisError, SendFailed, SendRefused
from jarvis.memory import MemoryStore
from jarvis.memory.deliveries import MOST_JUDGED
from jarvis.scheduler.attention import Attention, Settings
from jarvis.scheduler.care import Care
from jarvis.scheduler.delivery import LIFETIME
from jarvis.scheduler.digest import MOST_TOLD
from jarvis.scheduler.engine import SchedulerEngine
from jarvis.scheduler.incident import Finding
from jarvis.scheduler.model import Deliver, DeliveryState, Result, RunState, TaskSpec
from jarvis.scheduler.pruner import STEADY
from jarvis.scheduler.quiet import read_window
from jarvis.scheduler.schedule import Interval, Once
from jarvis.testing import engine
from tests.contract.test_deliveries import World as Minutes

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
GOOD = Result(output=b"all is well\n", output_total=12)
BAD = Result(state=RunState.FAILED, reason="exit code 1")
WORSE = Result(state=RunState.FAILED, reason="exit code 2")
NIGHTS = Settings(Attention(quiet=(read_window("22:00-07:00"),)))
ME = (Deliver("me"),)


class World(Minutes):
    """One task that ends as it is told to whenever it is run, and settings that can be changed."""

    settings = Settings()

    def start(self) -> SchedulerEngine:
        channels = {"me": self.me, "log": self.log}
        return engine(
            self.store, {"scripted": self._end}, self.clock, channels=channels, attention=lambda: self.settings
        )

    def at(self, text: str) -> World:
        """It is so late, on 2026-03-02 or the day after it."""
        day, _, at = text.rpartition(" ")
        now = datetime.fromisoformat(f"2026-03-0{3 if day else 2}T{at}:00+00:00")
        self.clock.advance(now - self.clock.now())
        return self

    def run(self, *ends: Result) -> None:
        """Let the task run once for each of these, now, and send what is to be sent."""
        for end in ends or (GOOD,):
            self.ends = [end]
            self.store.start_now("t", self.clock.now())
            self.tick()

    def tick(self) -> None:
        """The daemon's turns, until there is nothing to do."""
        self.engine.tick(self.clock.now())
        while self.engine.executor.busy or self.engine.outbox.busy:
            self.engine.tick(self.clock.now())

    def reasons(self, state: DeliveryState) -> list[str]:
        return [each.reason for each in reversed(self.store.deliveries.newest(state=state, limit=None))]


def world(store: MemoryStore, *deliver: Deliver, settings: Settings | None = None) -> World:
    made = World.__new__(World)
    made.settings = settings or Settings()
    World.__init__(made, store, deliver=deliver or ME)
    store.remove_task("t", made.clock.now())
    spec = TaskSpec(name="t", schedule=Interval(365 * DAY), handler="scripted", deliver=deliver or ME)
    store.add_task(spec, made.clock.now())
    return made


# -- quiet hours ------------------------------------------------------------------------------------------
def test_what_has_its_turn_in_quiet_hours_is_held_with_why_and_sent_when_they_end(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("23:30")
    w.run()
    held = w.last
    assert (held.state, held.reason) == (DeliveryState.HELD, "quiet hours until 2026-03-03 07:00+00:00")
    assert w.engine.next_wake() == held.available_at == datetime(2026, 3, 3, 7, tzinfo=UTC)
    w.at("tomorrow 06:59").tick()
    assert (w.me.subjects, w.states) == ([], ["held"])
    w.at("tomorrow 07:00").tick()
    assert (w.me.subjects, w.last.state, w.last.reason) == (["t succeeded"], DeliveryState.SENT, "")


def test_a_laptop_that_slept_into_the_night_is_quiet_when_it_wakes(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("21:50")
    w.me.raises = [SendFailed("no route")]
    w.run()
    assert w.states == ["pending"]
    w.at("23:30").tick()
    assert (w.states, w.me.subjects) == (["held"], [])


def test_nothing_expires_because_of_quiet_hours_alone(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("22:00")
    w.run()
    made = w.last
    w.at("tomorrow 07:00")
    w.me.raises = [SendFailed("no route")]
    w.tick()
    assert w.last.expires_at - made.expires_at == 9 * HOUR
    w.settings = Settings()
    w.deliver(LIFETIME - timedelta(seconds=1))
    assert w.states == ["sent"]


def test_what_nobody_was_there_to_send_after_quiet_hours_gets_old_as_anything_else(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("22:00")
    w.run()
    w.clock.advance(9 * HOUR + LIFETIME)
    w.engine.outbox._judged = None  # another daemon
    w.tick()
    w.tick()
    assert (w.me.subjects, w.states) == ([], ["expired"])


def test_what_is_urgent_is_sent_at_night(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure", urgent=True), Deliver("log"), settings=NIGHTS).at("23:00")
    w.run(BAD)
    assert (w.me.subjects, w.log.subjects) == (["t failed: exit code 1"], [])
    assert store.deliveries.newest(channel="me")[0].urgent


def test_settings_that_change_count_for_what_is_held_already(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("23:00")
    w.run()
    w.settings = Settings(Attention(quiet=(read_window("22:00-09:00"),)))
    w.tick()
    assert w.reasons(DeliveryState.HELD) == ["quiet hours until 2026-03-03 09:00+00:00"]
    w.settings = Settings(Attention(quiet=(read_window("22:00-23:30"),)))
    w.at("23:45").tick()
    assert w.states == ["sent"]


def test_a_turn_that_was_undone_judges_by_new_settings_the_next_time(
    store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world(store, settings=NIGHTS).at("23:00")
    w.run()
    w.settings = Settings()
    monkeypatch.setattr(store.deliveries, "_claim", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        w.tick()
    monkeypatch.undo()
    assert w.states == ["held"]
    w.tick()
    assert w.states == ["sent"]


def test_each_channel_has_its_own_hours(store: MemoryStore) -> None:
    settings = Settings(NIGHTS.usual, {"log": Attention()})
    w = world(store, Deliver("me"), Deliver("log"), settings=settings).at("23:00")
    w.run()
    assert (w.me.subjects, w.log.subjects) == ([], ["t succeeded"])


def test_a_person_sends_what_is_held_or_asks_again_whatever_the_hour(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("23:00")
    w.run()
    released = store.deliveries.send_now(w.last.id, w.clock.now())
    assert (released.state, released.urgent) == (DeliveryState.PENDING, True)
    w.tick()
    assert w.states == ["sent"]
    with pytest.raises(JarvisError, match="is not held: it is sent"):
        store.deliveries.send_now(w.last.id, w.clock.now())


def test_what_is_asked_for_again_at_night_is_sent_at_night(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("12:00")
    w.me.raises = [SendFailed("no route")]
    w.run()
    store.database.change("UPDATE deliveries SET state = 'failed', reason = 'x'")
    w.at("23:00")
    store.deliveries.again(w.last.id, w.clock.now())
    w.tick()
    assert w.states == ["sent"]


def test_what_is_held_of_a_removed_task_is_cancelled(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("23:00")
    w.run()
    store.remove_task("t", w.clock.now())
    assert w.states == ["cancelled"]
    with pytest.raises(JarvisError, match="was cancelled"):
        store.deliveries.again(w.last.id, w.clock.now())


@pytest.mark.parametrize(
    ("evening", "morning"),
    [
        ("2026-03-08T04:00Z", "2026-03-08T11:00Z"),  # New York goes forward: 23:00 -05 to 07:00 -04
        ("2026-11-01T03:00Z", "2026-11-01T12:00Z"),  # and back: 23:00 -04 to 07:00 -05
    ],
)
def test_a_night_on_which_the_clock_is_set_ends_when_the_wall_says_so(
    store: MemoryStore, evening: str, morning: str
) -> None:
    quiet = Attention(tz="America/New_York", quiet=(read_window("22:00-07:00"),))
    w = world(store, settings=Settings(quiet))
    w.clock.advance(datetime.fromisoformat(evening) - w.clock.now())
    w.run()
    assert w.last.available_at == datetime.fromisoformat(morning)
    w.clock.advance(w.last.available_at - w.clock.now() - MINUTE)
    w.tick()
    assert w.states == ["held"]
    w.clock.advance(MINUTE)
    w.tick()
    assert w.states == ["sent"]


def test_a_night_with_more_than_one_turn_can_judge_goes_on_with_the_next(store: MemoryStore) -> None:
    w = world(store, settings=NIGHTS).at("12:00")
    w.run()
    row = store.database.rows("SELECT task_id, run_id FROM deliveries")[0]
    many = MOST_JUDGED + 3
    with store.transaction():
        for n in range(many):
            store.database.change(
                "INSERT INTO deliveries (key, task_id, run_id, channel, kind, subject, body, state, created_at,"
                " available_at, expires_at) VALUES (?, ?, ?, 'me', 'result', 's', '', 'pending', 1, 1, ?)",
                (f"k{n}", *row, 2**52),
            )
    w.at("23:00").tick()
    assert Counter(w.states) == {"sent": 1, "held": MOST_JUDGED, "pending": 3}
    wake = w.engine.next_wake()
    assert wake is not None
    assert wake <= w.clock.now()
    w.tick()
    assert Counter(w.states) == {"sent": 1, "held": many}


# -- digests ----------------------------------------------------------------------------------------------
LOW = (Deliver("me", digest=True),)


def test_a_digest_holds_five_results_and_names_the_run_each_came_from(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.run(GOOD, BAD, GOOD, GOOD, BAD)
    assert w.me.messages == []
    assert set(w.reasons(DeliveryState.HELD)) == {"it can wait: for the digest of 2026-03-03 08:00+00:00"}
    w.at("tomorrow 08:00").tick()
    (message,) = w.me.messages
    runs = [run.id for run in store.runs.newest()]
    assert (message.kind, message.subject, len(runs)) == ("digest", "Digest: 5 results, 2 of them failed", 5)
    assert (message.task, message.run_id, message.state, message.due_at) == ("", None, "", None)
    for run in runs:
        assert f"run {run}: jarvis runs show {run}\n" in message.body
    digest = w.last
    assert (digest.kind, digest.state, digest.run_id) == ("digest", DeliveryState.SENT, None)
    members = store.deliveries.members(digest.id)
    assert [each.run_id for each in members] == sorted(runs)
    assert {(each.state, each.digest_id, each.digest_state) for each in members} == {("digested", digest.id, "sent")}
    w.clock.advance(DAY)
    w.tick()
    assert len(w.me.messages) == 1


def test_a_digest_that_was_due_while_nobody_was_there_goes_when_somebody_is(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.run()
    w.at("tomorrow 11:00")
    w.engine.outbox._judged = None  # as a new daemon has it
    w.tick()
    assert w.me.subjects == ["Digest: 1 result"]


def test_a_digest_that_is_due_in_quiet_hours_waits_for_their_end(store: MemoryStore) -> None:
    early = Settings(NIGHTS.usual._replace(digest=(5 * 3600,)))
    w = world(store, *LOW, settings=early)
    w.run()
    w.at("tomorrow 05:00").tick()
    assert w.states == ["digested", "held"]
    w.at("tomorrow 07:00").tick()
    assert (w.states, w.me.subjects) == (["digested", "sent"], ["Digest: 1 result"])


def test_members_follow_a_digest_that_cannot_be_delivered(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.run()
    w.at("tomorrow 08:00")
    w.me.raises = [SendFailed("no route")]
    w.tick()
    w.clock.advance(LIFETIME)
    w.tick()
    (member,) = store.deliveries.newest(state=DeliveryState.DIGESTED)
    assert member.digest_state is DeliveryState.EXPIRED
    store.deliveries.again(w.last.id, w.clock.now())
    w.tick()
    assert (w.me.subjects, store.deliveries.get(member.id).digest_state) == (["Digest: 1 result"], "sent")


def test_making_a_digest_is_all_or_nothing(store: MemoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    w = world(store, *LOW)
    w.run(GOOD, GOOD)
    w.at("tomorrow 08:00")
    monkeypatch.setattr(store.deliveries, "_claim", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        w.tick()
    assert w.states == ["held", "held"]
    monkeypatch.undo()
    w.tick()
    assert (w.states, w.me.subjects) == (["digested", "digested", "sent"], ["Digest: 2 results"])


def test_a_digest_of_more_than_it_tells_says_how_many_and_holds_them_all(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.run(*[GOOD] * (MOST_TOLD + 2))
    w.at("tomorrow 08:00").tick()
    (message,) = w.me.messages
    assert message.subject == f"Digest: {MOST_TOLD + 2} results"
    assert "- 2 more results of this digest: jarvis delivery list --channel me --state digested\n" in message.body
    assert len(store.deliveries.members(w.last.id)) == MOST_TOLD + 2


def test_two_tasks_share_a_digest_and_one_that_is_removed_leaves_it(store: MemoryStore) -> None:
    w = world(store, *LOW)
    other = TaskSpec(name="u", schedule=Once(w.clock.now() + HOUR), handler="scripted", deliver=LOW)
    store.add_task(other, w.clock.now())
    w.run()
    w.clock.advance(HOUR)
    w.tick()
    store.remove_task("u", w.clock.now())
    assert w.states == ["held", "cancelled"]
    w.at("tomorrow 08:00").tick()
    assert w.me.subjects == ["Digest: 1 result"]
    store.remove_task("t", w.clock.now())
    assert w.states == ["digested", "cancelled", "sent"]


def test_a_paused_task_is_told_at_once_also_where_results_can_wait(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.run(*[BAD] * 10)
    assert w.me.subjects[0].startswith("t was paused after 10 runs")
    assert Counter(w.states) == {"held": 10, "sent": 1}


# -- the cap ----------------------------------------------------------------------------------------------
def test_what_is_over_the_cap_goes_with_the_next_digest_and_the_next_day_begins_anew(store: MemoryStore) -> None:
    w = world(store, settings=Settings(Attention(cap=2, digest=(18 * 3600,))))
    w.run(*[GOOD] * 4)
    assert len(w.me.messages) == 2
    assert w.states == ["sent", "sent", "held", "held"]
    w.at("18:00").tick()
    assert w.me.subjects[2:] == ["Digest: 2 results"]
    assert "- 2 of these were over the cap of a day\n" in w.me.messages[-1].body
    w.run()
    assert w.states[-1] == "held"
    w.at("tomorrow 00:00").run()
    assert w.states[-1] == "sent"


def test_neither_urgent_ones_nor_digests_count(store: MemoryStore) -> None:
    w = world(store, Deliver("me", urgent=True), settings=Settings(Attention(cap=1)))
    w.run(GOOD, GOOD)
    other = TaskSpec(name="u", schedule=Once(w.clock.now() + HOUR), handler="scripted", deliver=ME)
    store.add_task(other, w.clock.now())
    w.clock.advance(HOUR)
    w.tick()
    assert w.me.subjects == ["t succeeded", "t succeeded", "u succeeded"]


# -- the same again ---------------------------------------------------------------------------------------
def test_a_failure_is_told_once_and_that_it_is_over(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"))
    w.run(GOOD, BAD, BAD, BAD, GOOD, GOOD, BAD)
    assert w.me.subjects == ["t failed: exit code 1", "t succeeded again", "t failed: exit code 1"]
    assert w.states == ["sent", "grouped", "grouped", "sent", "sent"]
    first = next(run.id for run in reversed(store.runs.newest()) if run.state is RunState.FAILED)
    assert set(w.reasons(DeliveryState.GROUPED)) == {f"the same failure as run {first}, of which delivery 1 tells"}


def test_another_reason_is_another_failure_and_the_first_one_again_too(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"))
    w.run(BAD, WORSE, WORSE, BAD)
    assert [subject[-1] for subject in w.me.subjects] == ["1", "2", "1"]


def test_a_failure_that_goes_on_is_told_again_after_a_day(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"))
    for _ in range(5):
        w.run(BAD)
        w.clock.advance(12 * HOUR)
    assert w.states == ["sent", "grouped", "sent", "grouped", "sent"]


def test_a_failure_of_which_nobody_was_told_for_sure_is_told_again(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"))
    w.run(BAD)
    store.database.change("DROP TRIGGER deliveries_settled")
    for state in ("failed", "expired", "unknown", "cancelled"):
        store.database.change("UPDATE deliveries SET state = ?", (state,))
        w.run(BAD)
        assert w.last.state is DeliveryState.SENT, state


def test_a_failure_that_is_held_for_the_morning_is_known_and_so_is_its_end(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"), settings=NIGHTS).at("23:00")
    w.run(BAD, BAD, GOOD)
    assert w.states == ["held", "grouped", "held"]
    w.at("tomorrow 07:00").tick()
    assert w.me.subjects == ["t failed: exit code 1", "t succeeded again"]


def test_each_failure_is_told_to_those_who_want_each(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure", same="told"), Deliver("log"))
    w.run(BAD, BAD, GOOD)
    assert [subject.partition(":")[0] for subject in w.me.subjects] == ["t failed", "t failed"]
    assert len(w.log.subjects) == 3


def test_a_task_that_was_resumed_begins_a_new_incident(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"))
    w.run(BAD)
    store.pause_task("t", w.clock.now())
    store.resume_task("t", w.clock.now())
    w.run(BAD)
    assert w.states == ["sent", "sent"]


def test_the_same_as_last_time_is_silent_until_it_is_another(store: MemoryStore) -> None:
    w = world(store, Deliver("me", same="silent"))
    other = Result(output=b"something new\n", output_total=14)
    w.run(GOOD, GOOD, other, other, Result(data={"n": 1}), Result(data={"n": 2}), GOOD)
    assert w.states == ["sent", "silenced", "sent", "silenced", "sent", "sent", "sent"]
    first = store.runs.newest()[-1].id
    assert w.reasons(DeliveryState.SILENCED)[0] == f"the same as run {first}"


def test_what_was_passed_over_is_counted_in_the_next_digest_and_in_no_other(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure"), Deliver("me", "success", digest=True, same="silent"))
    w.run(GOOD, GOOD, GOOD, BAD, BAD)
    assert Counter(w.states) == {"held": 1, "silenced": 2, "sent": 1, "grouped": 1}
    w.at("tomorrow 08:00").tick()
    body = w.me.messages[-1].body
    assert "- 2 said the same as the time before" in body
    assert "- 1 were the same failure again" in body
    digest = w.last.id
    assert {each.digest_id for each in store.deliveries.newest(state=DeliveryState.SILENCED)} == {digest}
    w.run(WORSE, GOOD)
    w.clock.advance(DAY)
    w.tick()
    assert "Held back" not in w.me.messages[-1].body


# -- what it costs ----------------------------------------------------------------------------------------
def test_a_store_without_deliveries_is_asked_no_more_than_before(store: MemoryStore) -> None:
    asked: list[str] = []

    def attention() -> Settings:
        asked.append("settings")
        return NIGHTS

    w = World(store, deliver=())
    w.engine.outbox._attention = attention
    seen: list[str] = []
    w.clock.advance(MINUTE)
    with store.transaction() as connection:
        connection.trace_v2(1, lambda found: seen.append(found["sql"]))  # type: ignore[attr-defined]
        w.engine.tick(w.clock.now())
        w.engine.tick(w.clock.now())
        connection.trace_v2(0, None)  # type: ignore[attr-defined]
    assert asked == []
    assert len([sql for sql in seen if "deliveries" in sql]) == 2, "one for each turn: is there anything?"


def test_digests_go_with_the_ledger_when_it_is_pruned(store: MemoryStore) -> None:
    w = world(store, *LOW)
    w.engine = SchedulerEngine(
        store, w.engine.executor, w.clock, sender=w.sender, attention=lambda: w.settings, retention=10 * DAY
    )
    for at in ("12:00", "tomorrow 12:00"):
        w.at(at).run()
    w.clock.advance(DAY)
    w.tick()
    assert Counter(each.kind for each in store.deliveries.newest()) == {"result": 2, "digest": 2}
    w.clock.advance(9 * DAY)
    w.tick()
    w.clock.advance(STEADY)
    while w.engine.prune():
        w.clock.advance(MINUTE)
    assert Counter(each.kind for each in store.deliveries.newest()) == {"result": 1, "digest": 1}
    (member,) = store.deliveries.newest(state=DeliveryState.DIGESTED)
    assert member.digest_state is DeliveryState.SENT


def test_an_alert_is_urgent_where_its_rule_or_the_task_that_evaluates_it_says_so(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure", urgent=True), Deliver("log"), settings=NIGHTS).at("23:00")
    store.rules.add("r", "overdue_delegation", {}, w.clock.now())
    store.rules.add("own", "overdue_delegation", {}, w.clock.now(), deliver=("log:urgent",))
    found = [Finding(rule=rule, text="it burns", items=(1,)) for rule in store.rules.list()]
    run = store.start_now("t", w.clock.now())
    store.report(found, store.incidents.seen(), run.id, UTC, w.clock.now())
    w.tick()
    alerts = {(each.channel, each.urgent): each.state for each in store.deliveries.newest() if each.kind == "alert"}
    assert alerts == {("me", True): "sent", ("log", False): "held", ("log", True): "sent"}


# -- told in another way ----------------------------------------------------------------------------------
def _falls_back(w: World) -> None:
    w.store.deliveries.care = lambda channel: Care(fallback="log") if channel == "me" else Care()


def test_a_failure_that_a_fallback_told_is_known(store: MemoryStore) -> None:
    w = world(store, Deliver("me", "failure", urgent=True), settings=NIGHTS).at("23:00")
    _falls_back(w)
    w.me.raises = [SendRefused("no such number")]
    w.run(BAD, BAD, GOOD)
    assert w.log.subjects == ["t failed: exit code 1"]
    assert w.me.subjects == ["t succeeded again"]
    assert w.states == ["failed", "sent", "grouped", "sent"]
    w.me.raises = w.log.raises = []
    w.me.raises, w.log.raises = [SendRefused("no such number")], [SendRefused("no such file")]
    w.run(BAD, BAD)
    assert w.me.subjects[1:] == ["t failed: exit code 1"], "nobody was told of the first"


def test_a_fallback_keeps_to_the_quiet_hours_of_its_own_channel(store: MemoryStore) -> None:
    w = world(store, settings=Settings(Attention(), {"log": NIGHTS.usual})).at("23:00")
    _falls_back(w)
    w.me.raises = [SendRefused("no such number")]
    w.run()
    assert (w.states, w.log.subjects) == (["failed", "held"], [])
    w.at("tomorrow 07:00").tick()
    assert w.log.subjects == ["t succeeded"]


def test_a_digest_that_its_channel_refuses_goes_by_the_fallback(store: MemoryStore) -> None:
    w = world(store, *LOW)
    _falls_back(w)
    w.run(GOOD, GOOD)
    w.me.raises = [SendRefused("no such number")]
    w.at("tomorrow 08:00").tick()
    assert w.log.subjects == ["Digest: 2 results"]
    assert w.states == ["digested", "digested", "failed", "sent"]
