"""Every verb: where it is carried out, and what it is for in one line. `jarvis --help` and docs/cli.md follow it."""

from __future__ import annotations

# Purpose -> verb -> (module below jarvis.cli, summary). The module holds the Command under the verb's last
# word in capitals: `task add` is task_add.ADD.
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Run Jarvis": {
        "daemon": ("daemon", "run the daemon in the foreground; a service manager starts this"),
        "tick": ("tick", "do now, once, what is due, and wait for it"),
        "imessage": ("imessage", "take commands by iMessage: a process of its own; a service manager starts this"),
        "status": ("status", "what is going on: daemons, tasks, what is due next, the last day's runs"),
    },
    "Say what is to be done": {
        "task add": ("task_add", "store a task: its name, its schedule and what it does"),
        "task list": ("task", "every task, when it is due next and how it went last"),
        "task show": ("task", "everything about one task"),
        "task edit": ("task_edit", "change a stored task: only what is given changes"),
        "task pause": ("task_change", "start no more runs of a task, until it is resumed"),
        "task resume": ("task_change", "let a paused task run again, from now on"),
        "task remove": ("task_change", "take a task away; its runs stay in the ledger"),
        "task run": ("task_run", "run a task at once, beside its schedule"),
        "event emit": ("event", "say that something has happened; tasks that wait for it are started"),
        "apply": ("apply", "make the tasks of a file those in the store; jarvis.toml if none is named"),
        "handler list": ("handler", "what a task can be made to do: every handler, and what is wrong with which file"),
        "next": ("next", "the next instants of a task, or of a cron expression"),
        "simulate": ("simulate", "what the tasks would do over a span, with nights asleep, kills and clock steps"),
    },
    "See what became of it": {
        "why": ("why", "what became of a task at a moment, or will, and from which facts"),
        "runs list": ("runs", "the ledger: what ran, failed, was missed or skipped, and why"),
        "runs show": ("runs", "everything about one run"),
        "runs logs": ("runs_logs", "what a run wrote, byte for byte; with -f as it comes"),
        "runs cancel": ("runs", "end one run: it has not started, or is asked to stop"),
    },
    "See what was said of it": {
        "delivery list": ("delivery", "the outbox: what went to which channel, what waits, and why"),
        "delivery show": ("delivery", "everything about one delivery, and its text"),
        "delivery retry": ("delivery", "send again what failed, has expired or may have arrived"),
        "delivery release": ("delivery", "send now what is held for quiet hours, a digest or a cap"),
        "attention show": ("attention", "when each channel may be told of something, and what is held for it"),
        "delivery channels": ("delivery_channels", "every channel: where it leads, and how it went last"),
        "delivery test": ("delivery_test", "send a message by a channel now, and say what came of it"),
    },
    "See what came in": {
        "inbox list": ("inbox", "what came in, what waits, what failed and why"),
        "inbox show": ("inbox", "everything about one event, or one file of the inbox"),
        "inbox retry": ("inbox", "put files that failed back into the inbox"),
        "inbox serve": ("inbox_serve", "receive events over HTTP, check who sent them, and drop them into the inbox"),
    },
    "The assistant's memory": {
        "delegation add": ("delegation", "remember something that another person does"),
        "delegation list": ("delegation", "what was handed to whom, and until when"),
        "delegation show": ("delegation", "everything about one delegation, and its history"),
        "delegation edit": ("delegation", "change a delegation: only what is given changes"),
        "delegation done": ("delegation", "a delegation is completed"),
        "delegation cancel": ("delegation", "a delegation will not be carried out"),
        "delegation delete": ("delegation", "forget a delegation"),
        "decision add": ("decision", "remember a decision that has to be carried out"),
        "decision list": ("decision", "what was decided, and whether it has been carried out"),
        "decision show": ("decision", "everything about one decision, and its history"),
        "decision edit": ("decision", "change a decision: only what is given changes"),
        "decision done": ("decision", "a decision has been carried out"),
        "decision cancel": ("decision", "a decision will not be carried out"),
        "decision delete": ("decision", "forget a decision"),
        "fact set": ("fact", "remember a fact"),
        "fact get": ("fact", "what is known under a category and a key"),
        "fact list": ("fact", "everything that is known"),
        "fact search": ("fact_search", "find facts by their words"),
        "fact history": ("fact_search", "what a fact was before, and who changed it"),
        "fact delete": ("fact", "forget a fact"),
        "rule add": ("rule_add", "watch for something and alert when it happens"),
        "rule list": ("rule", "what is watched"),
        "rule show": ("rule", "everything about one rule, and what it found last"),
        "rule edit": ("rule_add", "change a rule: only what is given changes"),
        "rule test": ("rule", "evaluate a rule now, and change nothing"),
        "rule enable": ("rule", "evaluate a rule again"),
        "rule disable": ("rule", "evaluate a rule no more"),
        "rule delete": ("rule", "take a rule away; its incidents stay"),
        "incident list": ("incident", "what rules found: what fires, is acknowledged, is over"),
        "incident show": ("incident", "everything about one incident, and what was told of it"),
        "incident ack": ("incident", "you have seen it: it is not told again before it is over"),
        "memory history": ("memory", "what was changed of all this, by whom, and what it was before"),
        "memory undo": ("memory", "take back your last change, or another"),
    },
    "Keep it running": {
        "doctor": ("doctor", "look everything over, and say of each thing that is wrong what to do"),
        "service install": ("service", "have launchd or systemd keep the daemon running"),
        "service uninstall": ("service", "end the service and take it away"),
        "service status": ("service_status", "whether the service is installed and runs, and what to do"),
        "service restart": ("service", "end the service and start it; a stopped one is started"),
        "service stop": ("service", "end the service until the next login or restart"),
        "service logs": ("service_status", "the end of what the service has said; with -f as it comes"),
        "service files": ("service_files", "where the scripts and templates for service managers are"),
        "service migrate": ("service_migrate", "from the three old launchd agents to the service, and back"),
    },
    "Keep it safe, and move": {
        "backup": ("backup", "a copy of the store, whole and packed, while a daemon writes to it"),
        "restore": ("restore", "put a backup in the place of the store; what was there is kept"),
        "import": ("import_", "bring over what an earlier assistant stored, every row accounted for"),
    },
    "Help": {
        "help": ("help", "this list, the help of one verb (jarvis help task add), or a topic (jarvis help topics)"),
        "completion": ("completion", "a script that makes bash, zsh or fish complete the command line"),
    },
}

VERBS = {verb: entry for group in GROUPS.values() for verb, entry in group.items()}

# Verbs that DESIGN names and this version does not have: "unknown" would be a puzzle.
LATER = ("web", "mcp")


def nouns() -> dict[str, list[str]]:
    """First word -> its second words; none for a verb of one word."""
    found: dict[str, list[str]] = {}
    for verb in VERBS:
        noun, _, action = verb.partition(" ")
        found.setdefault(noun, []).extend([action] if action else [])
    return found
