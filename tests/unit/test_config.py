"""Configuration: where values come from, what is refused and how, and the folders."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from errno import EACCES
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jarvis import systemzone
from jarvis.config import SETTINGS, Config, default_home, load_config, prepare_home
from jarvis.errors import ConfigError, JarvisError
from jarvis.settings.channels import ChannelSpec, CommandSpec, FileSpec
from jarvis.settings.values import LARGEST_FILE
from jarvis.systemzone import system_zone, zone_watch

DOCUMENT = Path(__file__).parents[2] / "docs" / "configuration.md"
NUMBERS = ["DAEMON_TICK_INTERVAL_SECONDS", "SCHEDULER_HANDLER_TIMEOUT_SECONDS", "JARVIS_MAX_WORKERS"]
PATHS = ["JARVIS_HOME", "DAEMON_LOG_FILE", "WEBHOOK_INBOX_DIR"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A home that exists."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def load(folder: Path, environ: Mapping[str, str] | None = None, **flags: object) -> Config:
    return load_config({"JARVIS_HOME": str(folder), "HOME": "/home/ada", "TZ": "UTC", **(environ or {})}, flags)


def problems(folder: Path, environ: Mapping[str, str] | None = None, **flags: object) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, environ, **flags)
    assert str(caught.value) == "\n".join(caught.value.problems)
    assert all("\n" not in problem for problem in caught.value.problems)
    return caught.value.problems


def toml_problems(folder: Path, text: str | bytes) -> list[str]:
    (folder / "jarvis.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return problems(folder)


# -- values -------------------------------------------------------------------------------------------------


def test_the_defaults_lie_below_the_home(folder: Path) -> None:
    config = load(folder)
    assert config.database_url == f"sqlite:///{folder}/data/memory.db"
    assert config.database_path == folder / "data" / "memory.db"
    assert config.log_file == folder / "data" / "jarvis-daemon.log"
    assert config.inbox_dir == folder / "data" / "webhook-inbox"
    assert (config.tick_interval, config.handler_timeout, config.max_workers) == (60, 300, 8)
    assert (config.log_format, config.log_level, config.timezone) == ("text", "INFO", "UTC")
    assert config.zone.key == "UTC"
    assert config.file == folder / "jarvis.toml"


def test_a_flag_beats_the_environment_which_beats_the_file_which_beats_the_default(folder: Path) -> None:
    (folder / "jarvis.toml").write_text("daemon_tick_interval_seconds = 1\njarvis_max_workers = 2\n")
    config = load(folder, {"DAEMON_TICK_INTERVAL_SECONDS": "5"}, tick_interval=0.5, log_level=None)
    assert (config.tick_interval, config.max_workers) == (0.5, 2)
    assert config.sources["DAEMON_TICK_INTERVAL_SECONDS"] == "flag --tick-interval"
    assert config.sources["JARVIS_MAX_WORKERS"] == "jarvis.toml key jarvis_max_workers"
    assert config.sources["DAEMON_LOG_LEVEL"] == "default"
    assert load(folder, {"DAEMON_TICK_INTERVAL_SECONDS": "5"}).tick_interval == 5
    assert load(folder).tick_interval == 1


def test_only_the_value_that_decides_is_judged(folder: Path) -> None:
    config = load(folder, {"DAEMON_TICK_INTERVAL_SECONDS": "abc"}, tick_interval="2")
    assert config.tick_interval == 2


def test_a_flag_that_no_setting_has_is_a_mistake_in_the_program(folder: Path) -> None:
    with pytest.raises(TypeError, match="tick_intervall"):
        load(folder, tick_intervall=3)


def test_the_process_environment_is_read_when_none_is_given(home: Path) -> None:
    assert load_config().home == home


@pytest.mark.parametrize(("text", "value"), [("0.05", 0.05), (" 60 ", 60), ("1e3", 1000), ("+5", 5)])
def test_seconds_may_have_fractions(folder: Path, text: str, value: float) -> None:
    assert load(folder, {"DAEMON_TICK_INTERVAL_SECONDS": text}).tick_interval == value


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize(
    "text",
    ["abc", "-1", "0", "nan", "inf", "-inf", "", " ", "1e-400", "1e300", "1_0", "٣", "0x10", "5m", "1,5"],
)
def test_a_bad_number_is_refused_naming_variable_value_and_range(folder: Path, name: str, text: str) -> None:
    (problem,) = problems(folder, {name: text})
    assert problem.startswith(f"environment variable {name}: got {text!r}; allowed: a ")


@pytest.mark.parametrize("value", ["true", "[60]", "2020-01-01", "nan", "-inf", "'abc'", "''", "0"])
def test_a_bad_number_in_the_file_is_refused_naming_the_key(folder: Path, value: str) -> None:
    (problem,) = toml_problems(folder, f"daemon_tick_interval_seconds = {value}")
    assert problem.startswith("jarvis.toml key daemon_tick_interval_seconds: got ")


@pytest.mark.parametrize("text", ["1025", "8.0", "1.5", "9" * 5000])
def test_the_number_of_runs_at_once_is_whole_and_bounded(folder: Path, text: str) -> None:
    (problem,) = problems(folder, {"JARVIS_MAX_WORKERS": text})
    assert problem.endswith("allowed: a whole number from 1 to 1024")
    assert len(problem) < 300


@given(text=st.text(max_size=30).filter(lambda text: "\0" not in text))
def test_any_text_is_either_a_good_interval_or_one_clear_problem(text: str) -> None:
    try:
        config = load(Path("/nowhere"), {"DAEMON_TICK_INTERVAL_SECONDS": text})
    except ConfigError as error:
        found = error.problems
    else:
        found = [] if 0 < config.tick_interval < float("inf") else ["accepted"]
    assert all(each.startswith("environment variable DAEMON_TICK_INTERVAL_SECONDS: got ") for each in found)
    assert len(found) <= 1


@pytest.mark.parametrize("text", ["debug", "DEBUG", "Debug", " debug "])
def test_a_level_may_be_spelled_in_any_case(folder: Path, text: str) -> None:
    assert load(folder, {"DAEMON_LOG_LEVEL": text}).log_level == "DEBUG"


def test_a_misspelled_word_is_answered_with_the_nearest(folder: Path) -> None:
    assert problems(folder, {"DAEMON_LOG_LEVEL": "warn", "DAEMON_LOG_FORMAT": "jsn"}) == [
        "environment variable DAEMON_LOG_FORMAT: got 'jsn' (Did you mean json?); allowed: text or json",
        "environment variable DAEMON_LOG_LEVEL: got 'warn' (Did you mean WARNING?); "
        "allowed: DEBUG, INFO, WARNING, ERROR, CRITICAL",
    ]


def test_every_bad_value_is_reported_at_once(folder: Path) -> None:
    (folder / "jarvis.toml").write_text("jarvis_max_workers = 0\ncolour = 'red'\ntasks = 3\n")
    found = problems(folder, {"DAEMON_TICK_INTERVAL_SECONDS": "abc", "JARVIS_TIMEZONE": "Denver"}, log_level=3)
    assert [problem.partition(": ")[0] for problem in found] == [
        "environment variable DAEMON_TICK_INTERVAL_SECONDS",
        "flag --log-level",
        "environment variable JARVIS_TIMEZONE",
        "jarvis.toml key jarvis_max_workers",
        "jarvis.toml key tasks",
        "jarvis.toml key 'colour'",
    ]


def test_a_bad_configuration_ends_with_the_exit_code_for_it() -> None:
    assert ConfigError("no").exit_code == 78
    assert ConfigError("no").problems == ["no"]
    assert issubclass(ConfigError, JarvisError)


# -- empty variables ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*PATHS, "JARVIS_DATABASE_URL", "JARVIS_TIMEZONE"])
@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_variable_counts_as_not_set_for_paths_url_and_zone(folder: Path, name: str, text: str) -> None:
    environ = {"JARVIS_HOME": str(folder), "HOME": "/home/ada", "TZ": "UTC"}
    unset = {key: value for key, value in environ.items() if key != name}
    assert load_config({**environ, name: text}) == load_config(unset)


@pytest.mark.parametrize("name", [*NUMBERS, "DAEMON_LOG_FORMAT", "DAEMON_LOG_LEVEL"])
def test_an_empty_variable_is_refused_for_numbers_and_words(folder: Path, name: str) -> None:
    (problem,) = problems(folder, {name: ""})
    assert problem.startswith(f"environment variable {name}: got ''; allowed: ")


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.env)
def test_an_empty_flag_or_key_is_always_refused(folder: Path, setting: Any) -> None:
    flags: dict[str, Any] = {setting.field: ""}
    assert f"flag --{setting.field.replace('_', '-')}: got ''" in str(problems(folder, **flags))
    if setting.in_file:
        (problem,) = toml_problems(folder, f"{setting.env.lower()} = ''")
        assert problem.startswith(f"jarvis.toml key {setting.env.lower()}: got ''; allowed: ")


# -- paths --------------------------------------------------------------------------------------------------


def test_a_relative_path_starts_from_the_current_folder_or_from_the_folder_of_the_file(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (folder / "jarvis.toml").write_text("webhook_inbox_dir = 'inbox'\n")
    config = load(Path("home"), {"DAEMON_LOG_FILE": "logs/x.log"})
    assert config.home == folder
    assert config.log_file == tmp_path / "logs" / "x.log"
    assert config.inbox_dir == folder / "inbox"


def test_a_relative_path_is_refused_when_the_current_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    (problem,) = problems(tmp_path, {"DAEMON_LOG_FILE": "x.log"})
    assert problem.startswith("environment variable DAEMON_LOG_FILE: got 'x.log'")


@pytest.mark.parametrize(
    ("text", "path"),
    [("~/in", "/home/ada/in"), ("~", "/home/ada"), ("$JARVIS_HOME/in", "/h/in"), ("/a b/ü", "/a b/ü")],
)
def test_the_start_of_a_path_is_understood(text: str, path: str) -> None:
    assert load(Path("/h"), {"WEBHOOK_INBOX_DIR": text}).inbox_dir == Path(path)


@pytest.mark.parametrize("text", ["~bob/x", "$HOME/x", "${JARVIS_HOME}/x", "a\udc80b"])
def test_a_path_that_would_be_misread_is_refused(folder: Path, text: str) -> None:
    (problem,) = problems(folder, {"WEBHOOK_INBOX_DIR": text})
    assert problem.startswith(f"environment variable WEBHOOK_INBOX_DIR: got {text!r}")


def test_a_nul_in_a_path_is_refused(folder: Path) -> None:
    (problem,) = toml_problems(folder, r'daemon_log_file = "a\u0000b"')
    assert r"got 'a\x00b'" in problem


def test_the_home_cannot_be_below_itself() -> None:
    (problem,) = problems(Path("$JARVIS_HOME/x"))
    assert problem.startswith("environment variable JARVIS_HOME: got '$JARVIS_HOME/x'")


def test_a_dash_means_stderr_alone(folder: Path) -> None:
    assert load(folder, {"DAEMON_LOG_FILE": "-"}).log_file is None


@pytest.mark.parametrize(
    ("environ", "platform", "home"),
    [
        ({}, "linux", "~/.local/share/jarvis"),
        ({"XDG_DATA_HOME": "/xdg"}, "linux", "/xdg/jarvis"),
        ({"XDG_DATA_HOME": "not/absolute"}, "linux", "~/.local/share/jarvis"),
        ({"XDG_DATA_HOME": "/xdg"}, "darwin", "~/Library/Application Support/jarvis"),
    ],
)
def test_the_home_is_the_platforms_data_folder(environ: dict[str, str], platform: str, home: str) -> None:
    assert default_home(environ, platform) == ("default", home)


def test_an_unknown_user_folder_is_a_problem_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    with pytest.raises(ConfigError, match="ome directory"):
        load_config({"TZ": "UTC"})


# -- database -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/j/x.db", "/var/lib/j/x.db"),
        ("sqlite:////a%20b#c", "/a%20b#c"),
        ("sqlite:///~/x.db", "/home/ada/x.db"),
        ("sqlite:///$JARVIS_HOME/x.db", "/h/x.db"),
    ],
)
def test_a_sqlite_url_names_a_file(url: str, path: str) -> None:
    config = load(Path("/h"), {"JARVIS_DATABASE_URL": url})
    assert config.database_path == Path(path)
    assert config.database_url == f"sqlite:///{path}"


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_sqlite_url_without_a_file_is_in_memory(folder: Path, url: str) -> None:
    config = load(folder, {"JARVIS_DATABASE_URL": url})
    assert (config.database_url, config.database_path) == ("sqlite://", None)


def test_any_home_makes_a_database_url_that_leads_back_to_it(tmp_path: Path) -> None:
    odd = tmp_path / "a b?c=d#e%20:f@g"
    assert load(odd).database_path == odd / "data" / "memory.db"


@pytest.mark.parametrize("url", ["postgresql://h/db", "postgres://h/db", "postgresql+psycopg://u:secret@h/db"])
def test_postgresql_is_recognised_and_refused_for_now(folder: Path, url: str) -> None:
    (problem,) = problems(folder, {"JARVIS_DATABASE_URL": url})
    assert "PostgreSQL support is not in this version" in problem


@pytest.mark.parametrize(
    "url",
    ["sqlite:///x.db", "sqlite:////x.db?mode=ro", "sqlite:x.db", "/x.db", "mysql://h/db", "sqlite3:////x"],
)
def test_any_other_database_url_is_refused(folder: Path, url: str) -> None:
    (problem,) = problems(folder, {"JARVIS_DATABASE_URL": url})
    assert "sqlite:///ABSOLUTE/PATH" in problem


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ada:hunter2@h/db",
        "postgresql://h/db?password=hunter2",
        "postgresql+psycopg://ada:hunter2@h/db",
        "host=h password=hunter2",
        "ada:hunter2@h://",
        "sqlite://ada:hunter2@h/x",
        "sqlite:////x.db?key=hunter2",
        "hunter2",
    ],
)
@pytest.mark.parametrize("source", ["environment", "flag", "file"])
def test_a_password_is_never_echoed(folder: Path, url: str, source: str) -> None:
    if source == "file":
        found = toml_problems(folder, f"jarvis_database_url = '{url}'")
    elif source == "flag":
        found = problems(folder, database_url=url)
    else:
        found = problems(folder, {"JARVIS_DATABASE_URL": url})
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.env)
def test_a_database_url_in_the_wrong_variable_is_not_echoed_either(folder: Path, setting: Any) -> None:
    url = "postgresql://ada:hunter2@h/db\0"
    assert "hunter2" not in str(problems(folder, {setting.env: url}))


# -- jarvis.toml --------------------------------------------------------------------------------------------


def test_tables_of_tasks_are_kept_as_they_are_and_those_of_channels_are_read(folder: Path) -> None:
    (folder / "jarvis.toml").write_text(
        "[tasks.hello]\nevery = '2s'\n[channels.me]\ntype = 'file'\npath = 'data/me.jsonl'\n"
        "[channels.mail]\ntype = 'command'\ncommand = ['mail', 'me']\ntimeout = 5\n"
    )
    config = load(folder)
    assert config.task_tables == {"hello": {"every": "2s"}}
    assert config.channels == {
        "me": ChannelSpec("file", FileSpec(folder / "data" / "me.jsonl")),
        "mail": ChannelSpec("command", CommandSpec(("mail", "me"), 5.0)),
    }


def test_everything_wrong_with_the_channels_is_told_at_once_with_the_key(folder: Path) -> None:
    text = """
        jarvis_max_workers = 0
        [channels.a]
        [channels.b]
        type = "fil"
        [channels.c]
        type = "file"
        format = "xml"
        pth = "x"
        [channels.d]
        type = "command"
        command = "mail me"
        timeout = 0
        [channels.e]
        type = "command"
        command = []
        [channels."f:g"]
        type = "file"
        path = "$NOPE/x"
    """
    assert toml_problems(folder, text) == [
        "jarvis.toml key jarvis_max_workers: got 0; allowed: a whole number from 1 to 1024",
        "jarvis.toml key channels.a.type: got nothing; "
        "allowed: apprise, command, desktop, file, imessage, smtp, webhook; or a url that Apprise knows.",
        "jarvis.toml key channels.b.type: got 'fil'; "
        "allowed: apprise, command, desktop, file, imessage, smtp, webhook; or a url that Apprise knows. "
        "Did you mean file?",
        "jarvis.toml key channels.c.pth: not a key of this type; allowed: path, format, "
        "fallback, fallback_on_unknown, retries, expires. Did you mean path?",
        "jarvis.toml key channels.c.path: missing; allowed: a file's path",
        "jarvis.toml key channels.c.format: got 'xml'; allowed: json or text",
        "jarvis.toml key channels.d.command: got 'mail me'; allowed: a list of arguments, such as "
        '["mail", "-s", "Jarvis", "me"]',
        "jarvis.toml key channels.d.timeout: got 0; allowed: seconds above 0 and up to 3600",
        "jarvis.toml key channels.e.command: got a list of 0; allowed: a list of arguments, such as "
        '["mail", "-s", "Jarvis", "me"]',
        "jarvis.toml key channels.'f:g': allowed: a name of letters, digits, - and _",
        "jarvis.toml key channels.f:g.path: got '$NOPE/x' (only ~ and, but for JARVIS_HOME itself, $JARVIS_HOME are "
        "replaced); allowed: a file's path",
    ]


def test_a_byte_order_mark_is_no_mistake(folder: Path) -> None:
    (folder / "jarvis.toml").write_bytes(b"\xef\xbb\xbfjarvis_max_workers = 3\n")
    assert load(folder).max_workers == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a = 1\nb = = 2\n", "line 2, column 5: Invalid value"),
        ("a = 'x", "end of document: "),
        ("a = 1\na = 2\n", "line 2, column 6: Cannot overwrite a value"),
        (b"# ok\na = '\xff'\n", "line 2, column 6: not UTF-8 text"),
        ("a = " + "[" * 100_000, ""),
        ("a = " + "9" * 5000, ""),
    ],
)
def test_broken_toml_names_file_line_and_column(folder: Path, text: str | bytes, complaint: str) -> None:
    (problem,) = toml_problems(folder, text)
    assert problem.startswith(f"{folder / 'jarvis.toml'}, {complaint}")


def test_broken_toml_does_not_hide_the_other_problems(folder: Path) -> None:
    (folder / "jarvis.toml").write_text("=")
    assert len(problems(folder, {"JARVIS_MAX_WORKERS": "x", "JARVIS_TIMEZONE": "x"})) == 3


def test_a_file_that_is_far_too_large_is_not_read(folder: Path) -> None:
    (folder / "jarvis.toml").touch()
    os.truncate(folder / "jarvis.toml", LARGEST_FILE + 1)
    (told,) = problems(folder)
    assert "bytes are too many" in told


def test_a_folder_in_place_of_the_file_is_named(folder: Path) -> None:
    (folder / "jarvis.toml").mkdir()
    assert problems(folder) == [f"{folder / 'jarvis.toml'}: cannot be read: it is not a file"]


def test_a_pipe_in_place_of_the_file_is_named_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "jarvis.toml")
    assert problems(folder) == [f"{folder / 'jarvis.toml'}: cannot be read: it is not a file"]


def test_a_file_that_may_not_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> bytes:
        raise PermissionError(EACCES, "Permission denied")

    (folder / "jarvis.toml").touch()
    monkeypatch.setattr(Path, "read_bytes", refused)  # permissions do not stop root, who may run the tests
    assert problems(folder) == [f"{folder / 'jarvis.toml'}: cannot be read: Permission denied"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("daemon_tick_intervall_seconds = 3", "not a setting. Did you mean daemon_tick_interval_seconds?"),
        ("DAEMON_LOG_LEVEL = 'INFO'", "not a setting. Did you mean daemon_log_level?"),
        ("[task.hello]\nevery = '2s'", "not a setting. Did you mean tasks?"),
        ("qqq = 1", "not a setting."),
        ("jarvis_home = '/x'", "set it outside, as the file lies in it"),
        ("tasks = 'postgres://u:hunter2@h'", "allowed: a table [tasks.NAME]"),
        ("[channels]\nme = 'x'", "allowed: a table [channels.NAME]"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(folder: Path, text: str, complaint: str) -> None:
    (problem,) = toml_problems(folder, text)
    assert problem.startswith("jarvis.toml key ")
    assert problem.endswith(f": {complaint}")


# -- time zone ----------------------------------------------------------------------------------------------


def etc(tmp_path: Path, link: str | None = None, text: str | None = None) -> Path:
    """A stand-in for /etc."""
    folder = tmp_path / "etc"
    folder.mkdir()
    if link is not None:
        (folder / "localtime").symlink_to(link)
    if text is not None:
        (folder / "timezone").write_text(text)
    return folder


@pytest.mark.parametrize(
    ("tz", "zone"),
    [
        ("America/Denver", "America/Denver"),
        (":America/Denver", "America/Denver"),
        ("/usr/share/zoneinfo/America/Denver", "America/Denver"),
        (":/usr/share/zoneinfo/posix/Asia/Tokyo", "Asia/Tokyo"),
        ("", "UTC"),
    ],
)
def test_the_systems_zone_is_that_of_tz(tmp_path: Path, tz: str, zone: str) -> None:
    source, name = system_zone({"TZ": tz}, etc(tmp_path, text="Asia/Tokyo"))
    assert (source.startswith("environment variable TZ"), name) == (True, zone)


def test_a_tz_that_is_no_name_is_refused_rather_than_guessed_at(folder: Path) -> None:
    (problem,) = problems(folder, {"TZ": "MST7MDT,M3.2.0,M11.1.0"})
    assert problem.startswith("environment variable TZ (JARVIS_TIMEZONE is not set): got 'MST7MDT,")
    assert load(folder, {"TZ": "MST7MDT,M3.2.0,M11.1.0", "JARVIS_TIMEZONE": "UTC"}).timezone == "UTC"


@pytest.mark.parametrize(
    ("link", "text", "zone"),
    [
        ("/usr/share/zoneinfo/America/Denver", "Asia/Tokyo\n", "America/Denver"),
        ("../usr/share/zoneinfo/Etc/UTC", None, "Etc/UTC"),
        ("/var/db/timezone/zoneinfo/Europe/Zurich", None, "Europe/Zurich"),
        ("/nowhere/at/all", "Asia/Tokyo\n", "Asia/Tokyo"),
        (None, "Asia/Tokyo\n", "Asia/Tokyo"),
        (None, "Not/A Zone\n", "UTC"),
        (None, None, "UTC"),
    ],
)
@pytest.mark.parametrize("environ", [{}, {"TZ": ":/etc/localtime"}])
def test_the_systems_zone_is_read_from_its_files(
    tmp_path: Path, environ: dict[str, str], link: str | None, text: str | None, zone: str
) -> None:
    assert system_zone(environ, etc(tmp_path, link, text))[1] == zone


def test_a_link_to_a_link_is_followed_to_the_zone(tmp_path: Path) -> None:
    (tmp_path / "zoneinfo" / "Asia").mkdir(parents=True)
    (tmp_path / "zoneinfo" / "Asia" / "Tokyo").touch()
    (tmp_path / "chosen").symlink_to(tmp_path / "zoneinfo" / "Asia" / "Tokyo")
    assert system_zone({}, etc(tmp_path, str(tmp_path / "chosen")))[1] == "Asia/Tokyo"


# -- folders ------------------------------------------------------------------------------------------------


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def prepare_problems(config: Config) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        prepare_home(config)
    return caught.value.problems


def test_the_folders_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    config = load(tmp_path / "deep" / "home")
    prepare_home(config)
    prepare_home(config)
    assert [mode(path) for path in (config.home, config.data_dir, config.inbox_dir)] == [0o700] * 3


def test_only_the_folder_that_jarvis_made_is_closed_to_others(folder: Path, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for path in (folder, folder / "data", inbox):
        path.mkdir(exist_ok=True)
        path.chmod(0o755)
    prepare_home(load(folder, {"WEBHOOK_INBOX_DIR": str(inbox)}))
    assert (mode(folder), mode(folder / "data"), mode(inbox)) == (0o755, 0o700, 0o755)


def test_a_data_folder_that_is_a_link_keeps_the_users_modes(folder: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "disk"
    elsewhere.mkdir()
    elsewhere.chmod(0o750)
    (folder / "data").symlink_to(elsewhere)
    prepare_home(load(folder))
    assert mode(elsewhere) == 0o750


@pytest.mark.parametrize("below", ["", "x", "x/y"])
def test_a_file_in_place_of_a_folder_is_named_once(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").touch()
    home = tmp_path / "file" / below
    (problem,) = prepare_problems(load(home))
    assert problem.startswith(f"JARVIS_HOME: the folder {str(home)!r} cannot be used: ")
    assert problem.endswith(("it is not a folder", "Not a directory"))


def test_each_folder_that_cannot_be_used_is_named(folder: Path, tmp_path: Path) -> None:
    (folder / "data").touch()
    (tmp_path / "inbox").symlink_to(tmp_path / "nowhere" / "at" / "all")
    found = prepare_problems(load(folder, {"WEBHOOK_INBOX_DIR": str(tmp_path / "inbox")}))
    assert [problem.partition(" the folder ")[0] for problem in found] == [
        "JARVIS_HOME:",
        "WEBHOOK_INBOX_DIR:",
    ]


def test_a_home_where_the_system_allows_none_is_named() -> None:
    (problem,) = prepare_problems(load(Path("/proc/jarvis/home")))
    assert problem.startswith("JARVIS_HOME: the folder '/proc/jarvis/home' cannot be used: ")


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """An open folder, and no root's rights while the test runs: permissions do not stop root."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "home").mkdir()
        (folder / "home").chmod(0o555)
        folder.chmod(0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)


