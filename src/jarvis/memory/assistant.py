"""The assistant's tables, as one author writes them."""

from __future__ import annotations

from typing import Self

from jarvis.memory.alert_rules import RuleTable
from jarvis.memory.changes import USER, ChangeTable
from jarvis.memory.checked import line
from jarvis.memory.decisions import DecisionTable
from jarvis.memory.delegations import DelegationTable
from jarvis.memory.facts import FactTable
from jarvis.memory.sqlite import Database


class AssistantTables:
    """Facts, delegations, decisions and rules, and the history of what was changed of them."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._sign(USER)

    def by(self, source: str) -> Self:
        """The same store, for an author whose changes bear that name: a user, or a task and its run."""
        view = object.__new__(type(self))
        view.__dict__.update(self.__dict__)
        view._sign(line("who changes the store", source))
        return view

    def _sign(self, source: str) -> None:
        self.changes = ChangeTable(self.database, source)
        self.facts = FactTable(self.database, self.changes)
        self.delegations = DelegationTable(self.database, self.changes)
        self.decisions = DecisionTable(self.database, self.changes)
        self.rules = RuleTable(self.database, self.changes)
