"""A cron expression in plain English, as `jarvis` shows it."""

from __future__ import annotations

import pytest

from jarvis.scheduler.cron import CronExpression


@pytest.mark.parametrize(
    ("expr", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/15 * * * *", "every 15 minutes"),
        ("*/30 * * * *", "every 30 minutes"),
        ("0 * * * *", "every hour"),
        ("0 */2 * * *", "every 2 hours"),
        ("0 8-18 * * *", "every hour from 08:00 to 18:00"),
        ("*/7 * * * *", "at every 7th minute from 0 to 56 of every hour"),
        ("5 * * * *", "at minute 5 of every hour"),
        ("30 */2 * * *", "at minute 30 of every 2nd hour from 00:00"),
        ("0 1-23/2 * * *", "at minute 0 of every 2nd hour from 1 to 23"),
        ("*/15 9-17 * * 1-5", "every 15 minutes from 09:00 to 17:59, Monday to Friday"),
        ("* 1,3 * * *", "every minute during hours 1 and 3"),
        ("10-30 9-17 * * *", "at minutes 10 to 30 of every hour from 09:00 to 17:59"),
        ("1-9 9-11 * * *", "at minutes 1 to 9 of every hour from 09:00 to 11:59"),
        ("1-9 9,10 * * *", "at minutes 1 to 9 of hours 9 and 10"),
        ("0 1-8 * * *", "at 01:00, 02:00, 03:00, 04:00, 05:00, 06:00, 07:00 and 08:00 every day"),
        ("0 9 * * 1-5", "at 09:00, Monday to Friday"),
        ("0 9 * * *", "at 09:00 every day"),
        ("30 9,17 * * 6,0", "at 09:30 and 17:30, Saturday and Sunday"),
        ("0 9 * * sun-thu", "at 09:00, Sunday to Thursday"),
        ("0 0 L * *", "at 00:00 on the last day of the month"),
        ("0 0 LW * *", "at 00:00 on the last weekday of the month"),
        ("0 0 15W * *", "at 00:00 on the weekday nearest the 15th of the month"),
        ("0 0 1W * *", "at 00:00 on the weekday nearest the 1st of the month"),
        ("0 0 11,21 * *", "at 00:00 on the 11th and 21st of the month"),
        ("0 0 1-9/2 * *", "at 00:00 on every 2nd day from the 1st to the 9th of the month"),
        ("0 0 1-7/2 * *", "at 00:00 on the 1st, 3rd, 5th and 7th of the month"),
        ("0 0 1,22,3,L 2 *", "at 00:00 on the 1st, 3rd and 22nd and the last day of February"),
        ("0 0 */2 * *", "at 00:00 on every 2nd day from the 1st to the 31st of the month"),
        ("0 0 29 2 *", "at 00:00 on the 29th of February"),
        ("0 0 * 1-3 *", "at 00:00 every day in January to March"),
        ("* * * 1 *", "every minute in January"),
        ("0 0 13 * 5", "at 00:00 on the 13th of the month or on Friday"),
        ("0 0 13 * 5L", "at 00:00 on the 13th of the month or on the last Friday of the month"),
        ("0 0 1-31 * 5", "at 00:00 every day"),
        ("0 0 13 * 0-6", "at 00:00 every day"),
        ("0 0 * 6 5", "at 00:00, Friday in June"),
        ("0 0 13 6,8 5", "at 00:00 on the 13th of the month or on Friday, in June and August"),
        ("0 0 */5 * fri", "at 00:00 on every 5th day from the 1st to the 31st of the month if it is Friday"),
        ("0 0 * * 1#2", "at 00:00, the second Monday of the month"),
        ("0 0 * 5 5L", "at 00:00, the last Friday of May"),
        ("0 0 * * tue,mon#2", "at 00:00, Tuesday and the second Monday of the month"),
        ("20 0 9 * * *", "at 09:00:20 every day"),
        ("* * * * * *", "every second"),
        ("*/10 * 9-17 * * *", "every 10 seconds from 09:00 to 17:59"),
        ("5,50 * * * * *", "at seconds 5 and 50 of every minute"),
        ("*/10 0-4 * * * *", "every 10 seconds in minutes 0 to 4 of every hour"),
        ("0-3 0-4 * * * *", "at seconds 0 to 3 of minutes 0 to 4 of every hour"),
    ],
)
def test_a_schedule_is_explained_in_plain_english(expr: str, words: str) -> None:
    assert CronExpression(expr, "America/Denver").explain() == f"{words}, in America/Denver"
