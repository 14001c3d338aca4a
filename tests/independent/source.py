"""The vendor's side: registered applications and tenants, known here by the stand-in's command line only."""

import json
from dataclasses import dataclass
from pathlib import Path

from programs import operations_center

APPLICATION = "independent0123456789"


@dataclass(frozen=True)
class Center:
    """An Operations Center's folder with one registered application."""

    folder: Path
    application: str

    @classmethod
    def new(cls, folder):
        operations_center("--folder", folder, "app", "register", "Independent", "--id", APPLICATION)
        return cls(folder, APPLICATION)

    def __call__(self, *arguments):
        return operations_center("--folder", self.folder, *arguments)

    @property
    def application_folder(self):
        """What the receiver is handed, and the application's description."""
        return self.folder / "applications" / self.application

    @property
    def environment_folder(self):
        """The vendor's own key."""
        return self.folder / "environments" / "development"


@dataclass(frozen=True)
class Source:
    """A tenant's database, whose cycles go to one receiver."""

    name: str
    center: Center
    url: str

    @classmethod
    def new(cls, name, center, url, size, seed):
        center("tenant", "create", name, "--size", size, "--seed", seed)
        center("tenant", "approve", name, center.application)
        return cls(name, center, url)

    def change(self, inserts, updates, deletes, seed):
        amounts = ("--inserts", inserts, "--updates", updates, "--deletes", deletes)
        self.center("tenant", "change", self.name, *amounts, "--seed", seed)

    def cycle(self, *options):
        printed = self.center("cycle", self.center.application, self.name, "--url", self.url, *options)
        assert "\ncompleted: " in printed, printed
        return printed

    def checksums(self):
        """Checksum and row count of every table, computed by the source from its own database."""
        tables = json.loads(self.center("truth", self.name, "-o", "json"))["tables"]
        return {table["table"]: (table["checksum"], table["rows"]) for table in tables}

    def drop(self):
        self.center("tenant", "drop", self.name, "--yes")
