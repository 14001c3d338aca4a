"""A tenant at the vendor's side: a database of its own, known here by the stand-in's command line only."""

from dataclasses import dataclass
from pathlib import Path

from programs import operations_center


@dataclass(frozen=True)
class Source:
    """A tenant's database, whose cycles go to one receiver."""

    name: str
    file: Path
    application: Path
    url: str

    @classmethod
    def new(cls, name, folder, application, url, size, seed):
        operations_center("tenant", "new", "--folder", folder, "--name", name, "--size", size, "--seed", seed)
        return cls(name, folder / f"{name}.db", application, url)

    def change(self, inserts, updates, deletes, seed):
        amounts = ("--inserts", inserts, "--updates", updates, "--deletes", deletes)
        operations_center("tenant", "change", "--tenant", self.file, *amounts, "--seed", seed)

    def cycle(self, *options):
        where = ("--application", self.application, "--tenant", self.file, "--url", self.url)
        printed = operations_center("cycle", *where, *options)
        assert "\ncompleted: " in printed, printed
        return printed

    def checksums(self):
        """Checksum and row count of every table, computed by the source from its own database."""
        _, *lines = operations_center("checksum", "--tenant", self.file).splitlines()
        cells = [line.split() for line in lines]
        return {table: (checksum, int(rows)) for checksum, table, rows in cells}