@pytest.mark.parametrize(
    ("home", "reason"),
    [("home", "it cannot be written (permissions, or a read-only disk)"), ("new", "Permission denied")],
)
def test_a_home_that_cannot_be_written_is_named(unprivileged: Path, home: str, reason: str) -> None:
    (unprivileged / "home" / "x").exists()
    found = prepare_problems(load(unprivileged / home))
    assert found[0] == f"JARVIS_HOME: the folder {str(unprivileged / home)!r} cannot be used: {reason}"
    assert len(found) == 1


# -- the rest -----------------------------------------------------------------------------------------------


def test_the_document_has_every_setting_with_its_default_and_nothing_else() -> None:
    rows = {f"| `{each.env}` | {shown_default(each)} | {each.allowed} | {each.doc} |" for each in SETTINGS}
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    assert {line for line in lines if line.startswith("| `")} == rows


def shown_default(setting: Any) -> str:
    return str(setting.default) if setting.detect else f"`{setting.default}`"


def test_every_row_of_the_table_is_a_field_of_the_configuration() -> None:
    others = {"task_tables", "channels", "attention", "inbox_sources", "sources"}
    assert {setting.field for setting in SETTINGS} == set(Config._fields) - others


@pytest.mark.process
def test_importing_the_configuration_is_cheap() -> None:
    program = "import sys, msgspec; before = {*sys.modules}; import jarvis.config; print(*{*sys.modules} - before)"
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    dear = {"tomllib", "difflib", "dataclasses", "asyncio", "logging", "tempfile", "shutil"}
    assert not dear & set(loaded.stdout.split())


def test_a_zone_found_on_the_machine_is_looked_up_again_and_a_configured_one_is_not() -> None:
    at_home = {"TZ": "America/Denver"}
    source, name = system_zone(at_home)
    watch = zone_watch(name, source, at_home, every=0)
    assert watch() == "America/Denver"
    at_home["TZ"] = "Asia/Tokyo"  # the traveller's laptop
    assert watch() == "Asia/Tokyo"
    assert zone_watch("Europe/Berlin", "environment variable JARVIS_TIMEZONE", at_home)() == "Europe/Berlin"
    resting = zone_watch("Asia/Tokyo", source, at_home)
    assert resting() == "Asia/Tokyo"
    at_home["TZ"] = "America/Denver"
    assert resting() == "Asia/Tokyo"  # looked at a moment ago


def test_the_zone_is_looked_up_again_only_where_its_files_look_different(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, asked = etc(tmp_path, "/usr/share/zoneinfo/Asia/Tokyo"), list[str]()
    source, name = system_zone({}, folder)
    watch = zone_watch(name, source, {}, folder, every=0)

    def counted(environ: Mapping[str, str], folder: Path) -> tuple[str, str]:
        asked.append("once more")
        return system_zone(environ, folder)

    monkeypatch.setattr(systemzone, "system_zone", counted)
    assert [watch(), watch(), watch()] == ["Asia/Tokyo"] * 3
    assert len(asked) == 1
    (folder / "localtime").unlink()
    (folder / "localtime").symlink_to("/usr/share/zoneinfo/Europe/Berlin")
    assert [watch(), watch()] == ["Europe/Berlin"] * 2
    assert len(asked) == 2
    (folder / "localtime").unlink()
    (folder / "timezone").write_text("America/Denver\n")
    assert watch() == "America/Denver"
